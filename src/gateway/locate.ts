/** Where a key lives on a ring: for `otlp-ring route` and the status page. */
import type { Ring } from "../ring/ring.ts";

export interface KeyLocation {
  readonly slot: number;
  readonly member: string;
}

export function locateKey(ring: Ring, key: Uint8Array): KeyLocation {
  const slot = ring.slotOf(key, 0, key.length);
  return { slot, member: ring.members[ring.slots[slot]!]! };
}
