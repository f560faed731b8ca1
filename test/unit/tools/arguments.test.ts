import { describe, expect, it } from "vitest";
import {
  collect,
  parseCount,
  parseDurationMs,
  parseEndpoint,
  parseHeader,
  parseProbability,
  parseSeed,
} from "../../../src/tools/arguments.ts";

describe.each([
  {
    parse: parseDurationMs,
    good: { "0": 0, "500ms": 500, "1.5s": 1500, "1m30s": 90_000, "2h": 7_200_000 },
    bad: ["", "5", "s", "5 s", "-1s"],
  },
  {
    parse: parseCount,
    good: { "1": 1, "10k": 10_000, "2.5M": 2_500_000 },
    bad: ["", "0", "-3", "1e3", "k", "0.2"],
  },
  {
    parse: parseSeed,
    good: { "0": 0, "9007199254740991": 9007199254740991 },
    bad: ["", "-1", "1.5", "9007199254740992"],
  },
  { parse: parseProbability, good: { "0": 0, "0.25": 0.25, "1": 1 }, bad: ["", "-0.1", "1.1", "half"] },
  {
    parse: parseEndpoint,
    good: {
      "localhost:4317": "localhost:4317",
      "http://gateway:4317/": "gateway:4317",
      "[::1]:0": "[::1]:0",
    },
    bad: ["", "localhost", ":4317", "localhost:", "localhost:65536", "a:b:1", "https://gateway:4317"],
  },
  {
    parse: parseHeader,
    good: { "X-Scope-OrgID=a=b": ["x-scope-orgid", "a=b"], "a=": ["a", ""] },
    bad: ["", "=b", "a", "a b=c"],
  },
] as readonly { parse: (text: string) => unknown; good: Record<string, unknown>; bad: string[] }[])(
  "$parse.name",
  ({ parse, good, bad }) => {
    it.each(Object.entries(good))("reads %j as %j", (text, value) => {
      expect(parse(text)).toEqual(value);
    });

    it.each(bad)("refuses %j and says what it expects", (text) => {
      expect(() => parse(text)).toThrow(/^expected /);
    });
  },
);

describe("collect", () => {
  it("gathers the values of an option that is given several times", () => {
    const count = collect(parseCount);
    expect(count("2", count("1", undefined))).toEqual([1, 2]);
  });
});
