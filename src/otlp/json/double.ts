/** A JSON number as the nearest double, or a string with one, NaN or an infinity. */
import { ascii } from "./characters.ts";
import { JsonFault } from "./json-fault.ts";
import type { JsonReader } from "./reader.ts";

/** So many digits are a whole number below 2^53, whatever they are. */
const exactDigits = 15;
/** Exact up to 10^22: a whole number below 2^53 over one of these is rounded once, as it should be. */
const powersOfTen = Array.from({ length: exactDigits + 1 }, (_, exponent) => 10 ** exponent);

const specialValues: ReadonlyMap<string, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);
/** A number of any use in a string, and longer than `-Infinity`. */
const quotedBytesMax = 400;
const numberGrammar = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

export function readDouble(reader: JsonReader): number {
  const { bytes, position } = reader;
  const first = bytes[position] ?? 0;
  if (first === ascii.QUOTE) return readQuoted(reader);
  const isNegative = first === ascii.MINUS;
  if (!isNegative && (first < ascii.ZERO || first > ascii.NINE)) throw noNumber(position);
  reader.skipNumber();
  const end = reader.position;
  let mantissa = 0;
  let digits = 0;
  let dotAt = end;
  for (let at = isNegative ? position + 1 : position; at < end; at += 1) {
    const byte = bytes[at]!;
    if (byte === ascii.DOT) dotAt = at + 1;
    else if (byte > ascii.NINE || digits === exactDigits)
      return finite(Number(bytes.toString("latin1", position, end)), position);
    else {
      mantissa = mantissa * 10 + (byte - ascii.ZERO);
      digits += 1;
    }
  }
  const value = mantissa / powersOfTen[end - dotAt]!;
  return isNegative ? -value : value;
}

function readQuoted(reader: JsonReader): number {
  const start = reader.position + 1;
  const end = reader.bytes.indexOf(ascii.QUOTE, start);
  if (end < 0 || end - start > quotedBytesMax) throw noNumber(start - 1);
  const text = reader.bytes.toString("latin1", start, end);
  reader.position = end + 1;
  const special = specialValues.get(text);
  if (special !== undefined) return special;
  if (!numberGrammar.test(text)) throw noNumber(start - 1);
  return finite(Number(text), start - 1);
}

/** 1e999 is a number in JSON, and no double. */
function finite(value: number, offset: number): number {
  if (!Number.isFinite(value)) throw new JsonFault(offset, "a number out of the field's range");
  return value;
}

function noNumber(offset: number): JsonFault {
  return new JsonFault(offset, 'expected a number, or one of "NaN", "Infinity" and "-Infinity"');
}
