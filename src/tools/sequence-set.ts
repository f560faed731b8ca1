/**
 * A set of sequence numbers as a bitmap in pages: one bit a number, pages only where there are
 * members, so that a hundred million items that came once cost 12 MB.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { OtlpRingError } from "../base/errors.ts";

const pageWords = 2048;
const pageNumbers = pageWords * 32;

/** The numbers that a set takes unless told otherwise: below this, 16 MiB at most. */
export const defaultSequenceLimit = 2 ** 27;

/** A set on its way over HTTP. */
export interface EncodedSequenceSet {
  readonly size: number;
  /** The bitmap, raw deflate in base64: bit n % 8 of byte n / 8 stands for n. */
  readonly bitmap: string;
}

export class SequenceSet {
  /** Numbers from here on are not taken. */
  readonly limit: number;
  readonly #pages: (Uint32Array | undefined)[] = [];
  #size = 0;

  constructor(limit: number = defaultSequenceLimit) {
    this.limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a number; true when it was not there. The number must be below the limit. */
  add(sequence: number): boolean {
    if (sequence >= this.limit) throw new RangeError(`sequence ${sequence} is beyond ${this.limit}`);
    const pageIndex = Math.floor(sequence / pageNumbers);
    let page = this.#pages[pageIndex];
    if (page === undefined) {
      page = new Uint32Array(pageWords);
      this.#pages[pageIndex] = page;
    }
    const word = (sequence % pageNumbers) >>> 5;
    const bit = 1 << (sequence & 31);
    if ((page[word]! & bit) !== 0) return false;
    page[word]! |= bit;
    this.#size += 1;
    return true;
  }

  has(sequence: number): boolean {
    const page = this.#pages[Math.floor(sequence / pageNumbers)];
    return page !== undefined && (page[(sequence % pageNumbers) >>> 5]! & (1 << (sequence & 31))) !== 0;
  }

  addAll(other: SequenceSet): void {
    this.#combine(other, (mine, theirs) => mine | theirs);
  }

  /** The numbers of this set that are in `other` too. */
  intersection(other: SequenceSet): SequenceSet {
    const result = this.#copy();
    result.#combine(other, (mine, theirs) => mine & theirs);
    return result;
  }

  /** The numbers of this set that are not in `other`. */
  difference(other: SequenceSet): SequenceSet {
    const result = this.#copy();
    result.#combine(other, (mine, theirs) => mine & ~theirs);
    return result;
  }

  encode(): EncodedSequenceSet {
    const pageBytes = pageWords * 4;
    const bitmap = Buffer.alloc(this.#pages.length * pageBytes);
    this.#pages.forEach((page, pageIndex) => {
      page?.forEach((word, index) => {
        bitmap.writeUInt32LE(word, pageIndex * pageBytes + index * 4);
      });
    });
    return { size: this.#size, bitmap: deflateRawSync(bitmap, { level: 1 }).toString("base64") };
  }

  /** Reads an encoded set; throws where it is none, or holds numbers beyond the limit. */
  static decode(encoded: EncodedSequenceSet, limit: number = defaultSequenceLimit): SequenceSet {
    const set = new SequenceSet(limit);
    const bitmap = inflate(encoded.bitmap, Math.ceil(limit / pageNumbers) * pageWords * 4);
    for (let offset = 0; offset + 4 <= bitmap.length; offset += 4) {
      for (let word = bitmap.readUInt32LE(offset); word !== 0; word &= word - 1) {
        const sequence = offset * 8 + (31 - Math.clz32(word & -word));
        if (sequence >= limit)
          throw new OtlpRingError("SINK_REPORT", `a set holds ${sequence}, past ${limit}`);
        set.add(sequence);
      }
    }
    if (set.size !== encoded.size) {
      throw new OtlpRingError("SINK_REPORT", `a set of ${encoded.size} numbers came with ${set.size}`);
    }
    return set;
  }

  #copy(): SequenceSet {
    const copy = new SequenceSet(this.limit);
    copy.addAll(this);
    return copy;
  }

  #combine(other: SequenceSet, combine: (mine: number, theirs: number) => number): void {
    const pageCount = Math.max(this.#pages.length, other.#pages.length);
    this.#size = 0;
    for (let pageIndex = 0; pageIndex < pageCount; pageIndex += 1) {
      const mine = this.#pages[pageIndex] ?? new Uint32Array(pageWords);
      const theirs = other.#pages[pageIndex];
      for (let word = 0; word < pageWords; word += 1) {
        const combined = combine(mine[word]!, theirs === undefined ? 0 : theirs[word]!) >>> 0;
        mine[word] = combined;
        this.#size += countBits(combined);
      }
      this.#pages[pageIndex] = mine;
    }
  }
}

function inflate(base64: string, maxOutputLength: number): Buffer {
  try {
    return inflateRawSync(Buffer.from(base64, "base64"), { maxOutputLength: Math.max(maxOutputLength, 1) });
  } catch (cause) {
    throw new OtlpRingError("SINK_REPORT", "a set in a sink's report cannot be read", { cause });
  }
}

function countBits(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55_55_55_55);
  const fours = (pairs & 0x33_33_33_33) + ((pairs >>> 2) & 0x33_33_33_33);
  return Math.imul((fours + (fours >>> 4)) & 0x0f_0f_0f_0f, 0x01_01_01_01) >>> 24;
}
