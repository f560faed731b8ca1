import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { Backoff } from "../../../src/base/backoff.ts";

const middle = (): number => 0.5;

describe("Backoff", () => {
  test("doubles from the first delay to the longest and stays there", () => {
    const backoff = new Backoff({ initialMs: 100, maxMs: 1000 }, middle);
    const delays = Array.from({ length: 6 }, () => backoff.nextDelayMs());
    expect(delays).toEqual([100, 200, 400, 800, 1000, 1000]);
  });

  test("begins again after a reset", () => {
    const backoff = new Backoff({ initialMs: 100, maxMs: 1000, factor: 3 }, middle);
    backoff.nextDelayMs();
    backoff.nextDelayMs();
    backoff.reset();
    expect([backoff.nextDelayMs(), backoff.nextDelayMs()]).toEqual([100, 300]);
  });

  property.prop([
    fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  ])("keeps every delay within the jitter around it", (random, jitter) => {
    const backoff = new Backoff({ initialMs: 100, maxMs: 200, jitter }, () => random);
    for (const delayMs of [100, 200, 200]) {
      const actualMs = backoff.nextDelayMs();
      expect(actualMs).toBeGreaterThanOrEqual(delayMs * (1 - jitter) - 1e-9);
      expect(actualMs).toBeLessThanOrEqual(delayMs * (1 + jitter) + 1e-9);
    }
  });

  test("spreads the delays of clients that failed at the same time", () => {
    const delays = new Set(
      Array.from({ length: 20 }, () => new Backoff({ initialMs: 100, maxMs: 200 }).nextDelayMs()),
    );
    expect(delays.size).toBeGreaterThan(10);
  });

  test.each([
    ["a first delay of 0", { initialMs: 0, maxMs: 1 }, /initialMs must be above 0/],
    ["a longest below the first", { initialMs: 10, maxMs: 5 }, /maxMs must be finite and at least initialMs/],
    ["no longest", { initialMs: 10, maxMs: Infinity }, /maxMs must be finite/],
    ["delays that shrink", { initialMs: 1, maxMs: 2, factor: 0.5 }, /factor must be at least 1/],
    ["more jitter than delay", { initialMs: 1, maxMs: 2, jitter: 1.1 }, /jitter must be from 0 to 1/],
    ["something that is no number", { initialMs: Number.NaN, maxMs: 2 }, /initialMs/],
  ])("refuses %s", (_name, options, message) => {
    expect(() => new Backoff(options)).toThrow(message);
  });
});
