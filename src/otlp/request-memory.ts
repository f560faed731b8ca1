/**
 * The memory of one request: its payload, and room for the parts that are made of it, as far as
 * possible in one ArrayBuffer, because copying within one costs half of copying between two. All of
 * it goes back to the pool when the request has been dealt with.
 */
import type { BufferPool } from "../base/buffer-pool.ts";

/** Parts together are larger than their request by the headers that each of them repeats. */
const roomFactor = 1.25;
const roomBytesMin = 4 * 1024;

export class RequestMemory {
  readonly #pool: BufferPool;
  /** What was taken from the pool; the last one is being filled. */
  readonly #buffers: Buffer[] = [];
  #usedBytes = 0;
  #isKept = false;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Memory for the payload, with room for its parts behind it. */
  allocatePayload(sizeBytes: number): Buffer {
    const roomBytes = Math.ceil(sizeBytes * roomFactor) + roomBytesMin;
    return this.#allocate(sizeBytes, sizeBytes + roomBytes);
  }

  /** Memory for parts: behind the payload where there is room, elsewhere if not. */
  allocateParts(sizeBytes: number): Buffer {
    return this.#allocate(sizeBytes, sizeBytes);
  }

  /** Something may still refer to it when the request has been answered, so it must not be used again. */
  keep(): void {
    this.#isKept = true;
  }

  /** The request has been dealt with, and nobody refers to payload or parts any more. */
  release(): void {
    if (!this.#isKept) for (const buffer of this.#buffers) this.#pool.giveBack(buffer);
    this.#buffers.length = 0;
  }

  /** `sizeBytes` of the last buffer, or of a new one of at least `bufferBytes`. */
  #allocate(sizeBytes: number, bufferBytes: number): Buffer {
    let buffer = this.#buffers.at(-1);
    if (buffer === undefined || this.#usedBytes + sizeBytes > buffer.length) {
      buffer = this.#pool.take(bufferBytes);
      this.#buffers.push(buffer);
      this.#usedBytes = 0;
    }
    const start = this.#usedBytes;
    this.#usedBytes += sizeBytes;
    return buffer.subarray(start, this.#usedBytes);
  }
}
