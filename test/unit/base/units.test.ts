import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatDuration, formatSize, parseDurationMs, parseSizeBytes } from "../../../src/base/units.ts";

describe("durations", () => {
  it.each([
    ["0", 0],
    ["0s", 0],
    ["5s", 5000],
    ["500ms", 500],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    ["1h0m0.5s", 3_600_500],
    ["1.005s", 1005],
    ["250us", 0.25],
    ["250µs", 0.25],
    ["1500000ns", 1.5],
  ])("reads %s as %d ms", (text, expected) => {
    expect(parseDurationMs(text)).toBe(expected);
  });

  it.each([
    "",
    "5",
    "s",
    "5 s",
    "-5s",
    "+5s",
    "1d",
    "5S",
    ".5s",
    "5.s",
    "1e3s",
    "5s ",
    "9".repeat(65),
    `${"9".repeat(60)}h`,
  ])("does not read %j", (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  });

  it.each([
    [0, "0s"],
    [1, "1ms"],
    [1500, "1.5s"],
    [90_000, "1m30s"],
    [3_600_000, "1h"],
    [3_600_050, "1h0.05s"],
  ])("writes %d ms as %s", (durationMs, expected) => {
    expect(formatDuration(durationMs)).toBe(expected);
  });

  it("reads back what it writes", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 42 }), (durationMs) => {
        expect(parseDurationMs(formatDuration(durationMs))).toBe(durationMs);
      }),
    );
  });

  it("adds up parts in any order", () => {
    const part = fc.tuple(
      fc.nat({ max: 1000 }),
      fc.constantFrom(["h", 3_600_000], ["m", 60_000], ["s", 1000], ["ms", 1]),
    );
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), (parts) => {
        const text = parts.map(([amount, [unit]]) => `${amount}${unit}`).join("");
        const sumMs = parts.reduce((sum, [amount, [, unitMs]]) => sum + amount * Number(unitMs), 0);
        expect(parseDurationMs(text)).toBe(sumMs);
      }),
    );
  });
});

describe("sizes", () => {
  it.each([
    ["0", 0],
    ["1048576", 1_048_576],
    ["64MiB", 67_108_864],
    ["64 MiB", 67_108_864],
    ["3.5MiB", 3_670_016],
    ["1.1MB", 1_100_000],
    ["0.5KiB", 512],
    ["1kB", 1000],
    ["1KB", 1000],
    ["2TiB", 2 ** 41],
    ["7B", 7],
  ])("reads %s as %d bytes", (text, expected) => {
    expect(parseSizeBytes(text)).toBe(expected);
  });

  it.each([
    "",
    "MiB",
    "-1",
    "64mib",
    "64M",
    "64Mi",
    "0.3B",
    "0.1KiB",
    "1e3",
    "99999999999999999999",
    "9999999TiB",
    "1  MiB",
  ])("does not read %j", (text) => {
    expect(parseSizeBytes(text)).toBeUndefined();
  });

  it.each([
    [0, "0B"],
    [1000, "1000B"],
    [1024, "1KiB"],
    [3_670_016, "3.5MiB"],
    [20 * 2 ** 20, "20MiB"],
    [2 ** 40, "1TiB"],
  ])("writes %d bytes as %s", (sizeBytes, expected) => {
    expect(formatSize(sizeBytes)).toBe(expected);
  });

  it("reads back what it writes", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 - 1 }), fc.constantFrom(1, 512, 1024, 2 ** 20), (count, unit) => {
        expect(parseSizeBytes(formatSize(count * unit))).toBe(count * unit);
      }),
    );
  });
});
