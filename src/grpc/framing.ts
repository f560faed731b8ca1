/**
 * Length-prefixed messages of gRPC over HTTP/2
 * (https://github.com/grpc/grpc/blob/v1.76.0/doc/PROTOCOL-HTTP2.md):
 *
 *     | compressed: 0 or 1 | length, 4 bytes big endian | message ... |
 *
 * A unary call carries exactly one of them each way.
 */

export const messagePrefixBytes = 5;
/** What the four bytes of the length can name. */
const messageLengthMax = 0xffff_ffff;

/** Up to here the whole message is allocated when its length is known; beyond it, as its bytes arrive. */
const allocatedAtOnceBytesMax = 1024 * 1024;

/** What a message that is kept in the chunk it came in may pin besides itself: frame headers, say. */
const pinnedExcessBytesMin = 1024;

/** `message` as the body of a unary call. Its parts are joined, so that a batch need not be joined before. */
export function encodeMessageFrame(parts: readonly Uint8Array[], isCompressed: boolean): Buffer {
  let sizeBytes = 0;
  for (const part of parts) sizeBytes += part.length;
  if (sizeBytes > messageLengthMax) throw new RangeError(`a gRPC message of ${sizeBytes} bytes`);
  const frame = Buffer.allocUnsafe(messagePrefixBytes + sizeBytes);
  frame[0] = isCompressed ? 1 : 0;
  frame.writeUInt32BE(sizeBytes, 1);
  let at = messagePrefixBytes;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** What is wrong with the body of a unary call. */
export type MessageFault =
  /** The declared length is above the limit. */
  | "too_large"
  /** The declared length was refused by the admission. */
  | "not_admitted"
  /** The first byte is neither 0 nor 1. */
  | "bad_flag"
  /** Bytes follow the message. */
  | "more_than_one"
  /** The body ended before its first byte. */
  | "missing"
  /** The body ended within the message. */
  | "truncated";

/** Asked once, when a message's length is known and before anything is allocated for it. */
export interface MessageAdmission {
  admitMessage(sizeBytes: number): boolean;
  /** Memory for a message that is allocated at once; uninitialised memory of its own where this is absent. */
  allocateMessage?(sizeBytes: number): Buffer;
}

const admitEverything: MessageAdmission = { admitMessage: () => true };

/**
 * Puts together the one message of a unary body from the chunks that it arrives in. After a fault
 * nothing more may be pushed.
 */
export class MessageAssembler {
  readonly #sizeBytesMax: number;
  readonly #admission: MessageAdmission;
  /** Bytes of the prefix that have come; its values are gathered meanwhile. */
  #prefixBytes = 0;
  #flag = 0;
  #sizeBytes = 0;
  #receivedBytes = 0;
  #message: Buffer = emptyMessage;

  constructor(sizeBytesMax: number, admission: MessageAdmission = admitEverything) {
    this.#sizeBytesMax = sizeBytesMax;
    this.#admission = admission;
  }

  /** The compressed flag; known once the first byte has come. */
  get isCompressed(): boolean {
    return this.#flag === 1;
  }

  /** Takes the next bytes of the body; answers the fault that they make certain, if any. */
  push(chunk: Buffer): MessageFault | undefined {
    let at = 0;
    if (this.#prefixBytes < messagePrefixBytes) {
      at = this.#pushPrefix(chunk);
      if (this.#prefixBytes < messagePrefixBytes) return undefined;
      const fault = this.#checkPrefix();
      if (fault !== undefined) return fault;
    }
    const chunkBytes = chunk.length - at;
    if (chunkBytes > this.#sizeBytes - this.#receivedBytes) return "more_than_one";
    if (chunkBytes === 0) return undefined;
    if (chunkBytes === this.#sizeBytes && pinsLittle(chunk, chunkBytes)) {
      this.#message = chunk.subarray(at);
    } else {
      this.#makeRoom(this.#receivedBytes + chunkBytes);
      chunk.copy(this.#message, this.#receivedBytes, at);
    }
    this.#receivedBytes += chunkBytes;
    return undefined;
  }

  /** The message, once the body has ended, or why there is none. */
  end(): Buffer | MessageFault {
    if (this.#prefixBytes === 0) return "missing";
    if (this.#prefixBytes < messagePrefixBytes || this.#receivedBytes < this.#sizeBytes) return "truncated";
    return this.#message;
  }

  /** Reads what `chunk` holds of the prefix; answers how much that was. */
  #pushPrefix(chunk: Buffer): number {
    let at = 0;
    while (this.#prefixBytes < messagePrefixBytes && at < chunk.length) {
      const byte = chunk[at]!;
      if (this.#prefixBytes === 0) this.#flag = byte;
      else this.#sizeBytes = this.#sizeBytes * 256 + byte;
      this.#prefixBytes += 1;
      at += 1;
    }
    return at;
  }

  #checkPrefix(): MessageFault | undefined {
    if (this.#flag > 1) return "bad_flag";
    if (this.#sizeBytes > this.#sizeBytesMax) return "too_large";
    if (!this.#admission.admitMessage(this.#sizeBytes)) return "not_admitted";
    return undefined;
  }

  /**
   * Whoever declares a large message pays for the memory with bytes: it doubles as they arrive, so that
   * no more than twice of what has come is held, and nothing is copied more than once on average.
   */
  #makeRoom(neededBytes: number): void {
    const room = this.#message.length;
    if (neededBytes <= room) return;
    const roomBytes = Math.min(this.#sizeBytes, Math.max(neededBytes, 2 * room, allocatedAtOnceBytesMax));
    const larger =
      (roomBytes === this.#sizeBytes && room === 0
        ? this.#admission.allocateMessage?.(roomBytes)
        : undefined) ?? Buffer.allocUnsafeSlow(roomBytes);
    this.#message.copy(larger, 0, 0, this.#receivedBytes);
    this.#message = larger;
  }
}

const emptyMessage = Buffer.alloc(0);

/** Whether keeping a view of `chunk` keeps hardly more memory alive than the message itself. */
function pinsLittle(chunk: Buffer, messageBytes: number): boolean {
  const excessBytes = chunk.buffer.byteLength - messageBytes;
  return excessBytes <= Math.max(pinnedExcessBytesMin, messageBytes >>> 3);
}
