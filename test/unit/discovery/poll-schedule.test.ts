import { expect, test } from "vitest";
import { nextPollMs } from "../../../src/discovery/poll-schedule.ts";

test("the next poll is at the next multiple of the interval", () => {
  expect(nextPollMs(12_345, 5000, 0)).toBe(15_000);
  expect(nextPollMs(15_000, 5000, 10_000)).toBe(20_000);
});

test("a timer that fired early does not poll twice for one multiple", () => {
  expect(nextPollMs(14_999.5, 5000, 15_000)).toBe(20_000);
});

test("after a poll that took longer than the interval, the missed multiples are passed over", () => {
  expect(nextPollMs(31_000, 5000, 15_000)).toBe(35_000);
});

test("a clock that was set back delays a poll by two intervals at most", () => {
  expect(nextPollMs(3000, 5000, 1_000_000)).toBe(5000);
  expect(nextPollMs(3000, 5000, 5000)).toBe(10_000);
});
