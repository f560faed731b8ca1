/**
 * Attributes read on the wire: `repeated KeyValue` fields, of which only those that are asked for
 * are looked into. Where a key stands twice the first counts, as in the Collector.
 */
import { WireReader } from "../wire/reader.ts";

/** The `attributes` field of each message that has one. */
export const attributesField = {
  RESOURCE: 1,
  SCOPE: 3,
  SPAN: 9,
  LOG_RECORD: 6,
} as const;

/** The `attributes` field of a data point, by the field of Metric that it stands under. */
export const dataPointAttributesField: Readonly<Record<number, number>> = { 5: 7, 7: 7, 9: 9, 10: 1, 11: 7 };

/** AnyValue's oneof. */
const anyValue = { STRING: 1, BOOL: 2, INT: 3, DOUBLE: 4, ARRAY: 5, KVLIST: 6, BYTES: 7 } as const;

const KEY = 1;
const VALUE = 2;

export class AttributeReader {
  readonly #fields = new WireReader();
  readonly #pair = new WireReader();
  /** The AnyValue that `find` found. */
  valueStart = 0;
  valueEnd = 0;

  /** Looks for `name` among the KeyValue fields `fieldNumber` of the message at [start, end). */
  find(bytes: Uint8Array, start: number, end: number, fieldNumber: number, name: Uint8Array): boolean {
    const fields = this.#fields;
    fields.reset(bytes, start, end);
    while (!fields.done) {
      const tag = fields.readTag();
      if (tag >>> 3 !== fieldNumber) {
        fields.skip(tag);
        continue;
      }
      const pairEnd = fields.expectLength(tag) + fields.position;
      const pair = this.#pair;
      pair.reset(bytes, fields.position, pairEnd);
      if (pair.findLast(KEY) && equalBytes(bytes, pair.valueStart, pair.valueEnd, name)) {
        pair.reset(bytes, fields.position, pairEnd);
        if (pair.findLast(VALUE)) {
          this.valueStart = pair.valueStart;
          this.valueEnd = pair.valueEnd;
        } else {
          this.valueStart = this.valueEnd = pairEnd;
        }
        return true;
      }
      fields.position = pairEnd;
    }
    return false;
  }

  /**
   * The text of the AnyValue at [start, end), as bytes: strings as they came, numbers and booleans
   * in decimal, bytes in base64. Arrays and maps stand for themselves by their encoding.
   */
  valueText(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const value = this.#pair;
    value.reset(bytes, start, end);
    let text: Uint8Array = noText;
    while (!value.done) {
      const tag = value.readTag();
      const from = value.position;
      switch (tag >>> 3) {
        case anyValue.STRING:
        case anyValue.ARRAY:
        case anyValue.KVLIST: {
          const length = value.expectLength(tag);
          text = bytes.subarray(value.position, value.position + length);
          value.position += length;
          break;
        }
        case anyValue.BYTES: {
          const length = value.expectLength(tag);
          const content = Buffer.from(bytes.buffer, bytes.byteOffset + value.position, length);
          text = Buffer.from(content.toString("base64"));
          value.position += length;
          break;
        }
        case anyValue.BOOL:
          value.expectVarint(tag);
          text = Buffer.from(bytes[from] === 0 ? "false" : "true");
          break;
        case anyValue.INT:
          value.expectVarint(tag);
          text = Buffer.from(signedDecimal(bytes, from, value.position));
          break;
        case anyValue.DOUBLE:
          value.expectFixed64(tag);
          text = Buffer.from(
            String(new DataView(bytes.buffer, bytes.byteOffset + from, 8).getFloat64(0, true)),
          );
          break;
        default:
          value.skip(tag);
      }
    }
    return text;
  }
}

const noText = new Uint8Array(0);

function equalBytes(bytes: Uint8Array, start: number, end: number, expected: Uint8Array): boolean {
  if (end - start !== expected.length) return false;
  for (let index = 0; index < expected.length; index += 1) {
    if (bytes[start + index] !== expected[index]) return false;
  }
  return true;
}

/** A varint of two's complement int64 in decimal. */
function signedDecimal(bytes: Uint8Array, start: number, end: number): string {
  let value = 0n;
  for (let at = end - 1; at >= start; at -= 1) value = (value << 7n) | BigInt(bytes[at]! & 0x7f);
  return BigInt.asIntN(64, value).toString();
}
