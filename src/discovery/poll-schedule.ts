/**
 * Polls happen at multiples of the interval on the wall clock, so that replicas, whose clocks agree
 * far better than their start times, see a change at the same time.
 */

/** The wall clock and its timers, as a port: tests bring their own. */
export interface WallClock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Calls `run` once after `delayMs`, unless the answer is called first. */
  setTimer(run: () => void, delayMs: number): () => void;
}

export const systemWallClock: WallClock = {
  nowMs: () => Date.now(),
  setTimer: (run, delayMs) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * When to poll next: the first multiple of `intervalMs` after `nowMs`. A timer may fire a moment
 * early; the multiple for which it was set (`lastDueMs`) is then not due again.
 */
export function nextPollMs(nowMs: number, intervalMs: number, lastDueMs: number): number {
  const next = (Math.floor(nowMs / intervalMs) + 1) * intervalMs;
  return next === lastDueMs ? next + intervalMs : next;
}
