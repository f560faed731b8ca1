/** Cuts a request that is too large for a backend in two, between items. */
import type { EnvelopePath, Keying } from "./envelope.ts";
import { requestShapes } from "./shape.ts";
import { type Signal, signals } from "./signal.ts";
import { type KeyOwners, type SplitPart, Splitter } from "./split.ts";

/** Every item has a key of its own: its bytes, which nobody looks at, since items are told apart by their order. */
class ItemKeying implements Keying {
  readonly leafLevel: number;
  readonly unroutableReason = undefined;
  bytes: Uint8Array = new Uint8Array(0);
  readonly start = 0;
  readonly end = 0;

  constructor(leafLevel: number) {
    this.leafLevel = leafLevel;
  }

  find(path: EnvelopePath): boolean {
    this.bytes = path.bytes;
    return true;
  }
}

const splitters = Object.fromEntries(
  signals.map((signal) => [signal, new Splitter(signal, new ItemKeying(requestShapes[signal].itemLevel))]),
) as Record<Signal, Splitter>;

const everything: KeyOwners = { ownerCount: 1, ownerOf: () => 0 };

/** The first half of the items to owner 0, the rest to owner 1. */
function halves(itemCount: number): KeyOwners {
  let index = 0;
  return { ownerCount: 2, ownerOf: () => (index++ < itemCount / 2 ? 0 : 1) };
}

/**
 * Two requests that hold the items of one between them, in order; undefined where there are fewer
 * than two items and nothing can be cut. Throws WireError where the bytes are no such request.
 */
export function cutInHalf(signal: Signal, payload: Buffer): readonly SplitPart[] | undefined {
  const splitter = splitters[signal];
  const { itemCount } = splitter.split(payload, everything);
  if (itemCount < 2) return undefined;
  return splitter.split(payload, halves(itemCount)).parts;
}
