/** What a ring gives to each member, and what lies between two rings: for metrics, logs and the status page. */
import type { Ring } from "./ring.ts";

/** Share of the slots that each member owns, in the order of `ring.members`; the shares sum to 1. */
export function ownership(ring: Ring): Float64Array {
  const shares = new Float64Array(ring.members.length);
  for (const owner of ring.slots) shares[owner]! += 1;
  return shares.map((slotCount) => slotCount / ring.size);
}

/** Standard deviation of the members' shares over their mean: 0 where all own alike. */
export function coefficientOfVariation(ring: Ring): number {
  const mean = 1 / ring.members.length;
  const squares = ownership(ring).map((share) => (share - mean) ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) * mean) / mean;
}

/**
 * How many slots have different owners in the two rings, of the larger ring's slots: rings of
 * different sizes are compared where they place the same keys.
 */
export function movedSlots(from: Ring, to: Ring): number {
  const indexInTo = new Map(to.members.map((member, index) => [member, index]));
  const sameMember = Int32Array.from(from.members, (member) => indexInTo.get(member) ?? -1);
  const slotCount = Math.max(from.size, to.size);
  let moved = 0;
  for (let slot = 0; slot < slotCount; slot += 1) {
    if (sameMember[from.slots[slot & from.mask]!] !== to.slots[slot & to.mask]) moved += 1;
  }
  return moved;
}
