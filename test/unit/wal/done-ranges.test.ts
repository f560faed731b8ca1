import fc from "fast-check";
import { expect, test } from "vitest";
import { DoneRanges } from "../../../src/wal/done-ranges.ts";

test("ranges say of every byte what a set of bytes says", () => {
  const range = fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 12 }));
  fc.assert(
    fc.property(fc.array(range, { maxLength: 20 }), (added) => {
      const ranges = new DoneRanges();
      const bytes = new Set<number>();
      for (const [from, size] of added) {
        ranges.add(from, from + size);
        for (let at = from; at < from + size; at += 1) bytes.add(at);
      }
      for (let at = 0; at < 80; at += 1) {
        let undone = at;
        while (bytes.has(undone)) undone += 1;
        expect(ranges.firstUndoneFrom(at)).toBe(undone);
        expect(ranges.covers(at, at + 3)).toBe(bytes.has(at) && bytes.has(at + 1) && bytes.has(at + 2));
      }
      expect(new DoneRanges(ranges.bounds).bounds).toEqual(ranges.bounds);
    }),
  );
});

test("records that are done in order, or in reverse, are one range", () => {
  for (const offsets of [
    [0, 10, 20, 30],
    [30, 20, 10, 0],
  ]) {
    const ranges = new DoneRanges();
    for (const offset of offsets) ranges.add(offset, offset + 10);
    expect(ranges.bounds).toEqual([0, 40]);
  }
});

test.for([[[1]], [[5, 3]], [[0, 3, 3, 4]], [[-1, 4]], [[0, Number.NaN]]])(
  "bounds that cannot be true (%j) count for nothing",
  ([bounds]) => {
    expect(new DoneRanges(bounds).bounds).toEqual([]);
  },
);
