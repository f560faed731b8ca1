import { expect, test } from "vitest";
import { staggered } from "../../../src/discovery/dns/staggered.ts";

const { signal } = new AbortController();
const forever = (): Promise<string> => new Promise(() => undefined);

test("the first success counts, whichever attempt it is, and the others are aborted", async () => {
  const signals: AbortSignal[] = [];
  const result = await staggered({ attempts: 3, staggerMs: 5, signal }, (attempt, attemptSignal) => {
    signals.push(attemptSignal);
    return attempt === 1 ? Promise.resolve("second") : forever();
  });
  expect(result).toBe("second");
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
});

test("a failure is followed by the next attempt at once, and the last failure is told", async () => {
  const begun: number[] = [];
  const racing = staggered({ attempts: 3, staggerMs: 60_000, signal }, (attempt) => {
    begun.push(attempt);
    return Promise.reject(new Error(`attempt ${attempt}`));
  });
  await expect(racing).rejects.toThrow("attempt 2");
  expect(begun).toEqual([0, 1, 2]);
});

test("after a failure the slow attempts are still awaited", async () => {
  let succeed: (value: string) => void = () => undefined;
  const racing = staggered({ attempts: 2, staggerMs: 1, signal }, (attempt) => {
    if (attempt === 0) return new Promise((resolve) => (succeed = resolve));
    queueMicrotask(() => setImmediate(() => succeed("first")));
    return Promise.reject(new Error("second"));
  });
  expect(await racing).toBe("first");
});

test("an aborted race begins no more attempts, and ends when those begun have ended", async () => {
  const giveUp = new AbortController();
  const begun: number[] = [];
  const racing = staggered(
    { attempts: 5, staggerMs: 60_000, signal: giveUp.signal },
    (attempt, attemptSignal) => {
      begun.push(attempt);
      return new Promise((_, reject) => {
        attemptSignal.addEventListener("abort", () => reject(new Error("aborted")));
      });
    },
  );
  giveUp.abort();
  await expect(racing).rejects.toThrow("aborted");
  expect(begun).toEqual([0]);
});
