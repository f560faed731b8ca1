/**
 * Reads JSON from its UTF-8 bytes (RFC 8259), a value at a time, as the transcoder asks for it. No value
 * is ever made of what is passed over, and nothing is deeper than `nestingMax`.
 */
import { ascii, hexDigits, simpleEscapes } from "./characters.ts";
import { JsonFault } from "./json-fault.ts";
import { hashStep, type JsonField, type JsonMessage } from "./schema.ts";

/**
 * Objects and arrays within each other. An attribute's value costs four for each level of its own, and
 * three messages; decoders of protobuf commonly refuse more than a hundred messages within each other.
 */
const nestingMax = 128;

/** Every letter of the longest name as an escape is far below this. */
const escapedNameBytesMax = 512;

const space = 0x20;
const noField = Buffer.alloc(0);

export class JsonReader {
  bytes: Buffer = noField;
  position = 0;
  #nesting = 0;

  reset(bytes: Buffer): void {
    this.bytes = bytes;
    this.position = 0;
    this.#nesting = 0;
  }

  /** The bytes that are left. */
  get remaining(): number {
    return this.bytes.length - this.position;
  }

  /** The next byte that is not white space, where the position then is; -1 at the end. */
  peek(): number {
    const { bytes } = this;
    let at = this.position;
    while (at < bytes.length) {
      const byte = bytes[at]!;
      if (byte > space) {
        this.position = at;
        return byte;
      }
      if (byte !== space && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
      at += 1;
    }
    this.position = at;
    if (at < bytes.length) throw new JsonFault(at, "malformed JSON");
    return -1;
  }

  /** Passes over this byte, if it is the next. */
  take(byte: number): boolean {
    if (this.peek() !== byte) return false;
    this.position += 1;
    return true;
  }

  /** Passes over an opening brace or bracket; answers whether there is anything behind it. */
  open(opening: number): boolean {
    if (this.#nesting === nestingMax) {
      throw new JsonFault(this.position, `more than ${nestingMax} objects and arrays within each other`);
    }
    this.position += 1;
    // A brace and its counterpart, and a bracket and its own, are two apart.
    if (this.take(opening + 2)) return false;
    this.#nesting += 1;
    return true;
  }

  /** Behind an element: true when another follows, false when the object or array is closed. */
  more(opening: number): boolean {
    const byte = this.peek();
    if (byte === ascii.COMMA) {
      this.position += 1;
      return true;
    }
    if (byte !== opening + 2) throw this.malformed();
    this.position += 1;
    this.#nesting -= 1;
    return false;
  }

  /** Reads a name and its colon; undefined where `message` has no such field. */
  readName(message: JsonMessage): JsonField | undefined {
    if (this.peek() !== ascii.QUOTE) throw this.malformed();
    const { bytes } = this;
    const start = this.position + 1;
    let at = start;
    let hash = 0;
    for (;;) {
      if (at >= bytes.length) throw this.malformed();
      const byte = bytes[at]!;
      if (byte === ascii.QUOTE) break;
      if (byte === ascii.BACKSLASH) return this.#readEscapedName(message);
      if (byte < space) throw this.malformed();
      hash = hashStep(hash, byte);
      at += 1;
    }
    this.position = at + 1;
    this.#takeColon();
    return message.find(hash, bytes, start, at);
  }

  /** Passes over `null`, if it is next. */
  takeNull(): boolean {
    if (this.bytes[this.position] !== 0x6e) return false;
    this.takeLiteral("null");
    return true;
  }

  takeLiteral(literal: string): void {
    const { bytes, position } = this;
    for (let index = 0; index < literal.length; index += 1) {
      if (bytes[position + index] !== literal.charCodeAt(index)) throw this.malformed();
    }
    this.position = position + literal.length;
  }

  /** Passes over a value of any kind. */
  skipValue(): void {
    const byte = this.peek();
    switch (byte) {
      case ascii.OPEN_BRACE:
        if (!this.open(byte)) return;
        do this.#skipMember();
        while (this.more(byte));
        return;
      case ascii.OPEN_BRACKET:
        if (!this.open(byte)) return;
        do this.skipValue();
        while (this.more(byte));
        return;
      case ascii.QUOTE:
        this.#skipString();
        return;
      case 0x74:
        this.takeLiteral("true");
        return;
      case 0x66:
        this.takeLiteral("false");
        return;
      case 0x6e:
        this.takeLiteral("null");
        return;
      default:
        this.skipNumber();
    }
  }

  /** Passes over a number, to the byte behind it. */
  skipNumber(): void {
    if (this.bytes[this.position] === ascii.MINUS) this.position += 1;
    const first = this.bytes[this.position];
    if (this.#skipDigits() > 1 && first === ascii.ZERO) throw this.malformed();
    if (this.bytes[this.position] === ascii.DOT) {
      this.position += 1;
      this.#skipDigits();
    }
    // An e of either case.
    if (((this.bytes[this.position] ?? 0) | 0x20) !== ascii.LOWER_E) return;
    this.position += 1;
    const sign = this.bytes[this.position];
    if (sign === ascii.MINUS || sign === 0x2b) this.position += 1;
    this.#skipDigits();
  }

  malformed(): JsonFault {
    const isAtEnd = this.position >= this.bytes.length;
    return new JsonFault(this.position, isAtEnd ? "the JSON ends too early" : "malformed JSON");
  }

  /** Nobody escapes what is in a name that is known, but anybody may. */
  #readEscapedName(message: JsonMessage): JsonField | undefined {
    const start = this.position;
    this.#skipString();
    const text = this.bytes.toString("latin1", start, Math.min(this.position, start + escapedNameBytesMax));
    let name = noField;
    try {
      name = Buffer.from(String(JSON.parse(text)));
    } catch {
      // Longer than any name, or no name at all: one that is not known.
    }
    this.#takeColon();
    return message.find(name.reduce(hashStep, 0), name, 0, name.length);
  }

  #skipDigits(): number {
    const { bytes } = this;
    const start = this.position;
    let at = start;
    while (at < bytes.length && bytes[at]! >= ascii.ZERO && bytes[at]! <= ascii.NINE) at += 1;
    this.position = at;
    if (at === start) throw this.malformed();
    return at - start;
  }

  #skipMember(): void {
    if (this.peek() !== ascii.QUOTE) throw this.malformed();
    this.#skipString();
    this.#takeColon();
    this.skipValue();
  }

  #takeColon(): void {
    if (!this.take(ascii.COLON)) throw this.malformed();
    // So that the value is next.
    this.peek();
  }

  /** From the opening quote to behind the closing one. */
  #skipString(): void {
    const { bytes } = this;
    let at = this.position + 1;
    while (at < bytes.length) {
      const byte = bytes[at]!;
      if (byte === ascii.QUOTE) {
        this.position = at + 1;
        return;
      }
      if (byte < space) break;
      at += byte === ascii.BACKSLASH ? this.#escapeBytes(at) : 1;
    }
    this.position = Math.min(at, bytes.length);
    throw this.malformed();
  }

  /** How long the escape that begins at `start` is. */
  #escapeBytes(start: number): number {
    const { bytes } = this;
    const letter = bytes[start + 1] ?? -1;
    if (simpleEscapes.has(letter)) return 2;
    const digits = bytes.subarray(start + 2, start + 6);
    const isUnit = letter === ascii.LOWER_U && digits.length === 4 && digits.every((d) => hexDigits[d]! >= 0);
    if (isUnit) return 6;
    this.position = start;
    throw this.malformed();
  }
}
