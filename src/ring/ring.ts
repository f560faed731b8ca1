/**
 * The slot table: which member owns which routing key. It is immutable, looked up by one index,
 * and the same for the same members and size on every machine (test/unit/ring/vectors.json).
 *
 *     key bytes --fingerprint32--> slot (low bits) --slots[]--> member
 *
 * A ring has at least one member; where no member is known yet there is no ring (`undefined`).
 */
import { fingerprint32 } from "./hash.ts";
import { claimSlots, nobody, worstScore } from "./rendezvous.ts";

/** Part of every ring's fingerprint: replicas that would place keys differently must not look alike. */
const algorithmVersion = 1;

export const slotCountMin = 2 ** 10;
export const slotCountMax = 2 ** 22;
export const slotCountDefault = 2 ** 16;
/** An index has 16 bits, and one value of them means "nobody yet". */
export const memberCountMax = 0xffff;

export interface RingOptions {
  /** The strings that discovery gives, with port, in any order; duplicates count once. */
  readonly members: readonly string[];
  /** Number of slots: a power of two from 2^10 to 2^22. */
  readonly size?: number;
}

export class Ring {
  /** Sorted by UTF-16 code unit, without duplicates. */
  readonly members: readonly string[];
  readonly size: number;
  readonly mask: number;
  /** Index into `members` of each slot's owner. */
  readonly slots: Uint16Array;
  /** The owner's score for each slot, so that a joiner is compared with the owner alone. */
  readonly ownerScores: Int32Array;
  /** 32 bits over algorithm, size and members: equal rings, equal fingerprints. */
  readonly fingerprint: number;

  constructor(members: readonly string[], slots: Uint16Array, ownerScores: Int32Array) {
    this.members = members;
    this.size = slots.length;
    this.mask = slots.length - 1;
    this.slots = slots;
    this.ownerScores = ownerScores;
    this.fingerprint = fingerprintOf(members, slots.length);
  }

  /** The slot of the routing key `bytes[start, end)`. */
  slotOf(bytes: Uint8Array, start: number, end: number): number {
    return fingerprint32(bytes, start, end) & this.mask;
  }

  /** Index into `members` of the owner of the routing key `bytes[start, end)`. */
  ownerOf(bytes: Uint8Array, start: number, end: number): number {
    return this.slots[fingerprint32(bytes, start, end) & this.mask]!;
  }
}

/** Throws a RangeError for a size or a number of members that no table can have. */
export function buildRing({ members, size = slotCountDefault }: RingOptions): Ring {
  if (size < slotCountMin || size > slotCountMax || !Number.isInteger(Math.log2(size))) {
    throw new RangeError(
      `a ring has a power of two from ${slotCountMin} to ${slotCountMax} slots, not ${size}`,
    );
  }
  const sorted = normalise(members);
  const slots = new Uint16Array(size).fill(nobody);
  const scores = new Int32Array(size).fill(worstScore);
  const everySlot = Int32Array.from(slots, (_, slot) => slot);
  for (const [index, member] of sorted.entries()) claimSlots(member, index, everySlot, slots, scores);
  return new Ring(sorted, slots, scores);
}

/**
 * The ring of other members and the same size: the same table as `buildRing` makes, at the cost of
 * the change. A joiner is compared with each slot's owner; the slots of those that left, and only
 * those, are contended for by all who stay.
 */
export function changeMembers(ring: Ring, members: readonly string[]): Ring {
  const sorted = normalise(members);
  const newIndex = new Map(sorted.map((member, index) => [member, index]));
  const indexOfOld = Uint16Array.from(ring.members, (member) => newIndex.get(member) ?? nobody);
  const slots = ring.slots.map((oldIndex) => indexOfOld[oldIndex]!);
  const scores = ring.ownerScores.slice();

  const everySlot = Int32Array.from(slots, (_, slot) => slot);
  const vacated = everySlot.filter((slot) => slots[slot] === nobody);
  for (const slot of vacated) scores[slot] = worstScore;
  const before = new Set(ring.members);
  for (const [index, member] of sorted.entries()) {
    claimSlots(member, index, before.has(member) ? vacated : everySlot, slots, scores);
  }
  return new Ring(sorted, slots, scores);
}

function normalise(members: readonly string[]): string[] {
  const sorted = [...new Set(members)].sort();
  if (sorted.length === 0 || sorted.length > memberCountMax) {
    throw new RangeError(`a ring has 1 to ${memberCountMax} members, not ${sorted.length}`);
  }
  return sorted;
}

/** JSON, because it quotes: no two lists of members give the same text. */
function fingerprintOf(members: readonly string[], size: number): number {
  const text = Buffer.from(JSON.stringify(["otlp-ring", algorithmVersion, size, ...members]), "utf8");
  return fingerprint32(text, 0, text.length);
}
