import fc from "fast-check";
import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { WireReader } from "../../../src/wire/reader.ts";
import { WireError } from "../../../src/wire/wire-error.ts";
import { lengthDelimitedField, varintField, varintSize, writeVarint } from "../../../src/wire/writer.ts";

function readerOf(...bytes: number[]): WireReader {
  const reader = new WireReader();
  reader.reset(Uint8Array.from(bytes), 0, bytes.length);
  return reader;
}

/** Passes over every field of the message. */
function skipAll(reader: WireReader): void {
  while (!reader.done) reader.skip(reader.readTag());
}

const times = (count: number, byte: number): number[] => Array<number>(count).fill(byte);

describe("a malformed message", () => {
  it.each<[string, number[], RegExp]>([
    ["field number 0", [0x02, 0x00], /byte 0: field number 0/],
    ["field number 0 in two bytes", [0x82, 0x00], /byte 0: field number 0/],
    ["a tag without end", [0x8a], /byte 0: the message ends within a varint/],
    ["a tag of 33 bits", [0x88, 0x80, 0x80, 0x80, 0x10, 0x00], /byte 0: a tag of more than 32 bits/],
    ["a tag of eleven bytes", [...times(10, 0x80), 0x01], /byte 0: a varint of more than ten bytes/],
    ["a length without end", [0x0a, 0x80], /byte 1: the message ends within a varint/],
    ["no length", [0x0a], /byte 1: the message ends within a varint/],
    ["one byte too few", [0x0a, 0x03, 1, 2], /byte 1: a field of 3 bytes where 2 are left/],
    ["a length of 2^63", [0x0a, ...times(9, 0x80), 0x01], /byte 1: a field of \d+ bytes where 0 are left/],
    ["a length of eleven bytes", [0x0a, ...times(10, 0x80), 0x01], /more than ten bytes/],
    ["a varint without end", [0x08, 0x80, 0x80], /byte 1: the message ends within a varint/],
    ["a varint of eleven bytes", [0x08, ...times(10, 0xff), 0x01], /byte 1: a varint of more than ten bytes/],
    ["seven bytes of eight", [0x09, ...times(7, 0)], /byte 1: the message ends within a field/],
    ["three bytes of four", [0x0d, ...times(3, 0)], /byte 1: the message ends within a field/],
    ["wire type 6", [0x0e, 0x00], /byte 0: wire type 6 where a field should start/],
    ["wire type 7", [0x0f, 0x00], /byte 0: wire type 7 where a field should start/],
    ["the end of a group that never began", [0x0c], /byte 0: wire type 4 where a field should start/],
    ["a group that is never closed", [0x0b, 0x10, 0x01], /byte 1: a group that is never closed/],
    ["a group closed by another's end", [0x0b, 0x14], /a group closed by another field's end/],
    ["groups nested too deep", times(101, 0x0b), /groups nested too deep/],
  ])("with %s is refused, with its place", (_case, bytes, message) => {
    expect(() => skipAll(readerOf(...bytes))).toThrow(WireError);
    expect(() => skipAll(readerOf(...bytes))).toThrow(message);
    // Looking for one field reads as strictly as passing over all of them.
    expect(() => readerOf(...bytes).findLast(9)).toThrow(WireError);
  });

  it("is never read beyond its end, whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(64), (bytes, length) => {
        const end = Math.min(bytes.length, length);
        const outcomes = [bytes, bytes.slice(0, end)].map((source) => {
          const reader = new WireReader();
          reader.reset(source, 0, end);
          try {
            skipAll(reader);
            return reader.position;
          } catch (error) {
            expect(error).toBeInstanceOf(WireError);
            return (error as WireError).message;
          }
        });
        expect(outcomes[0]).toEqual(outcomes[1]);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a well-formed message", () => {
  it("may have every wire type, groups in groups, and numbers that are longer than they need be", () => {
    const fields = [
      [0x08, 0x96, 0x01],
      [0x09, ...times(8, 1)],
      [0x0a, 0x82, 0x00, 1, 2],
      [0x0b, 0x13, 0x1a, 0x01, 0x0c, 0x14, 0x0c],
      [0x0d, ...times(4, 1)],
      [0x88, 0x80, 0x00, 0x01],
      [0xf8, 0xff, 0xff, 0xff, 0x0f, 0x01],
    ];
    const bytes = fields.flat();
    const reader = readerOf(...bytes);
    skipAll(reader);
    expect(reader.position).toBe(bytes.length);
  });

  it("nests groups a hundred deep", () => {
    const reader = readerOf(...times(100, 0x0b), ...times(100, 0x0c));
    skipAll(reader);
    expect(reader.done).toBe(true);
  });

  it("is read field by field as protobufjs reads it", () => {
    const field = fc.tuple(fc.integer({ min: 1, max: 0x1fffffff }), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(fc.array(field, { maxLength: 10 }), (fields) => {
        const bytes = Buffer.concat(fields.map(([number, content]) => lengthDelimitedField(number, content)));
        const theirs = protobuf.Reader.create(bytes);
        const ours = new WireReader();
        ours.reset(bytes, 0, bytes.length);
        for (const [number, content] of fields) {
          const tag = ours.readTag();
          expect(tag).toBe(theirs.uint32());
          expect(tag >>> 3).toBe(number);
          const length = ours.readLength();
          expect(bytes.subarray(ours.position, ours.position + length)).toEqual(theirs.bytes());
          expect(length).toBe(content.length);
          ours.position += length;
          expect(ours.position).toBe(theirs.pos);
        }
        expect(ours.done).toBe(true);
      }),
    );
  });
});

describe("findLast", () => {
  const find = (bytes: Uint8Array, fieldNumber: number): string | undefined => {
    const reader = new WireReader();
    reader.reset(bytes, 0, bytes.length);
    if (!reader.findLast(fieldNumber)) return undefined;
    return Buffer.from(bytes.subarray(reader.valueStart, reader.valueEnd)).toString();
  };
  const text = (fieldNumber: number, value: string): Buffer =>
    lengthDelimitedField(fieldNumber, Buffer.from(value));

  it("finds the last of a field, however it is written, among any others", () => {
    const long = "x".repeat(200);
    const longTag = Buffer.from([0x8a, 0x00, 0x01, 0x7a]);
    expect(find(Buffer.concat([text(1, "a"), text(2, "b"), text(1, "c"), varintField(3, 1)]), 1)).toBe("c");
    expect(find(Buffer.concat([text(1, "a"), longTag]), 1)).toBe("z");
    expect(find(Buffer.concat([text(2, "a"), text(1, long), text(16, "b")]), 1)).toBe(long);
    expect(find(Buffer.concat([text(1, "a"), text(16, "b")]), 16)).toBe("b");
    expect(find(text(1, ""), 1)).toBe("");
    expect(find(text(2, "a"), 1)).toBeUndefined();
  });

  it("refuses the field where it has another wire type", () => {
    expect(() => find(varintField(1, 5), 1)).toThrow(/field 1 with wire type 0, expected 2/);
  });
});

describe("varints", () => {
  it("are written as protobufjs writes them, and read again, up to 2^53", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const bytes = new Uint8Array(varintSize(value));
        expect(writeVarint(bytes, 0, value)).toBe(bytes.length);
        expect(Buffer.from(bytes)).toEqual(Buffer.from(protobuf.Writer.create().uint64(value).finish()));
        const reader = readerOf(...bytes);
        expect(reader.readVarint()).toBe(value);
        expect(reader.done).toBe(true);
      }),
    );
  });
});
