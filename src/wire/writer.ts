/** The few things that are ever written in protobuf by hand: varints, tags and short messages. */

/** Bytes that the varint of `value` (0 to 2^53) takes. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  let size = 5;
  for (let rest = Math.floor(value / 0x800000000); rest > 0; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

/** Writes the varint of `value` (0 to 2^53) at `position`; returns the position after it. */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  let rest = value;
  let at = position;
  while (rest >= 0x80) {
    target[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  target[at++] = rest;
  return at;
}

/** A LEN field: tag, length and content. */
export function lengthDelimitedField(fieldNumber: number, content: Uint8Array): Buffer {
  const tag = fieldNumber * 8 + 2;
  const head = varintSize(tag) + varintSize(content.length);
  const field = Buffer.allocUnsafe(head + content.length);
  writeVarint(field, writeVarint(field, 0, tag), content.length);
  field.set(content, head);
  return field;
}

/** A VARINT field of a number from 0 to 2^53. */
export function varintField(fieldNumber: number, value: number): Buffer {
  const tag = fieldNumber * 8;
  const field = Buffer.allocUnsafe(varintSize(tag) + varintSize(value));
  writeVarint(field, writeVarint(field, 0, tag), value);
  return field;
}
