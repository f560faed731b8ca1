/** Spreads items over time, so that a rate holds over any second. */
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs } from "../../base/clock.ts";

/** How much may be caught up after a pause. */
const catchUpMaxMs = 250;

export class Pacer {
  readonly #itemsPerSecond: number | undefined;
  #nextMs = monotonicMs();

  /** Without a rate, nothing waits. */
  constructor(itemsPerSecond: number | undefined) {
    this.#itemsPerSecond = itemsPerSecond;
  }

  /** Waits until so many items are due, or until the signal is aborted. */
  async wait(items: number, abort: AbortSignal): Promise<void> {
    if (this.#itemsPerSecond === undefined) return;
    const nowMs = monotonicMs();
    const dueMs = Math.max(this.#nextMs, nowMs - catchUpMaxMs);
    this.#nextMs = dueMs + (items / this.#itemsPerSecond) * 1000;
    if (dueMs <= nowMs) return;
    await sleep(dueMs - nowMs, undefined, { signal: abort }).catch(() => undefined);
  }
}
