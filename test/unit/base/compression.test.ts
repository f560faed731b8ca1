import * as zlib from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CompressionError,
  compress,
  compressJoined,
  contentCodings,
  decompress,
  decompressedSizeHint,
} from "../../../src/base/compression.ts";

const sizeBytesMax = 1024 * 1024;
const compressing = contentCodings.filter((coding) => coding !== "identity");
const text = Buffer.from("service.name=checkout http.route=/cart ".repeat(400));

function reasonOf(run: () => unknown): string {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof CompressionError) return thrown.reason;
    throw thrown;
  }
  return "none";
}

describe("compress and decompress", () => {
  it("give back any bytes in every coding, within a bound that is exactly their size", () => {
    const contents = fc.oneof(
      fc.uint8Array({ maxLength: 5000 }),
      fc.tuple(fc.uint8Array({ maxLength: 20 }), fc.nat(9000)).map(([unit, times]) => repeat(unit, times)),
    );
    fc.assert(
      fc.property(contents, fc.constantFrom(...contentCodings), (bytes, coding) => {
        const content = Buffer.from(bytes);
        const packed = compress(coding, content);
        expect(decompress(coding, packed, content.length).equals(content)).toBe(true);
        expect(decompressedSizeHint(coding, packed, sizeBytesMax)).toBeLessThanOrEqual(sizeBytesMax);
      }),
      { numRuns: 300 },
    );
  });

  it("compresses parts as if they were one, though calls share their memory", () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)));
    fc.assert(
      fc.property(fc.constantFrom(...compressing), parts, parts, (coding, one, other) => {
        const packed = [one, other].map((each) => compressJoined(coding as "gzip", each));
        const contents = packed.map((bytes) => decompress(coding, bytes, sizeBytesMax));
        expect(contents).toEqual([Buffer.concat(one), Buffer.concat(other)]);
      }),
    );
  });

  it.each(compressing)("make %s smaller", (coding) => {
    expect(compress(coding, text).length).toBeLessThan(text.length / 10);
  });

  it.each(contentCodings)("refuse %s content of one byte more than the bound", (coding) => {
    const packed = compress(coding, text);
    expect(reasonOf(() => decompress(coding, packed, text.length - 1))).toBe("too_large");
    expect(reasonOf(() => decompress(coding, packed, 0))).toBe("too_large");
  });

  it.each(compressing)("refuse every truncation of %s content as corrupt", (coding) => {
    const packed = compress(coding, Buffer.from("a few bytes of content, a few bytes of content"));
    const reasons = new Set<string>();
    for (let length = 0; length < packed.length; length += 1) {
      reasons.add(reasonOf(() => decompress(coding, packed.subarray(0, length), sizeBytesMax)));
    }
    expect([...reasons]).toEqual(["corrupt"]);
  });

  it.each(compressing)("refuse %s content with anything behind it", (coding) => {
    const packed = compress(coding, text);
    for (const junk of [Buffer.from("junk"), Buffer.alloc(1), Buffer.alloc(9)]) {
      const bytes = Buffer.concat([packed, junk]);
      expect(reasonOf(() => decompress(coding, bytes, sizeBytesMax))).toBe("corrupt");
    }
  });

  it.each(compressing)("refuse garbage named %s", (coding) => {
    expect(reasonOf(() => decompress(coding, Buffer.from("no such thing"), sizeBytesMax))).toBe("corrupt");
  });

  it("read gzip of several members, whose trailer names only the last one's size", () => {
    const members = Buffer.concat([zlib.gzipSync(text), zlib.gzipSync(text)]);
    expect(decompressedSizeHint("gzip", members, sizeBytesMax)).toBe(text.length);
    expect(decompress("gzip", members, 2 * text.length).length).toBe(2 * text.length);
    expect(reasonOf(() => decompress("gzip", members, 2 * text.length - 1))).toBe("too_large");
  });

  it("read gzip that declares a size far too small", () => {
    const packed = zlib.gzipSync(Buffer.alloc(3_000_000));
    const lying = zlib.gzipSync(Buffer.alloc(0));
    const members = Buffer.concat([packed, lying]);
    expect(decompressedSizeHint("gzip", members, 4_000_000)).toBe(0);
    expect(decompress("gzip", members, 4_000_000).length).toBe(3_000_000);
  });

  it("hold no more of a bomb than the bound", () => {
    const bomb = zlib.gzipSync(Buffer.alloc(64 * 1024 * 1024));
    expect(decompressedSizeHint("gzip", bomb, sizeBytesMax)).toBe(sizeBytesMax);
    expect(reasonOf(() => decompress("gzip", bomb, sizeBytesMax))).toBe("too_large");
  });
});

describe("decompressedSizeHint", () => {
  it.each([1, 200, 255, 256, 300, 65_791, 65_792, 70_000])("reads %i bytes from gzip and zstd", (size) => {
    const content = Buffer.alloc(size, "x");
    for (const coding of ["gzip", "zstd"] as const) {
      expect(decompressedSizeHint(coding, compress(coding, content), sizeBytesMax)).toBe(size);
    }
  });

  it.each([
    ["gzip that claims 4 GiB in 20 bytes", "gzip", Buffer.alloc(20, 0xff), 20 * 1032],
    ["gzip shorter than its trailer", "gzip", Buffer.from([1, 2, 3]), 0],
    ["zstd that claims 2^64 bytes", "zstd", zstdFrame(0xe0, 8, 0xff), 13 * 32_768],
    ["zstd that ends within its header", "zstd", zstdFrame(0xe0, 3, 0xff), 8 * 8],
    ["zstd that holds no size", "zstd", zstdFrame(0x00, 5, 0), 10 * 8],
    ["zstd with window, dictionary and a size of four bytes", "zstd", zstdFrame(0x83, 9, 1), 14 * 32_768],
    ["something else named zstd", "zstd", Buffer.from("something else"), 14 * 8],
    ["deflate, which never holds a size", "deflate", Buffer.alloc(10), 80],
  ] as const)("of %s", (_name, coding, bytes, expected) => {
    const bound = 64 * 1024 * 1024;
    expect(decompressedSizeHint(coding, bytes, bound)).toBe(expected);
    expect(decompressedSizeHint(coding, bytes, 50)).toBe(Math.min(expected, 50));
  });
});

function repeat(unit: Uint8Array, times: number): Uint8Array {
  return Buffer.alloc(unit.length === 0 ? 0 : Math.min(unit.length * times, 50_000), unit);
}

/** A frame header with that descriptor and `rest` bytes of one value after it. */
function zstdFrame(descriptor: number, rest: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, descriptor]), Buffer.alloc(rest, value)]);
}
