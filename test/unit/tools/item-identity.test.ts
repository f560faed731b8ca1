import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import {
  formatRun,
  highestSequence,
  parseRun,
  readItemId,
  readItemIdHex,
  readSpanId,
  writeItemId,
  writeSpanId,
} from "../../../src/tools/item-identity.ts";

const word = fc.integer({ min: 1, max: highestSequence });

function itemId(run: number, sequence: number): Buffer {
  const bytes = Buffer.alloc(16);
  writeItemId(bytes, 0, run, sequence);
  return bytes;
}

describe("an item id", () => {
  test.prop([word, word])("is read back, as bytes and as digits", (run, sequence) => {
    expect(readItemId(itemId(run, sequence))).toEqual({ run, sequence });
    expect(readItemIdHex(itemId(run, sequence).toString("hex"))).toEqual({ run, sequence });
  });

  test.prop([word, word, fc.integer({ min: 0, max: 127 })])(
    "is not read back once any of its bits has changed",
    (run, sequence, bit) => {
      const damaged = itemId(run, sequence);
      damaged[bit >>> 3]! ^= 1 << (bit & 7);
      expect(readItemId(damaged)).toBeUndefined();
    },
  );

  test.prop([fc.uint8Array({ maxLength: 32 })])("is not seen in other bytes", (bytes) => {
    expect(readItemId(bytes)).toBeUndefined();
  });

  it("ends in eight bytes that differ from one sequence to the next", () => {
    const tails = new Set(Array.from({ length: 10_000 }, (_, n) => itemId(7, n + 1).toString("hex", 8)));
    expect(tails.size).toBe(10_000);
  });

  it("is not read from text that is no item id", () => {
    expect(readItemIdHex(undefined)).toBeUndefined();
    expect(readItemIdHex("")).toBeUndefined();
    expect(readItemIdHex("z".repeat(32))).toBeUndefined();
  });
});

describe("a span id", () => {
  test.prop([word, word, word])("is read back by its own run only", (run, otherRun, sequence) => {
    fc.pre(run !== otherRun);
    const bytes = Buffer.alloc(8);
    writeSpanId(bytes, 0, run, sequence);
    expect(readSpanId(bytes, run)).toBe(sequence);
    expect(readSpanId(bytes, otherRun)).toBeUndefined();
  });

  it("is not read from missing, short or zero bytes", () => {
    expect(readSpanId(undefined, 1)).toBeUndefined();
    expect(readSpanId(Buffer.from([0, 0, 0, 1]), 1)).toBeUndefined();
    expect(readSpanId(Buffer.from([0, 0, 0, 1, 0, 0, 0, 0]), 1)).toBeUndefined();
  });
});

describe("a run", () => {
  test.prop([word])("is written in eight digits and read back", (run) => {
    expect(formatRun(run)).toHaveLength(8);
    expect(parseRun(formatRun(run))).toBe(run);
  });

  it("is not read from anything else", () => {
    expect(["", "1234567", "123456789", "1234567g", "00000000"].map(parseRun)).toEqual(
      Array(5).fill(undefined),
    );
  });
});
