/**
 * Hashes of routing keys and member names: FarmHash's `Fingerprint32` and `Fingerprint64`
 * (https://github.com/google/farmhash). Only the fingerprints are promised to be the same on every
 * platform and in every version; the library's `hash*` functions are not, and are never used here.
 *
 * A native call costs about ten times what hashing a trace id does, so keys of up to 24 bytes are
 * hashed right here, in 32-bit integer arithmetic; longer ones go to the library. Both give the
 * same number for the same bytes (test/property/ring/hash.test.ts).
 */
import farmhash from "farmhash";

/** What the integer paths below cover; longer keys take the native call. */
const inlineBytesMax = 24;

const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;

/** Fingerprint32 of `bytes[start, end)`: an unsigned 32-bit number. */
export function fingerprint32(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length === 16) return fingerprint16(bytes, start);
  if (length > inlineBytesMax) return farmhash.fingerprint32(bufferOver(bytes, start, length));
  if (length > 12) return fingerprint13to24(bytes, start, length);
  if (length > 4) return fingerprint5to12(bytes, start, length);
  return fingerprint0to4(bytes, start, length);
}

/** Fingerprint64 of a text's UTF-8 bytes, as two unsigned 32-bit halves. */
export function fingerprint64(text: string): { readonly high: number; readonly low: number } {
  const value = farmhash.fingerprint64(Buffer.from(text, "utf8"));
  return { high: Number(value >> 32n), low: Number(value & 0xffffffffn) };
}

/** A bijection of 32-bit numbers in which every bit of the input reaches every bit of the output. */
export function mix32(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function bufferOver(bytes: Uint8Array, start: number, length: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, length);
}

function read32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function rotateRight(value: number, count: number): number {
  return (value >>> count) | (value << (32 - count));
}

/** Works `a` into `h`: the step that Fingerprint32 takes over from MurmurHash3. */
function absorb(a: number, h: number): number {
  const scrambled = Math.imul(rotateRight(Math.imul(a, c1), 17), c2);
  return (Math.imul(rotateRight(h ^ scrambled, 19), 5) + 0xe6546b64) | 0;
}

function fingerprint0to4(bytes: Uint8Array, start: number, length: number): number {
  let b = 0;
  let c = 9;
  for (let i = 0; i < length; i += 1) {
    const signedByte = (bytes[start + i]! << 24) >> 24;
    b = (Math.imul(b, c1) + signedByte) | 0;
    c ^= b;
  }
  return mix32(absorb(b, absorb(length, c)));
}

function fingerprint5to12(bytes: Uint8Array, start: number, length: number): number {
  const a = (length + read32(bytes, start)) | 0;
  const b = (length * 5 + read32(bytes, start + length - 4)) | 0;
  const c = (9 + read32(bytes, start + ((length >>> 1) & 4))) | 0;
  return mix32(absorb(c, absorb(b, absorb(a, length * 5))));
}

/** `fingerprint13to24` of a trace id, the hot case, whose six words are but four: a third less to read. */
function fingerprint16(bytes: Uint8Array, start: number): number {
  const word0 = read32(bytes, start);
  const word1 = read32(bytes, start + 4);
  const word2 = read32(bytes, start + 8);
  const word3 = read32(bytes, start + 12);
  let a = (rotateRight(word1, 12) + word3) | 0;
  let h = (absorb(word2, (Math.imul(word2, c1) + 16) | 0) + a) | 0;
  a = (rotateRight(a, 3) + word2) | 0;
  h = (absorb(word0, h) + a) | 0;
  a = (rotateRight((a + word3) | 0, 12) + word2) | 0;
  return mix32((absorb(word1, h) + a) | 0);
}

function fingerprint13to24(bytes: Uint8Array, start: number, length: number): number {
  const half = start + (length >>> 1);
  const b = read32(bytes, start + 4);
  const c = read32(bytes, start + length - 8);
  const d = read32(bytes, half);
  const e = read32(bytes, start);
  const f = read32(bytes, start + length - 4);
  let a = read32(bytes, half - 4);
  let h = (Math.imul(d, c1) + length) | 0;
  a = (rotateRight(a, 12) + f) | 0;
  h = (absorb(c, h) + a) | 0;
  a = (rotateRight(a, 3) + c) | 0;
  h = (absorb(e, h) + a) | 0;
  a = (rotateRight((a + f) | 0, 12) + d) | 0;
  h = (absorb(b, h) + a) | 0;
  return mix32(h);
}
