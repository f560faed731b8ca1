/** JSON strings as UTF-8, without making JavaScript strings of them. */
import { ascii, hexDigits, simpleEscapes } from "./characters.ts";
import { JsonFault } from "./json-fault.ts";
import type { ProtobufOutput } from "./output.ts";
import type { JsonReader } from "./reader.ts";

/** From here on a native copy is faster than a loop. */
const nativeCopyBytesMin = 48;

/** Copies the string at the reader's position, unescaped; its output is never longer than its input. */
export function copyText(reader: JsonReader, output: ProtobufOutput): void {
  const { bytes } = reader;
  if (bytes[reader.position] !== ascii.QUOTE) throw new JsonFault(reader.position, "expected a string");
  let start = reader.position + 1;
  let at = start;
  for (;;) {
    if (at >= bytes.length) {
      reader.position = at;
      throw reader.malformed();
    }
    const byte = bytes[at]!;
    if (byte === ascii.QUOTE) break;
    if (byte === ascii.BACKSLASH) {
      copyBytes(bytes, start, at, output);
      reader.position = at + 1;
      copyEscape(reader, output);
      start = reader.position;
      at = start;
      continue;
    }
    if (byte < 0x20) {
      reader.position = at;
      throw reader.malformed();
    }
    at += 1;
  }
  copyBytes(bytes, start, at, output);
  reader.position = at + 1;
}

function copyBytes(bytes: Buffer, start: number, end: number, output: ProtobufOutput): void {
  const target = output.bytes;
  let to = output.position;
  output.position = to + end - start;
  if (end - start >= nativeCopyBytesMin) {
    bytes.copy(target, to, start, end);
    return;
  }
  for (let at = start; at < end; at += 1) target[to++] = bytes[at]!;
}

/** From behind the backslash. */
function copyEscape(reader: JsonReader, output: ProtobufOutput): void {
  const letter = reader.bytes[reader.position] ?? -1;
  const meaning = simpleEscapes.get(letter);
  if (meaning !== undefined) {
    reader.position += 1;
    output.bytes[output.position++] = meaning;
    return;
  }
  if (letter !== ascii.LOWER_U) throw reader.malformed();
  reader.position += 1;
  writeCodePoint(readCodePoint(reader), output);
}

const replacementCharacter = 0xfffd;

/** Half of a surrogate pair alone has no form in UTF-8: it becomes U+FFFD, as wherever JavaScript encodes. */
function readCodePoint(reader: JsonReader): number {
  const unit = readCodeUnit(reader);
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  const { bytes, position } = reader;
  const isFollowed = bytes[position] === ascii.BACKSLASH && bytes[position + 1] === ascii.LOWER_U;
  if (unit > 0xdbff || !isFollowed) return replacementCharacter;
  reader.position = position + 2;
  const second = readCodeUnit(reader);
  if (second >= 0xdc00 && second <= 0xdfff) return 0x1_0000 + (unit - 0xd800) * 0x400 + (second - 0xdc00);
  // Not the other half: whatever it is, it stands for itself.
  reader.position = position;
  return replacementCharacter;
}

function readCodeUnit(reader: JsonReader): number {
  const { bytes, position } = reader;
  let unit = 0;
  for (let at = position; at < position + 4; at += 1) {
    const digit = hexDigits[bytes[at] ?? 0]!;
    if (digit < 0) throw reader.malformed();
    unit = unit * 16 + digit;
  }
  reader.position = position + 4;
  return unit;
}

function writeCodePoint(point: number, output: ProtobufOutput): void {
  const { bytes } = output;
  const continuation = (shift: number): number => 0x80 | ((point >>> shift) & 0x3f);
  if (point < 0x80) {
    bytes[output.position++] = point;
  } else if (point < 0x800) {
    bytes[output.position++] = 0xc0 | (point >>> 6);
    bytes[output.position++] = continuation(0);
  } else if (point < 0x1_0000) {
    bytes[output.position++] = 0xe0 | (point >>> 12);
    bytes[output.position++] = continuation(6);
    bytes[output.position++] = continuation(0);
  } else {
    bytes[output.position++] = 0xf0 | (point >>> 18);
    bytes[output.position++] = continuation(12);
    bytes[output.position++] = continuation(6);
    bytes[output.position++] = continuation(0);
  }
}
