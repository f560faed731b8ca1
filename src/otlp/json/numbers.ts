/** Values that are numbers in protobuf: integers of every width and wire form, enums, booleans and doubles. */
import { ascii } from "./characters.ts";
import { readDouble } from "./double.ts";
import { JsonInteger } from "./integer.ts";
import { JsonFault } from "./json-fault.ts";
import type { ProtobufOutput } from "./output.ts";
import type { JsonReader } from "./reader.ts";
import { type JsonField, type ValueKind, valueKind } from "./schema.ts";

/** Whether `NumberReader` reads the field's values. */
export function isNumber({ kind }: JsonField): boolean {
  return kind >= valueKind.BOOL;
}

export class NumberReader {
  readonly #integer = new JsonInteger();

  /** Reads and writes the value, without a tag; answers whether it is the default of its kind. */
  read(field: JsonField, reader: JsonReader, output: ProtobufOutput): boolean {
    if (field.kind === valueKind.DOUBLE) return copyDouble(reader, output);
    if (field.kind === valueKind.BOOL) return copyBool(reader, output);
    const from = reader.position;
    if (field.kind === valueKind.ENUM && reader.bytes[from] === ascii.QUOTE) {
      throw new JsonFault(from, "expected the enum's integer, not its name");
    }
    const integer = this.#integer;
    integer.read(reader);
    if (!fits(field.kind, integer)) throw new JsonFault(from, "a number out of the field's range");
    write(field.kind, integer, output);
    return integer.high === 0 && integer.low === 0;
  }
}

function copyDouble(reader: JsonReader, output: ProtobufOutput): boolean {
  const value = readDouble(reader);
  output.double(value);
  return Object.is(value, 0);
}

function copyBool(reader: JsonReader, output: ProtobufOutput): boolean {
  const { bytes, position } = reader;
  const value = bytes[position] === letterT;
  if (!value && bytes[position] !== letterF) throw new JsonFault(position, "expected true or false");
  reader.takeLiteral(value ? "true" : "false");
  output.varint(value ? 1 : 0);
  return !value;
}

const letterT = 0x74;
const letterF = 0x66;

const { UINT32, FIXED32, UINT64, FIXED64, INT64, SFIXED64 } = valueKind;

/** Whether a number has its place in a field of this kind. */
function fits(kind: ValueKind, { high, low, isNegative }: JsonInteger): boolean {
  const isBelow = isNegative && (high !== 0 || low !== 0);
  if (kind === UINT64 || kind === FIXED64) return high <= 0xffff_ffff && !isBelow;
  if (kind === UINT32 || kind === FIXED32) return high === 0 && !isBelow;
  if (kind === INT64 || kind === SFIXED64) {
    return high < 0x8000_0000 || (isBelow && high === 0x8000_0000 && low === 0);
  }
  return high === 0 && low <= (isBelow ? 0x8000_0000 : 0x7fff_ffff);
}

function write(kind: ValueKind, { high, low, isNegative }: JsonInteger, output: ProtobufOutput): void {
  if (kind === valueKind.SINT32) {
    // ZigZag: the sign is the lowest bit.
    output.varint(isNegative && low > 0 ? low * 2 - 1 : low * 2);
    return;
  }
  // Two's complement, which leaves zero as it is.
  const lowBits = isNegative ? -low >>> 0 : low;
  const highBits = isNegative ? (~high + (low === 0 ? 1 : 0)) >>> 0 : high;
  if (kind === FIXED32) output.fixed32(lowBits);
  else if (kind === FIXED64 || kind === SFIXED64) {
    output.fixed32(lowBits);
    output.fixed32(highBits);
  } else output.varint64(highBits, lowBits);
}
