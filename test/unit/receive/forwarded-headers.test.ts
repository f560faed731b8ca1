import { describe, expect, it } from "vitest";
import { forwardedHeaders } from "../../../src/receive/forwarded-headers.ts";

describe("forwardedHeaders", () => {
  it.each([
    ["nothing is to be forwarded", { a: "1" }, [], []],
    ["none of them is there", { a: "1" }, ["b"], []],
    [
      "some are there",
      { a: "1", c: "3", d: "4" },
      ["a", "b", "c"],
      [
        ["a", "1"],
        ["c", "3"],
      ],
    ],
    ["one is there twice", { "set-cookie": ["1", "2"] }, ["set-cookie"], [["set-cookie", "1, 2"]]],
    ["one is empty", { a: "" }, ["a"], [["a", ""]]],
  ])("gives the entries where %s", (_name, headers, names, entries) => {
    expect(forwardedHeaders(headers, names).entries).toEqual(entries);
  });

  it("has one key for equal sets, another for others, and an empty one for none", () => {
    const names = ["a", "b"];
    const keyOf = (headers: Record<string, string>) => forwardedHeaders(headers, names).key;
    const distinct = [{ a: "1", b: "2" }, { a: "1b", b: "2" }, { a: "1" }, { b: "1" }, { a: "" }, {}].map(
      keyOf,
    );
    expect(new Set(distinct).size).toBe(distinct.length);
    expect(keyOf({ b: "2", a: "1", x: "y" })).toBe(keyOf({ a: "1", b: "2" }));
    expect(keyOf({})).toBe("");
  });
});
