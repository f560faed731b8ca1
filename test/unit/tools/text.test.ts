import { describe, expect, it } from "vitest";
import { formatApproximate, formatCount, formatDuration, renderTable } from "../../../src/tools/text.ts";

describe("figures", () => {
  it("have their thousands apart", () => {
    expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(["0", "999", "1,000", "1,234,567"]);
  });

  it("are rounded where nobody reads the last digit", () => {
    expect([12, 1500, 250_000, 1.25e6].map(formatApproximate)).toEqual(["12", "1.5 k", "250 k", "1.3 M"]);
  });

  it("tell durations in the unit that fits", () => {
    expect([850, 12_345, 250_000].map(formatDuration)).toEqual(["850 ms", "12.3 s", "4 m 10 s"]);
  });
});

describe("a table", () => {
  it("is as wide as its widest cells, without blanks at the end", () => {
    const columns = [
      { title: "sink", align: "left" },
      { title: "n", align: "right" },
      { title: "note", align: "left" },
    ] as const;
    expect(
      renderTable(columns, [
        ["a", "1,000", ""],
        ["longer", "1", "x"],
      ]),
    ).toBe(["sink        n  note", "a       1,000", "longer      1  x"].join("\n"));
  });
});
