/**
 * Identities in few bytes, for keys that are made of much: a key that held the bytes themselves would be
 * copied and hashed for every item, however large somebody makes a resource. Two that collide are
 * routed together, which harms nobody.
 */
import { WireReader } from "../wire/reader.ts";

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a of `bytes[start, end)`, 32 bits; of nothing it is that of the empty text. */
export function fnv1a(bytes: Uint8Array, start: number, end: number): number {
  let hash = FNV_OFFSET;
  for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ bytes[at]!, FNV_PRIME);
  return hash;
}

export const attributeSetBytes = 12;

/**
 * A set of attributes as twelve bytes, which are the same in whatever order they came: how many there
 * are, and two sums over their hashes. Sorting would do as well, but costs more the more attributes
 * somebody sends.
 */
export class AttributeSet {
  readonly #reader = new WireReader();
  #count = 0;
  #sum = 0;
  #mixedSum = 0;

  clear(): void {
    this.#count = 0;
    this.#sum = 0;
    this.#mixedSum = 0;
  }

  /** Adds the LEN fields `fieldNumber` of the message at [start, end). */
  add(bytes: Uint8Array, start: number, end: number, fieldNumber: number): void {
    const reader = this.#reader;
    reader.reset(bytes, start, end);
    while (!reader.done) {
      const tag = reader.readTag();
      if (tag >>> 3 !== fieldNumber) {
        reader.skip(tag);
        continue;
      }
      const fieldEnd = reader.expectLength(tag) + reader.position;
      const hash = fnv1a(bytes, reader.position, fieldEnd);
      reader.position = fieldEnd;
      this.#count += 1;
      this.#sum = (this.#sum + hash) | 0;
      this.#mixedSum = (this.#mixedSum + Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)) | 0;
    }
  }

  /** Writes the twelve bytes at `offset`. */
  write(target: DataView, offset: number): void {
    target.setUint32(offset, this.#count, true);
    target.setInt32(offset + 4, this.#sum, true);
    target.setInt32(offset + 8, this.#mixedSum, true);
  }
}
