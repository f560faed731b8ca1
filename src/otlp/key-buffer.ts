/** A key that is put together from several pieces; one buffer serves all keys of a splitter. */
import { WireReader } from "../wire/reader.ts";

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

export class KeyBuffer {
  bytes: Uint8Array = new Uint8Array(256);
  length = 0;
  readonly #reader = new WireReader();

  clear(): void {
    this.length = 0;
  }

  add(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    this.bytes.set(source.subarray(start, end), this.length);
    this.length += end - start;
  }

  addByte(byte: number): void {
    this.#reserve(1);
    this.bytes[this.length++] = byte;
  }

  /**
   * Adds twelve bytes that are the same in whatever order the LEN fields `fieldNumber` of the message
   * stand: how many they are, and two sums over their hashes. Sorting would do as well, but costs more
   * the more attributes somebody sends.
   */
  addUnordered(bytes: Uint8Array, start: number, end: number, fieldNumber: number): void {
    const reader = this.#reader;
    reader.reset(bytes, start, end);
    let count = 0;
    let sum = 0;
    let mixedSum = 0;
    while (!reader.done) {
      const tag = reader.readTag();
      if (tag >>> 3 !== fieldNumber) {
        reader.skip(tag);
        continue;
      }
      const fieldEnd = reader.expectLength(tag) + reader.position;
      let hash = FNV_OFFSET;
      for (let at = reader.position; at < fieldEnd; at += 1) hash = Math.imul(hash ^ bytes[at]!, FNV_PRIME);
      reader.position = fieldEnd;
      count += 1;
      sum = (sum + hash) | 0;
      mixedSum = (mixedSum + Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)) | 0;
    }
    this.#addUint32(count);
    this.#addUint32(sum);
    this.#addUint32(mixedSum);
  }

  #addUint32(value: number): void {
    this.#reserve(4);
    for (let shift = 0; shift < 32; shift += 8) this.bytes[this.length++] = (value >>> shift) & 0xff;
  }

  #reserve(sizeBytes: number): void {
    if (this.length + sizeBytes <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + sizeBytes));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}
