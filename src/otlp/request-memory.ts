/**
 * The memory of one request: its payload, and room for the parts that are made of it, as far as
 * possible in one ArrayBuffer, because copying within one costs half of copying between two. All of
 * it goes back to the pool when the request has been dealt with.
 */
import type { BufferPool } from "../base/buffer-pool.ts";

/** Parts together are larger than their request by the headers that each of them repeats. */
const roomFactor = 1.25;
const roomBytesMin = 4 * 1024;

/** Who is asked before memory is taken; what is taken is given back by whoever asked for it. */
export interface MemoryAccount {
  /** Takes so many bytes more, or answers false. */
  tryGrow(sizeBytes: number): boolean;
}

/** The parts of a request would pass the budget of bytes in flight. */
export class OverBudgetError extends Error {
  override readonly name = "OverBudgetError";

  constructor() {
    super("too many bytes in flight; try again later");
  }
}

export class RequestMemory {
  readonly #pool: BufferPool;
  readonly #account: MemoryAccount | undefined;
  /** What was taken from the pool; the last one is being filled. */
  readonly #buffers: Buffer[] = [];
  #usedBytes = 0;
  #isKept = false;

  /** `account` is asked for parts alone: a payload is accounted for by whoever receives it. */
  constructor(pool: BufferPool, account?: MemoryAccount) {
    this.#pool = pool;
    this.#account = account;
  }

  /** Memory for the payload, with room for its parts behind it. */
  allocatePayload(sizeBytes: number): Buffer {
    const roomBytes = Math.ceil(sizeBytes * roomFactor) + roomBytesMin;
    return this.#allocate(sizeBytes, sizeBytes + roomBytes);
  }

  /**
   * Memory for parts: behind the payload where there is room, elsewhere if not.
   * @throws OverBudgetError where the account refuses it.
   */
  allocateParts(sizeBytes: number): Buffer {
    if (this.#account?.tryGrow(sizeBytes) === false) throw new OverBudgetError();
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
