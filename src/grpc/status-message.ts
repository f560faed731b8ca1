/**
 * The `grpc-message` trailer: UTF-8 with everything but printable ASCII percent-encoded
 * (https://github.com/grpc/grpc/blob/v1.76.0/doc/PROTOCOL-HTTP2.md, "Status-Message").
 */

/** Clients bound the size of trailers, commonly to 8 KiB with everything in them. */
const encodedBytesMax = 4096;

const needsNoEncoding = /^[ -$&-~]*$/;
const percent = 0x25;

/** The header's value; a message that would be longer than 4 KiB is cut, at a whole character. */
export function encodeStatusMessage(message: string): string {
  if (message.length <= encodedBytesMax && needsNoEncoding.test(message)) return message;
  let encoded = "";
  for (const character of message.slice(0, encodedBytesMax)) {
    const piece = needsNoEncoding.test(character) ? character : percentEncode(character);
    if (encoded.length + piece.length > encodedBytesMax) break;
    encoded += piece;
  }
  return encoded;
}

/** The message of a header. What is not valid percent-encoding or UTF-8 is kept as well as it can be, never refused. */
export function decodeStatusMessage(header: string): string {
  if (!header.includes("%")) return header;
  const bytes = Buffer.from(header, "latin1");
  let written = 0;
  for (let read = 0; read < bytes.length; read += 1) {
    const byte = bytes[read]!;
    const value = byte === percent ? hexByte(bytes, read + 1) : undefined;
    bytes[written] = value ?? byte;
    written += 1;
    if (value !== undefined) read += 2;
  }
  return bytes.toString("utf8", 0, written);
}

function percentEncode(character: string): string {
  let encoded = "";
  for (const byte of Buffer.from(character, "utf8")) {
    encoded += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** The byte that two hexadecimal digits at `at` name, if they are there. */
function hexByte(bytes: Buffer, at: number): number | undefined {
  const high = hexDigit(bytes[at]);
  const low = hexDigit(bytes[at + 1]);
  return high === undefined || low === undefined ? undefined : high * 16 + low;
}

function hexDigit(byte: number | undefined): number | undefined {
  if (byte === undefined) return undefined;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : undefined;
}
