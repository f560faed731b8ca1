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
import type { StableSignal } from "../signal.ts";
import { ascii } from "./characters.ts";
import { JsonFault } from "./json-fault.ts";
import { isNumber, NumberReader } from "./numbers.ts";
import { type OutputMemory, OverAccount, ProtobufOutput } from "./output.ts";
import { JsonReader } from "./reader.ts";
import { type JsonField, type JsonMessage, requestMessage } from "./schema.ts";
import { readText } from "./text-values.ts";

/** Why there is no protobuf. */
export type JsonProblem =
  | { readonly kind: "over_budget" }
  /** `field` is a path such as `resourceSpans[0].scopeSpans[0].spans[3].traceId`; "" is the request itself. */
  | { readonly kind: "malformed"; readonly field: string; readonly description: string };

export class JsonTranscoder {
  readonly #request: JsonMessage;
  readonly #reader = new JsonReader();
  readonly #output = new ProtobufOutput();
  readonly #numbers = new NumberReader();
  /** The open fields, from the request on, and which element of each; `index` is -1 outside of an array. */
  readonly #path: { field: JsonField; index: number }[] = [];
  #depth = 0;

  constructor(signal: StableSignal) {
    this.#request = requestMessage(signal);
  }

  /** The Export request that `json` holds, in memory that was taken from `memory`. */
  transcode(json: Buffer, memory: OutputMemory): Buffer | JsonProblem {
    if (!isUtf8(json)) return { kind: "malformed", field: "", description: "the body is not UTF-8" };
    const reader = this.#reader;
    const output = this.#output;
    this.#depth = 0;
    reader.reset(json);
    try {
      output.begin(json.length, memory);
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
        this.#numbers.read(field, reader, output);
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
    const reader = this.#reader;
    const output = this.#output;
    output.reserve(reader.remaining);
    const start = output.position;
    output.tag(field.tag);
    if (field.message !== undefined) {
      this.#readMessage(field.message);
      return;
    }
    const isDefault = isNumber(field)
      ? this.#numbers.read(field, reader, output)
      : readText(field, reader, output);
    // A default value that is as good as none is left out.
    if (isDefault && !field.hasPresence) output.position = start;
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
