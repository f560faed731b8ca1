import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { SequenceSet } from "../../../src/tools/sequence-set.ts";

const limit = 200_000;

/** Numbers that fall together in words and pages, and some that do not. */
const numbers = fc.array(
  fc.oneof(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 65_500, max: 65_600 }), fc.nat(limit - 1)),
  { maxLength: 60 },
);

function setOf(members: Iterable<number>): SequenceSet {
  const set = new SequenceSet(limit);
  for (const member of members) set.add(member);
  return set;
}

/** All members, by asking for each number. */
function membersOf(set: SequenceSet): Set<number> {
  return new Set(Array.from({ length: limit }, (_, n) => n).filter((n) => set.has(n)));
}

describe("a set of sequence numbers", () => {
  test.prop([numbers], { numRuns: 15 })("holds what was added, and tells what is new", (members) => {
    const model = new Set<number>();
    const set = new SequenceSet(limit);
    for (const member of members) {
      expect(set.add(member)).toBe(!model.has(member));
      model.add(member);
    }
    expect(set.size).toBe(model.size);
    expect(membersOf(set)).toEqual(model);
  });

  test.prop([numbers, numbers], { numRuns: 15 })("unites, intersects and subtracts like a Set", (a, b) => {
    const right = new Set(b);
    const union = setOf(a);
    union.addAll(setOf(b));
    const cases = [
      [union, new Set([...a, ...b])],
      [setOf(a).intersection(setOf(b)), new Set(a.filter((member) => right.has(member)))],
      [setOf(a).difference(setOf(b)), new Set(a.filter((member) => !right.has(member)))],
    ] as const;
    for (const [set, model] of cases) {
      expect(set.size).toBe(model.size);
      expect(membersOf(set)).toEqual(model);
    }
  });

  test.prop([numbers], { numRuns: 15 })("comes back from its encoding", (members) => {
    const decoded = SequenceSet.decode(setOf(members).encode(), limit);
    expect(decoded.size).toBe(new Set(members).size);
    expect(membersOf(decoded)).toEqual(new Set(members));
  });

  it("takes nothing at its limit or beyond", () => {
    expect(() => setOf([limit])).toThrow(RangeError);
    expect(setOf([limit - 1]).size).toBe(1);
  });

  it("refuses encodings that are broken, too large, or count wrong", () => {
    const { bitmap } = setOf([1, 2, 3]).encode();
    const beyond = new SequenceSet(2 * limit);
    beyond.add(2 * limit - 1);
    expect(() => SequenceSet.decode({ size: 3, bitmap: "no deflate" }, limit)).toThrow("cannot be read");
    expect(() => SequenceSet.decode({ size: 4, bitmap }, limit)).toThrow("a set of 4 numbers came with 3");
    expect(() => SequenceSet.decode(beyond.encode(), limit)).toThrow("cannot be read");
    expect(() => SequenceSet.decode(setOf([150_000]).encode(), 140_000)).toThrow(
      "a set holds 150000, past 140000",
    );
  });

  it("encodes a million numbers that came in order in a few kilobytes", () => {
    const set = new SequenceSet();
    for (let sequence = 1; sequence <= 1_000_000; sequence += 1) set.add(sequence);
    expect(set.encode().bitmap.length).toBeLessThan(4000);
  });
});
