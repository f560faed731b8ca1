import { describe, expect, test } from "vitest";
import { retryAfterMs } from "../../../src/export/retry-after.ts";

const nowMs = Date.UTC(2026, 10, 21, 12, 0, 0);
const serverDate = "Sat, 21 Nov 2026 15:00:00 GMT";

describe("Retry-After", () => {
  test.each([
    ["nothing", undefined, undefined],
    ["nothing in it", "", undefined],
    ["seconds", "120", 120_000],
    ["no time at all", "0", 0],
    ["seconds with spaces around them", " 7 ", 7000],
    ["seconds that are none", "-1", undefined],
    ["a fraction, which RFC 9110 does not have", "1.5", undefined],
    ["more seconds than a century has", "99999999999", undefined],
    ["a date", "Sat, 21 Nov 2026 12:00:30 GMT", 30_000],
    ["a date that has passed", "Sat, 21 Nov 2026 11:59:30 GMT", 0],
    ["a date that does not exist", "Sat, 99 Nov 2026 12:00:30 GMT", undefined],
    ["a date in another form", "2026-11-21T12:00:30Z", undefined],
    ["words", "later", undefined],
  ])("with %s", (_name, retryAfter, expected) => {
    expect(retryAfterMs(retryAfter, undefined, nowMs)).toBe(expected);
  });

  test("measures a date on the clock of the server that named it", () => {
    expect(retryAfterMs("Sat, 21 Nov 2026 15:00:05 GMT", serverDate, nowMs)).toBe(5000);
  });

  test("measures a date on our clock when the server's cannot be read", () => {
    expect(retryAfterMs("Sat, 21 Nov 2026 12:00:05 GMT", "yesterday", nowMs)).toBe(5000);
  });

  test("does not let a date change what seconds say", () => {
    expect(retryAfterMs("5", serverDate, nowMs)).toBe(5000);
  });
});
