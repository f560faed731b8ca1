/**
 * The service of profiles. Their requests may keep the strings of attributes in a dictionary (request
 * field 2, its `string_table` field 5), and refer to them by index: `key_strindex` (3) of a KeyValue,
 * `string_value_strindex` (8) of an AnyValue.
 */
import { WireReader } from "../wire/reader.ts";
import { attributesField } from "./attributes.ts";
import { type EnvelopePath, type Keying, someHeader } from "./envelope.ts";
import { level } from "./shape.ts";
import { IntList } from "./split-tables.ts";

const DICTIONARY = 2;
const STRING_TABLE = 5;
const KEY_INDEX = 3;
const VALUE = 2;
const STRING_VALUE = 1;
const STRING_VALUE_INDEX = 8;
const SERVICE_NAME = "service.name";

export class ProfileServiceKeying implements Keying {
  readonly leafLevel = level.RESOURCE;
  readonly unroutableReason = "no_service_name";
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  readonly #plain: Keying;
  readonly #reader = new WireReader();
  /** Bounds of the strings of the request's dictionary, in their order, and of which request. */
  readonly #strings = new IntList();
  #stringsOf = -1;

  /** `plain` finds a name that stands in the resource itself. */
  constructor(plain: Keying) {
    this.#plain = plain;
  }

  find(path: EnvelopePath): boolean {
    if (this.#plain.find(path)) {
      this.bytes = this.#plain.bytes;
      this.start = this.#plain.start;
      this.end = this.#plain.end;
      return true;
    }
    this.bytes = path.bytes;
    return (
      someHeader(path, level.RESOURCE, (start, end) => this.#findIndexed(path, start, end)) &&
      this.end > this.start
    );
  }

  /** Looks through the attributes of a Resource for one whose key, an index, is that of the service's name. */
  #findIndexed(path: EnvelopePath, start: number, end: number): boolean {
    const reader = new WireReader();
    reader.reset(path.bytes, start, end);
    while (!reader.done) {
      const tag = reader.readTag();
      if (tag >>> 3 !== attributesField.RESOURCE) {
        reader.skip(tag);
        continue;
      }
      const pairEnd = reader.expectLength(tag) + reader.position;
      if (this.#readPair(path, reader.position, pairEnd)) return true;
      reader.position = pairEnd;
    }
    return false;
  }

  #readPair(path: EnvelopePath, start: number, end: number): boolean {
    const pair = this.#reader;
    pair.reset(path.bytes, start, end);
    let isServiceName = false;
    let valueStart = 0;
    let valueEnd = 0;
    while (!pair.done) {
      const tag = pair.readTag();
      if (tag === KEY_INDEX << 3) isServiceName = this.#isServiceName(path, pair.readVarint());
      else if (tag >>> 3 === VALUE) {
        valueEnd = pair.expectLength(tag) + pair.position;
        valueStart = pair.position;
        pair.position = valueEnd;
      } else pair.skip(tag);
    }
    return isServiceName && this.#readValue(path, valueStart, valueEnd);
  }

  #readValue(path: EnvelopePath, start: number, end: number): boolean {
    const value = this.#reader;
    value.reset(path.bytes, start, end);
    this.start = this.end = 0;
    while (!value.done) {
      const tag = value.readTag();
      if (tag === STRING_VALUE_INDEX << 3) this.#select(path, value.readVarint());
      else if (tag >>> 3 === STRING_VALUE) {
        this.end = value.expectLength(tag) + value.position;
        this.start = value.position;
        value.position = this.end;
      } else value.skip(tag);
    }
    return true;
  }

  #isServiceName(path: EnvelopePath, index: number): boolean {
    this.#select(path, index);
    if (this.end - this.start !== SERVICE_NAME.length) return false;
    return Buffer.from(path.bytes.subarray(this.start, this.end)).toString("latin1") === SERVICE_NAME;
  }

  /** Makes the string of this index what was found; nothing where there is none. */
  #select(path: EnvelopePath, index: number): void {
    this.#indexStrings(path);
    const { values, length } = this.#strings;
    const isThere = index * 2 + 1 < length;
    this.start = isThere ? values[index * 2]! : 0;
    this.end = isThere ? values[index * 2 + 1]! : 0;
  }

  /** Once a request, however many resources refer to its strings. */
  #indexStrings(path: EnvelopePath): void {
    const serial = path.serials[level.REQUEST]!;
    if (this.#stringsOf === serial) return;
    this.#stringsOf = serial;
    this.#strings.clear();
    const request = new WireReader();
    const dictionary = new WireReader();
    request.reset(path.bytes, path.starts[level.REQUEST]!, path.ends[level.REQUEST]!);
    while (!request.done) {
      const tag = request.readTag();
      if (tag >>> 3 !== DICTIONARY) {
        request.skip(tag);
        continue;
      }
      const end = request.expectLength(tag) + request.position;
      dictionary.reset(path.bytes, request.position, end);
      request.position = end;
      while (!dictionary.done) {
        const inner = dictionary.readTag();
        if (inner >>> 3 !== STRING_TABLE) {
          dictionary.skip(inner);
          continue;
        }
        const stringEnd = dictionary.expectLength(inner) + dictionary.position;
        this.#strings.push(dictionary.position);
        this.#strings.push(stringEnd);
        dictionary.position = stringEnd;
      }
    }
  }
}
