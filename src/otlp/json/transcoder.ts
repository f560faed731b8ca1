/**
 * OTLP/JSON to protobuf, in one pass from bytes to bytes: the text is read by a table of each message's
 * fields (schema.ts) and written as it is read, with nothing made in between. Fields come out in the
 * order in which they stand in the text, which means nothing in protobuf.
 *
 * What OTLP asks beyond protobuf's JSON: ids in hexadecimal, enums as integers alone, names in
 * lowerCamelCase alone; names that are not known are ignored. A field that stands twice in its object,
 * or beside another of its oneof, is refused: there is no telling which one was meant.
 */
import { isUtf8 } from "node:buffer";
import type { Signal } from "../signal.ts";
import { ascii, hexDigits } from "./characters.ts";
import { readDouble } from "./double.ts";
import { JsonInteger } from "./integer.ts";
import { JsonFault } from "./json-fault.ts";
import { type MemoryAccount, OverAccount, ProtobufOutput } from "./output.ts";
import { JsonReader } from "./reader.ts";
import { type JsonField, type JsonMessage, requestMessage, valueKind } from "./schema.ts";
import { copyText } from "./text.ts";

export type { MemoryAccount } from "./output.ts";

/** Why there is no protobuf. */
export type JsonProblem =
  | { readonly kind: "over_budget" }
  /** `field` is a path such as `resourceSpans[0].scopeSpans[0].spans[3].traceId`; "" is the request itself. */
  | { readonly kind: "malformed"; readonly field: string; readonly description: string };

export class JsonTranscoder {
  readonly #request: JsonMessage;
  readonly #reader = new JsonReader();
  readonly #output = new ProtobufOutput();
  readonly #integer = new JsonInteger();
  /** The open fields, from the request on, and which element of each; `index` is -1 outside of an array. */
  readonly #path: { field: JsonField; index: number }[] = [];
  #depth = 0;

  constructor(signal: Signal) {
    this.#request = requestMessage(signal);
  }

  /** The Export request that `json` holds, in memory that was taken from `account`. */
  transcode(json: Buffer, account: MemoryAccount): Buffer | JsonProblem {
    if (!isUtf8(json)) return { kind: "malformed", field: "", description: "the body is not UTF-8" };
    const reader = this.#reader;
    const output = this.#output;
    this.#depth = 0;
    reader.reset(json);
    try {
      output.begin(json.length, account);
      this.#open(ascii.OPEN_BRACE, "an object");
      if (reader.open(ascii.OPEN_BRACE)) this.#readMembers(this.#request);
      if (reader.peek() !== -1) throw new JsonFault(reader.position, "something follows the JSON object");
      return output.finish();
    } catch (thrown) {
      if (thrown instanceof OverAccount) return { kind: "over_budget" };
      if (!(thrown instanceof JsonFault)) throw thrown;
      const description = `${thrown.message}, at byte ${thrown.offset}`;
      return { kind: "malformed", field: this.#pathText(), description };
    } finally {
      reader.reset(noBytes);
      output.release();
    }
  }

  /** From behind the brace of an object that is not empty to behind its end. */
  #readMembers(message: JsonMessage): void {
    const reader = this.#reader;
    let given = 0;
    do {
      const field = reader.readName(message);
      if (field === undefined) reader.skipValue();
      else if (!reader.takeNull()) {
        this.#enter(field);
        if ((given & field.excludedBits) !== 0) throw new JsonFault(reader.position, "given twice");
        given |= field.bit;
        if (field.isRepeated) this.#readElements(field);
        else this.#readValue(field);
        this.#depth -= 1;
      }
    } while (reader.more(ascii.OPEN_BRACE));
  }

  #readElements(field: JsonField): void {
    const reader = this.#reader;
    const place = this.#path[this.#depth - 1]!;
    this.#open(ascii.OPEN_BRACKET, "an array");
    if (!reader.open(ascii.OPEN_BRACKET)) return;
    place.index = 0;
    if (field.isPacked) {
      const output = this.#output;
      output.tag(field.tag);
      const start = output.beginLength(1);
      do {
        reader.peek();
        output.reserve(reader.remaining);
        this.#readNumber(field);
        place.index += 1;
      } while (reader.more(ascii.OPEN_BRACKET));
      output.endLength(start, 1);
      return;
    }
    do {
      reader.peek();
      this.#readValue(field);
      place.index += 1;
    } while (reader.more(ascii.OPEN_BRACKET));
  }

  /** The value at the reader's position, with its tag. No string takes more room than it does in the text. */
  #readValue(field: JsonField): void {
    const output = this.#output;
    output.reserve(this.#reader.remaining);
    const start = output.position;
    output.tag(field.tag);
    const isDefault = field.kind > valueKind.ID ? this.#readNumber(field) : this.#readLengthDelimited(field);
    // A default value that is as good as none is left out.
    if (isDefault && !field.hasPresence) output.position = start;
  }

  /** Answers whether the value is the default of its kind. */
  #readLengthDelimited(field: JsonField): boolean {
    const output = this.#output;
    if (field.kind === valueKind.MESSAGE) {
      this.#readMessage(field.message!);
      return false;
    }
    const start = output.beginLength(1);
    switch (field.kind) {
      case valueKind.STRING:
        copyText(this.#reader, output);
        break;
      case valueKind.ID:
        this.#readId(field.idBytes);
        break;
      default:
        this.#readBase64();
    }
    const isEmpty = output.position === start;
    output.endLength(start, 1);
    return isEmpty;
  }

  #readMessage(message: JsonMessage): void {
    const output = this.#output;
    this.#open(ascii.OPEN_BRACE, "an object");
    // How many bytes the length takes is guessed before the message is read, which may hold others of its kind.
    const { lengthBytes } = message;
    const start = output.beginLength(lengthBytes);
    if (this.#reader.open(ascii.OPEN_BRACE)) this.#readMembers(message);
    message.lengthBytes = output.endLength(start, lengthBytes);
  }

  /** Without the tag; answers whether the value is the default of its kind. */
  #readNumber(field: JsonField): boolean {
    const output = this.#output;
    switch (field.kind) {
      case valueKind.DOUBLE: {
        const value = readDouble(this.#reader);
        output.double(value);
        return value === 0 && !Object.is(value, -0);
      }
      case valueKind.BOOL:
        return this.#readBool();
      case valueKind.ENUM:
        if (this.#reader.bytes[this.#reader.position] === ascii.QUOTE) {
          throw new JsonFault(this.#reader.position, "expected the enum's integer, not its name");
        }
    }
    return this.#readInteger(field);
  }

  #readBool(): boolean {
    const reader = this.#reader;
    const value = reader.bytes[reader.position] === 0x74;
    if (!value && reader.bytes[reader.position] !== 0x66)
      throw new JsonFault(reader.position, "expected true or false");
    reader.takeLiteral(value ? "true" : "false");
    this.#output.varint(value ? 1 : 0);
    return !value;
  }

  #readInteger(field: JsonField): boolean {
    const integer = this.#integer;
    const output = this.#output;
    const from = this.#reader.position;
    integer.read(this.#reader);
    const { high, low, isNegative } = integer;
    const isZero = high === 0 && low === 0;
    if (!fits(field.kind, high, low, isNegative && !isZero)) {
      throw new JsonFault(from, "a number out of the field's range");
    }
    const isBelow = isNegative && !isZero;
    // Two's complement.
    const lowBits = isBelow ? -low >>> 0 : low;
    const highBits = isBelow ? (~high + (low === 0 ? 1 : 0)) >>> 0 : high;
    switch (field.kind) {
      case valueKind.FIXED64:
      case valueKind.SFIXED64:
        output.fixed32(lowBits);
        output.fixed32(highBits);
        break;
      case valueKind.FIXED32:
        output.fixed32(lowBits);
        break;
      case valueKind.SINT32:
        // ZigZag: the sign is the lowest bit.
        output.varint(isBelow ? low * 2 - 1 : low * 2);
        break;
      default:
        output.varint64(highBits, lowBits);
    }
    return isZero;
  }

  /** Hexadecimal digits of either case; "" is no id. */
  #readId(sizeBytes: number): void {
    const reader = this.#reader;
    const output = this.#output;
    const { bytes, position } = reader;
    const isString = bytes[position] === ascii.QUOTE;
    if (isString && bytes[position + 1] === ascii.QUOTE) {
      reader.position = position + 2;
      return;
    }
    const end = position + 1 + 2 * sizeBytes;
    const target = output.bytes;
    let to = output.position;
    let invalid = isString && bytes[end] === ascii.QUOTE ? 0 : -1;
    for (let at = position + 1; at < end && invalid >= 0; at += 2) {
      const upper = hexDigits[bytes[at]!]!;
      const lower = hexDigits[bytes[at + 1]!]!;
      invalid = upper | lower;
      target[to++] = upper * 16 + lower;
    }
    if (invalid < 0) throw new JsonFault(position, `expected ${2 * sizeBytes} hexadecimal digits`);
    output.position = to;
    reader.position = end + 1;
  }

  /** Of the standard alphabet or the one for URLs, padded or not. */
  #readBase64(): void {
    const output = this.#output;
    const from = this.#reader.position;
    const start = output.position;
    copyText(this.#reader, output);
    const text = output.bytes.toString("latin1", start, output.position);
    const digits = text.replace(/={1,2}$/, "");
    const isPadded = digits.length < text.length;
    if (!/^[\w+/-]*$/.test(digits) || digits.length % 4 === 1 || (isPadded && text.length % 4 !== 0)) {
      throw new JsonFault(from, "expected base64");
    }
    output.position = start + output.bytes.write(digits, start, "base64");
  }

  #open(opening: number, expected: string): void {
    const reader = this.#reader;
    if (reader.peek() !== opening) throw new JsonFault(reader.position, `expected ${expected}`);
  }

  #enter(field: JsonField): void {
    const place = this.#path[this.#depth];
    if (place === undefined) this.#path.push({ field, index: -1 });
    else {
      place.field = field;
      place.index = -1;
    }
    this.#depth += 1;
  }

  #pathText(): string {
    return this.#path
      .slice(0, this.#depth)
      .map(({ field, index }) => (index < 0 ? field.name : `${field.name}[${index}]`))
      .join(".");
  }
}

const noBytes = Buffer.alloc(0);

/** Whether a number has its place in a field of this kind; `high` may be more than 32 bits. */
function fits(kind: number, high: number, low: number, isBelow: boolean): boolean {
  switch (kind) {
    case valueKind.ENUM:
    case valueKind.INT32:
    case valueKind.SINT32:
      return high === 0 && low <= (isBelow ? 0x8000_0000 : 0x7fff_ffff);
    case valueKind.UINT32:
    case valueKind.FIXED32:
      return high === 0 && !isBelow;
    case valueKind.INT64:
    case valueKind.SFIXED64:
      return high < 0x8000_0000 || (isBelow && high === 0x8000_0000 && low === 0);
    default:
      return high <= 0xffff_ffff && !isBelow;
  }
}
