import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatTimeout, parseTimeout } from "../../../src/grpc/timeout.ts";

describe("parseTimeout", () => {
  it.each([
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["10S", 10_000],
    ["250m", 250],
    ["1500u", 1.5],
    ["99999999n", 99.999999],
    ["0m", 0],
    ["99999999H", 359_999_996_400_000],
  ])("reads %s as %d ms", (header, timeoutMs) => {
    const parsed = parseTimeout(header);
    expect(parsed).toEqual({ ok: true, timeoutMs: expect.closeTo(timeoutMs, 9) });
  });

  it.each([
    "",
    "m",
    "10",
    "10s",
    "10h",
    "-1S",
    "+1S",
    "1.5S",
    " 1S",
    "1S ",
    "1SS",
    "123456789m",
    "1S\n",
    "٣S",
  ])("refuses %j", (header) => {
    expect(parseTimeout(header)).toEqual({ ok: false, problem: expect.stringContaining("grpc-timeout") });
  });
});

describe("formatTimeout", () => {
  it.each([
    [0, "0m"],
    [-5, "0m"],
    [Number.NaN, "0m"],
    [0.2, "1m"],
    [250, "250m"],
    [250.1, "251m"],
    [99_999_999, "99999999m"],
    [100_000_000, "100000S"],
    [1e12, "16666667M"],
    [1e14, "27777778H"],
    [Number.POSITIVE_INFINITY, "99999999H"],
  ])("writes %d ms as %s", (timeoutMs, header) => {
    expect(formatTimeout(timeoutMs)).toBe(header);
  });

  it("never shortens a timeout, nor lengthens it by more than its unit", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e14, noNaN: true }), (timeoutMs) => {
        const parsed = parseTimeout(formatTimeout(timeoutMs));
        const readMs = parsed.ok ? parsed.timeoutMs : Number.NaN;
        expect(readMs).toBeGreaterThanOrEqual(timeoutMs);
        expect(readMs - timeoutMs).toBeLessThanOrEqual(Math.max(1, timeoutMs * 1e-3));
      }),
    );
  });
});
