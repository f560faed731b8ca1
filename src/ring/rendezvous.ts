/**
 * Who owns a slot: the member with the highest score for it (rendezvous hashing), so that a joiner
 * can only take and a leaver can only give.
 *
 * Scores are stratified: over a table of 2^k slots, a member's scores have each of the 2^k values
 * of their high k bits exactly once, in an order of the member's own, and random low bits. Every
 * member thus wants equally much in all; only the pairing of wishes is left to chance. That halves
 * the variance of ownership against independent scores, at no cost: a coefficient of variation of
 * 0.8 % in place of 1.2 % for 10 members on 65,536 slots.
 */
import { fingerprint64, mix32 } from "./hash.ts";

/** What stands in a slot that nobody has claimed yet; loses every comparison. */
export const nobody = 0xffff;
export const worstScore = -(2 ** 31);

/** 2^32 divided by the golden ratio: multiples of it are spread evenly. */
const goldenRatio32 = 0x9e3779b1;

/**
 * Claims the `contested` slots for a member: those for which its score beats the owner's become
 * its own. `slots` holds each slot's owner, `scores` that owner's score.
 *
 * Of equal scores (one slot in 2^32 for two members) the lower index wins: a total order, so that
 * no order of claims makes another table.
 */
export function claimSlots(
  member: string,
  index: number,
  contested: Int32Array,
  slots: Uint16Array,
  scores: Int32Array,
): void {
  const { offset0, offset1, offset2, factor0, factor1, factor2, jitter } = scoreKey(member);
  const mask = slots.length - 1;
  const bits = Math.log2(slots.length);
  const lowBits = -1 >>> bits;
  const shift = bits >>> 1;

  for (const slot of contested) {
    // Three rounds, each a permutation of the slots: odd factors and xor-shifts are invertible.
    let stratum = Math.imul(slot ^ offset0, factor0) & mask;
    stratum ^= stratum >>> shift;
    stratum = Math.imul(stratum ^ offset1, factor1) & mask;
    stratum ^= stratum >>> shift;
    stratum = Math.imul(stratum ^ offset2, factor2) & mask;
    stratum ^= stratum >>> shift;

    // Most claims are lost whatever the low bits are, and never compute them.
    const ceiling = (stratum << (32 - bits)) | lowBits;
    const ownerScore = scores[slot]!;
    if (ceiling < ownerScore) continue;
    const score = ceiling ^ (mix32(jitter ^ Math.imul(slot, goldenRatio32)) >>> bits);
    if (score > ownerScore || (score === ownerScore && index < slots[slot]!)) {
      scores[slot] = score;
      slots[slot] = index;
    }
  }
}

/**
 * What a member's scores are made from, all from its name alone: offsets and multipliers of the
 * three rounds and the seed of the low bits. Signed, so that the engine keeps small integers.
 */
function scoreKey(member: string) {
  const { high, low } = fingerprint64(member);
  return {
    offset0: low | 0,
    offset1: high | 0,
    offset2: mix32(low ^ mix32(high)) | 0,
    factor0: mix32(low + 0x9e3779b9) | 1,
    factor1: mix32(high + 0x7f4a7c15) | 1,
    factor2: mix32(mix32(low + 0x85ebca6b) + high) | 1,
    jitter: mix32(low + mix32(high + 0x165667b1)) | 0,
  };
}
