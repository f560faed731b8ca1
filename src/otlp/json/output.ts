/**
 * Protobuf written from front to back into memory that is used again. The length of a message is
 * unknown when it begins: room is left for the bytes that it will probably take, and the content is
 * moved in the few cases in which it takes more or fewer.
 */
import { varintSize, writeVarint } from "../../wire/writer.ts";
import type { MemoryAccount } from "../request-memory.ts";

/** Memory is kept from one request to the next up to this size. */
const keptBytesMax = 4 * 1024 * 1024;
/** The most that one value takes which is shorter in JSON: a tag of five bytes, ten of varint. */
const slackBytes = 32;

/** Where the memory of the protobuf comes from. */
export interface OutputMemory extends MemoryAccount {
  /** Memory for the result, which has been taken already; uninitialised memory of its own where this is absent. */
  allocate?(sizeBytes: number): Buffer;
}

/** The account had no room. */
export class OverAccount extends Error {}

export class ProtobufOutput {
  bytes: Buffer = Buffer.alloc(0);
  position = 0;
  #memory: OutputMemory = { tryGrow: () => false };
  readonly #double = new Float64Array(1);
  readonly #doubleBytes = new Uint8Array(this.#double.buffer);

  /** Begins anew, with room for as much as comes out of so many bytes of JSON as a rule. */
  begin(inputBytes: number, memory: OutputMemory): void {
    this.position = 0;
    this.#memory = memory;
    this.reserve(inputBytes);
  }

  /** What was written, in memory of its own. */
  finish(): Buffer {
    if (!this.#memory.tryGrow(this.position)) throw new OverAccount();
    const written = this.#memory.allocate?.(this.position) ?? Buffer.allocUnsafeSlow(this.position);
    this.bytes.copy(written, 0, 0, this.position);
    return written;
  }

  /** Lets go of memory that is too much to keep. */
  release(): void {
    if (this.bytes.length > keptBytesMax) this.bytes = Buffer.alloc(0);
  }

  /** Makes room for `sizeBytes` and one value more. */
  reserve(sizeBytes: number): void {
    const neededBytes = this.position + sizeBytes + slackBytes;
    if (neededBytes <= this.bytes.length) return;
    const roomBytes = Math.max(neededBytes, 2 * this.bytes.length);
    if (!this.#memory.tryGrow(roomBytes)) throw new OverAccount();
    const larger = Buffer.allocUnsafeSlow(roomBytes);
    this.bytes.copy(larger, 0, 0, this.position);
    this.bytes = larger;
  }

  /** Tags have one byte or two: OTLP's field numbers are small. */
  tag(tag: number): void {
    if (tag < 0x80) this.bytes[this.position++] = tag;
    else this.position = writeVarint(this.bytes, this.position, tag);
  }

  varint(value: number): void {
    if (value < 0x80) this.bytes[this.position++] = value;
    else this.position = writeVarint(this.bytes, this.position, value);
  }

  /** A varint of 64 bits. */
  varint64(high: number, low: number): void {
    const { bytes } = this;
    let at = this.position;
    let restHigh = high >>> 0;
    let restLow = low >>> 0;
    while (restHigh > 0 || restLow >= 0x80) {
      bytes[at++] = (restLow & 0x7f) | 0x80;
      restLow = ((restLow >>> 7) | (restHigh << 25)) >>> 0;
      restHigh >>>= 7;
    }
    bytes[at++] = restLow;
    this.position = at;
  }

  fixed32(value: number): void {
    const { bytes, position } = this;
    bytes[position] = value;
    bytes[position + 1] = value >>> 8;
    bytes[position + 2] = value >>> 16;
    bytes[position + 3] = value >>> 24;
    this.position = position + 4;
  }

  double(value: number): void {
    this.#double[0] = value;
    const { bytes, position } = this;
    for (let index = 0; index < 8; index += 1) bytes[position + index] = this.#doubleBytes[index]!;
    this.position = position + 8;
  }

  /** Leaves room for a length; the answer is where the content begins. */
  beginLength(lengthBytes: number): number {
    this.position += lengthBytes;
    return this.position;
  }

  /**
   * Writes the length of what stands from `start` on, where `lengthBytes` were left for it; answers how
   * many it took.
   */
  endLength(start: number, lengthBytes: number): number {
    const sizeBytes = this.position - start;
    const takenBytes = varintSize(sizeBytes);
    if (takenBytes !== lengthBytes) {
      this.reserve(Math.max(takenBytes - lengthBytes, 0));
      const to = start - lengthBytes + takenBytes;
      this.bytes.copyWithin(to, start, this.position);
      this.position = to + sizeBytes;
    }
    writeVarint(this.bytes, start - lengthBytes, sizeBytes);
    return takenBytes;
  }
}
