/** Values that are strings in JSON and LEN fields in protobuf: text, ids and other bytes. */
import { ascii, hexDigits } from "./characters.ts";
import { JsonFault } from "./json-fault.ts";
import type { ProtobufOutput } from "./output.ts";
import type { JsonReader } from "./reader.ts";
import { type JsonField, valueKind } from "./schema.ts";
import { copyText } from "./text.ts";

/** Reads and writes the value, from its length on; answers whether it is empty, which is the default. */
export function readText(field: JsonField, reader: JsonReader, output: ProtobufOutput): boolean {
  const start = output.beginLength(1);
  if (field.kind === valueKind.STRING) copyText(reader, output);
  else if (field.kind === valueKind.ID) readId(field.idBytes, reader, output);
  else readBase64(reader, output);
  const isEmpty = output.position === start;
  output.endLength(start, 1);
  return isEmpty;
}

/** Hexadecimal digits of either case; "" is no id. */
function readId(sizeBytes: number, reader: JsonReader, output: ProtobufOutput): void {
  const { bytes, position } = reader;
  const isString = bytes[position] === ascii.QUOTE;
  if (isString && bytes[position + 1] === ascii.QUOTE) {
    reader.position = position + 2;
    return;
  }
  const end = position + 1 + 2 * sizeBytes;
  const target = output.bytes;
  let to = output.position;
  // Below zero as soon as one of the digits is none.
  let digits = isString && bytes[end] === ascii.QUOTE ? 0 : -1;
  for (let at = position + 1; at < end && digits >= 0; at += 2) {
    const upper = hexDigits[bytes[at]!]!;
    const lower = hexDigits[bytes[at + 1]!]!;
    digits = upper | lower;
    target[to++] = upper * 16 + lower;
  }
  if (digits < 0) throw new JsonFault(position, `expected ${2 * sizeBytes} hexadecimal digits`);
  output.position = to;
  reader.position = end + 1;
}

/** Of the standard alphabet or the one for URLs, padded or not. */
function readBase64(reader: JsonReader, output: ProtobufOutput): void {
  const from = reader.position;
  const start = output.position;
  copyText(reader, output);
  const text = output.bytes.toString("latin1", start, output.position);
  const digits = text.replace(/={1,2}$/, "");
  const isPadded = digits.length < text.length;
  if (!/^[\w+/-]*$/.test(digits) || digits.length % 4 === 1 || (isPadded && text.length % 4 !== 0)) {
    throw new JsonFault(from, "expected base64");
  }
  output.position = start + output.bytes.write(digits, start, "base64");
}
