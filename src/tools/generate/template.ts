/**
 * Items that are encoded once, by protobufjs, and copied into requests ever after, with their ids and times
 * patched: that is fast enough to load a gateway, and every request is still another one.
 */
import { itemIdBytes, spanIdBytes } from "../item-identity.ts";
import type { Int64 } from "../otlp-messages.ts";

/**
 * Gives out values that stand for the ids and times of an item while it is encoded, and finds
 * them again in its bytes. Each is different from every other and from anything an item holds.
 */
export class Placeholders {
  #next = 1;

  bytes(length: typeof itemIdBytes | typeof spanIdBytes): Buffer {
    const bytes = Buffer.alloc(length, 0xfe);
    bytes.writeUInt32LE(this.#next, length - 4);
    this.#next += 1;
    return bytes;
  }

  /** For a fixed64 field: the value, and the bytes by which it is found. */
  time(): { readonly value: Int64; readonly bytes: Buffer } {
    const bytes = this.bytes(spanIdBytes);
    const value = { low: bytes.readUInt32LE(0) | 0, high: bytes.readUInt32LE(4) | 0, unsigned: true };
    return { value, bytes };
  }

  /** For an item id in hexadecimal digits. */
  text(): string {
    return this.bytes(itemIdBytes).toString("hex");
  }
}

/** Where a placeholder is in an encoded item; throws where it is not there exactly once. */
export function locate(encoded: Buffer, placeholder: Buffer | string): number {
  const offset = encoded.indexOf(placeholder);
  if (offset === -1 || encoded.includes(placeholder, offset + 1)) {
    throw new Error("a placeholder must be in its item exactly once");
  }
  return offset;
}

/** Writes nanoseconds as a fixed64. They are a double: 256 ns apart in this century. */
export function writeTime(target: Buffer, offset: number, nanoseconds: number): void {
  const high = Math.floor(nanoseconds / 2 ** 32);
  target.writeUInt32LE(nanoseconds - high * 2 ** 32, offset);
  target.writeUInt32LE(high, offset + 4);
}

const digits = Buffer.from("0123456789abcdef");

/** Writes the hexadecimal digits of `source`. */
export function writeHex(target: Buffer, offset: number, source: Buffer): void {
  for (let index = 0; index < source.length; index += 1) {
    const byte = source[index]!;
    target[offset + index * 2] = digits[byte >>> 4]!;
    target[offset + index * 2 + 1] = digits[byte & 15]!;
  }
}
