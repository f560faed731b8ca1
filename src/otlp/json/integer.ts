/** Decimal digits as 64 bits, exactly, without a BigInt for each time stamp. */
import { ascii } from "./characters.ts";
import { JsonFault } from "./json-fault.ts";
import type { JsonReader } from "./reader.ts";

/** 2^64 has twenty digits. */
const digitsMax = 20;
/** So many digits are a whole number below 2^53, whatever they are. */
const exactDigits = 15;
/** 10^10 is twice 2^32 and this. */
const tenTo10Low = 1_410_065_408;
const two16 = 65_536;
const two32 = 4_294_967_296;

/** The magnitude of a whole number in two halves, and its sign; one object serves all numbers. */
export class JsonInteger {
  isNegative = false;
  /** Above 2^32 where the number has more than 64 bits. */
  high = 0;
  low = 0;

  /**
   * Reads a whole number, or a string that holds one, as OTLP/JSON writes 64-bit integers. `1.0` and
   * `1e3` are whole too (https://protobuf.dev/programming-guides/json/), if below 2^53.
   */
  read(reader: JsonReader): void {
    const { bytes } = reader;
    const isQuoted = bytes[reader.position] === ascii.QUOTE;
    if (isQuoted) reader.position += 1;
    const start = reader.position;
    this.isNegative = bytes[start] === ascii.MINUS;
    const firstDigit = this.isNegative ? start + 1 : start;
    let at = firstDigit;
    let value = 0;
    while (at < bytes.length) {
      const digit = bytes[at]! - ascii.ZERO;
      if (digit < 0 || digit > 9 || at - firstDigit === exactDigits) break;
      value = value * 10 + digit;
      at += 1;
    }
    this.#set(value);
    const isShort = at > firstDigit && !continuesNumber(bytes[at]) && bytes[firstDigit] !== ascii.ZERO;
    if (isShort) reader.position = at;
    else this.#readAnyNumber(reader, start, firstDigit);
    if (!isQuoted) return;
    if (bytes[reader.position] !== ascii.QUOTE) throw notWhole(start);
    reader.position += 1;
  }

  #set(value: number): void {
    this.high = Math.floor(value / two32);
    this.low = value >>> 0;
  }

  #readAnyNumber(reader: JsonReader, start: number, firstDigit: number): void {
    const { bytes } = reader;
    const startsNumber = bytes[start] === ascii.MINUS || isDigit(bytes[start]);
    if (!startsNumber) throw notWhole(start);
    reader.skipNumber();
    const end = reader.position;
    for (let at = firstDigit; at < end; at += 1) {
      if (isDigit(bytes[at])) continue;
      const value = Math.abs(Number(bytes.toString("latin1", start, end)));
      if (!Number.isSafeInteger(value)) throw notWhole(start);
      this.#set(value);
      return;
    }
    if (end - firstDigit > digitsMax) this.high = two32;
    else this.#setDigits(bytes, firstDigit, end);
  }

  /** The upper digits times 10^10, and the lower ten: each part fits a number, and no product passes 2^53. */
  #setDigits(bytes: Buffer, start: number, end: number): void {
    const split = Math.max(start, end - 10);
    const upper = digits(bytes, start, split);
    const lower = digits(bytes, split, end);
    const upperHigh = Math.floor(upper / two16);
    const shifted = upperHigh * tenTo10Low;
    const shiftedHigh = Math.floor(shifted / two16);
    const sum = (upper - upperHigh * two16) * tenTo10Low + lower + (shifted - shiftedHigh * two16) * two16;
    this.high = 2 * upper + shiftedHigh + Math.floor(sum / two32);
    this.low = sum >>> 0;
  }
}

function digits(bytes: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at += 1) value = value * 10 + (bytes[at]! - ascii.ZERO);
  return value;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ascii.ZERO && byte <= ascii.NINE;
}

/** More digits, a fraction or an exponent. */
function continuesNumber(byte: number | undefined): boolean {
  return isDigit(byte) || byte === ascii.DOT || byte === ascii.LOWER_E || byte === 0x45;
}

function notWhole(offset: number): JsonFault {
  return new JsonFault(offset, "expected a whole number, or a string that holds one");
}
