/**
 * A bounded protobuf reader over received bytes (https://protobuf.dev/programming-guides/encoding/).
 *
 * It allocates nothing and copies nothing: fields are reported as positions, and everything that
 * is read is checked against `end` first. One reader serves any number of messages (`reset`).
 */
import { WireError } from "./wire-error.ts";

export const wireType = { VARINT: 0, I64: 1, LEN: 2, SGROUP: 3, EGROUP: 4, I32: 5 } as const;

/** protobuf's own limit of nested groups; deeper is an attack, not a message. */
const groupDepthMax = 100;
/** Ten bytes of seven bits hold 64 bits. */
const varintBytesMax = 10;

export class WireReader {
  bytes: Uint8Array = new Uint8Array(0);
  position = 0;
  end = 0;
  /** What `findLast` found. */
  valueStart = 0;
  valueEnd = 0;

  reset(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  get done(): boolean {
    return this.position >= this.end;
  }

  /** The next tag (field number << 3 | wire type), an unsigned 32-bit number. */
  readTag(): number {
    const start = this.position;
    const first = start < this.end ? this.bytes[start]! : 0x80;
    if (first < 0x80) {
      this.position = start + 1;
      if (first < 8) throw new WireError(start, "field number 0");
      return first;
    }
    const tag = this.readVarint();
    if (tag > 0xffffffff) throw new WireError(start, "a tag of more than 32 bits");
    if (tag < 8) throw new WireError(start, "field number 0");
    return tag;
  }

  /**
   * A varint as a number: exact to 2^53, and larger than that for larger values (callers
   * compare with a bound; they do not read 64-bit integers by this).
   */
  readVarint(): number {
    const { bytes, end } = this;
    const start = this.position;
    let position = start;
    let value = 0;
    let scale = 1;
    while (position < end) {
      const byte = bytes[position++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.position = position;
        return value;
      }
      if (position - start === varintBytesMax) throw new WireError(start, "a varint of more than ten bytes");
      scale *= 128;
    }
    throw new WireError(start, "the message ends within a varint");
  }

  /** The length of a LEN field, checked to lie within `end`; the position is then at its first byte. */
  readLength(): number {
    const start = this.position;
    const first = start < this.end ? this.bytes[start]! : 0x80;
    let length = first;
    if (first < 0x80) this.position = start + 1;
    else length = this.readVarint();
    if (length > this.end - this.position) {
      throw new WireError(start, `a field of ${length} bytes where ${this.end - this.position} are left`);
    }
    return length;
  }

  /** Passes over the value of the field whose tag was just read. */
  skip(tag: number): void {
    switch (tag & 7) {
      case wireType.LEN: {
        // Read first: `+=` would take the position from before the length.
        const length = this.readLength();
        this.position += length;
        return;
      }
      case wireType.VARINT:
        this.#skipVarint();
        return;
      case wireType.I64:
        this.#advance(8);
        return;
      case wireType.I32:
        this.#advance(4);
        return;
      case wireType.SGROUP:
        this.#skipGroup(tag >>> 3);
        return;
      default:
        throw new WireError(this.position - 1, `wire type ${tag & 7} where a field should start`);
    }
  }

  /**
   * Passes over the rest of the message and finds the last LEN field of this number (the one that
   * counts, for a field that is not repeated): true when there is one, `valueStart` and `valueEnd`
   * then hold its content. A field of this number with another wire type is an error.
   */
  findLast(fieldNumber: number): boolean {
    const { bytes, end } = this;
    const wanted = fieldNumber * 8 + wireType.LEN;
    let found = false;
    let position = this.position;
    while (position < end) {
      const tag = bytes[position]!;
      // The usual case, one byte of tag and one of length, stays in this loop: it runs for every field of every item.
      if ((tag & 0x87) === wireType.LEN && tag >= 8 && position + 1 < end && bytes[position + 1]! < 0x80) {
        const start = position + 2;
        position = start + bytes[position + 1]!;
        if (position > end)
          throw new WireError(
            start - 1,
            `a field of ${position - start} bytes where ${end - start} are left`,
          );
        if (tag === wanted) {
          found = true;
          this.valueStart = start;
          this.valueEnd = position;
        }
        continue;
      }
      this.position = position;
      const anyTag = this.readTag();
      if (anyTag >>> 3 === fieldNumber) {
        const length = this.expectLength(anyTag);
        found = true;
        this.valueStart = this.position;
        this.valueEnd = this.position + length;
        this.position += length;
      } else {
        this.skip(anyTag);
      }
      position = this.position;
    }
    this.position = position;
    return found;
  }

  /** Like `readLength`, for a field that the schema says is a string, bytes or a message. */
  expectLength(tag: number): number {
    this.#expect(tag, wireType.LEN);
    return this.readLength();
  }

  /** Passes over a varint that the schema says this field is. */
  expectVarint(tag: number): void {
    this.#expect(tag, wireType.VARINT);
    this.#skipVarint();
  }

  /** Passes over eight bytes that the schema says this field is. */
  expectFixed64(tag: number): void {
    this.#expect(tag, wireType.I64);
    this.#advance(8);
  }

  #expect(tag: number, expected: number): void {
    if ((tag & 7) !== expected) {
      throw new WireError(
        this.position - 1,
        `field ${tag >>> 3} with wire type ${tag & 7}, expected ${expected}`,
      );
    }
  }

  #advance(count: number): void {
    if (count > this.end - this.position)
      throw new WireError(this.position, "the message ends within a field");
    this.position += count;
  }

  #skipVarint(): void {
    const start = this.position;
    const limit = Math.min(this.end, start + varintBytesMax);
    let position = start;
    while (position < limit) {
      if (this.bytes[position++]! < 0x80) {
        this.position = position;
        return;
      }
    }
    throw new WireError(
      start,
      limit === this.end ? "the message ends within a varint" : "a varint of more than ten bytes",
    );
  }

  /** Groups are deprecated, but an unknown one must be passed on: found by its matching end, without recursion. */
  #skipGroup(fieldNumber: number): void {
    const start = this.position;
    const open = [fieldNumber];
    while (open.length > 0) {
      if (this.done) throw new WireError(start, "a group that is never closed");
      const tag = this.readTag();
      switch (tag & 7) {
        case wireType.SGROUP:
          if (open.length === groupDepthMax) throw new WireError(start, "groups nested too deep");
          open.push(tag >>> 3);
          break;
        case wireType.EGROUP:
          if (open.pop() !== tag >>> 3) throw new WireError(start, "a group closed by another field's end");
          break;
        default:
          this.skip(tag);
      }
    }
  }
}
