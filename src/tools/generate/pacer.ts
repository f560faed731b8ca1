/** Spreads items over time at a steady rate. */
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs } from "../../base/clock.ts";

/** How much may be caught up after a pause. */
const catchUpMaxMs = 250;

export class Pacer {
  readonly #itemsPerSecond: number | undefined;
  #nextMs: number | undefined;

  /** Without a rate, nothing waits. */
  constructor(itemsPerSecond: number | undefined) {
    this.#itemsPerSecond = itemsPerSecond;
  }

  /** Takes the next place for so many items, and answers in how many milliseconds from `nowMs` it is due. */
  reserve(items: number, nowMs: number): number {
    if (this.#itemsPerSecond === undefined) return 0;
    const dueMs = Math.max(this.#nextMs ?? nowMs, nowMs - catchUpMaxMs);
    this.#nextMs = dueMs + (items / this.#itemsPerSecond) * 1000;
    return Math.max(0, dueMs - nowMs);
  }

  /** Waits until so many items are due, or until the signal is aborted. */
  async wait(items: number, abort: AbortSignal): Promise<void> {
    const delayMs = this.reserve(items, monotonicMs());
    if (delayMs > 0) await sleep(delayMs, undefined, { signal: abort }).catch(() => undefined);
  }
}
