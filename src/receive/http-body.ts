/** The body of an HTTP request, put together from the chunks that it arrives in. */
import type { MemoryAccount } from "../otlp/request-memory.ts";

/** Up to here the memory for a body is allocated when its length is known; beyond it, as its bytes arrive. */
const allocatedAtOnceBytesMax = 1024 * 1024;
/** What a body of unknown length begins with. */
const roomBytesMin = 64 * 1024;
/** What a body that is kept in the chunk it came in may pin besides itself. */
const pinnedExcessBytesMin = 1024;

export type BodyFault = "too_large" | "over_budget";

/** Where the memory of a body comes from. */
export interface BodyMemory extends MemoryAccount {
  /** Memory of this size, which has been taken before. */
  allocate(sizeBytes: number): Buffer;
}

export class BodyAssembler {
  readonly #sizeBytesMax: number;
  readonly #memory: BodyMemory;
  /** Undefined where nobody told; a length that was told has been taken of the budget before. */
  readonly #contentLengthBytes: number | undefined;
  #receivedBytes = 0;
  #body: Buffer = emptyBody;

  constructor(sizeBytesMax: number, contentLengthBytes: number | undefined, memory: BodyMemory) {
    this.#sizeBytesMax = sizeBytesMax;
    this.#contentLengthBytes = contentLengthBytes;
    this.#memory = memory;
  }

  /** Takes the next bytes; answers the fault that they make certain, after which nothing more may be pushed. */
  push(chunk: Buffer): BodyFault | undefined {
    const neededBytes = this.#receivedBytes + chunk.length;
    if (neededBytes > (this.#contentLengthBytes ?? this.#sizeBytesMax)) return "too_large";
    if (chunk.length === this.#contentLengthBytes && pinsLittle(chunk)) this.#body = chunk;
    else {
      if (neededBytes > this.#body.length && !this.#makeRoom(neededBytes)) return "over_budget";
      chunk.copy(this.#body, this.#receivedBytes);
    }
    this.#receivedBytes = neededBytes;
    return undefined;
  }

  end(): Buffer {
    return this.#body.subarray(0, this.#receivedBytes);
  }

  /**
   * Whoever declares a large body, or none, pays for the memory with bytes: it doubles as they arrive, so
   * that no more than twice of what has come is held, and nothing is copied more than once on average.
   */
  #makeRoom(neededBytes: number): boolean {
    const roomBytes = Math.max(neededBytes, 2 * this.#body.length);
    const larger =
      this.#contentLengthBytes === undefined
        ? this.#takeRoom(Math.min(Math.max(roomBytes, roomBytesMin), this.#sizeBytesMax))
        : this.#memory.allocate(
            Math.min(Math.max(roomBytes, allocatedAtOnceBytesMax), this.#contentLengthBytes),
          );
    if (larger === undefined) return false;
    this.#body.copy(larger, 0, 0, this.#receivedBytes);
    this.#body = larger;
    return true;
  }

  #takeRoom(roomBytes: number): Buffer | undefined {
    if (!this.#memory.tryGrow(roomBytes - this.#body.length)) return undefined;
    return this.#memory.allocate(roomBytes);
  }
}

const emptyBody = Buffer.alloc(0);

/** Whether keeping `chunk` keeps hardly more memory alive than its bytes. */
function pinsLittle(chunk: Buffer): boolean {
  const excessBytes = chunk.buffer.byteLength - chunk.length;
  return excessBytes <= Math.max(pinnedExcessBytesMin, chunk.length >>> 3);
}
