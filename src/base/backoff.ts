/** Delays between attempts that grow exponentially, with jitter so that many clients do not return in step. */

export interface BackoffOptions {
  /** The first delay, before jitter; above 0. */
  readonly initialMs: number;
  /** No delay is longer than this, before jitter; at least `initialMs`. */
  readonly maxMs: number;
  /** How much longer each delay is than the one before; at least 1. Default 2. */
  readonly factor?: number;
  /** A delay d becomes a random one from d·(1 − jitter) to d·(1 + jitter); 0 to 1. Default 0.5. */
  readonly jitter?: number;
}

export class Backoff {
  readonly #initialMs: number;
  readonly #maxMs: number;
  readonly #factor: number;
  readonly #jitter: number;
  readonly #random: () => number;
  #delayMs: number;

  /**
   * @param random numbers from 0 (included) to 1 (excluded).
   * @throws {RangeError} when an option is outside the range that it documents.
   */
  constructor(options: BackoffOptions, random: () => number = Math.random) {
    const { initialMs, maxMs, factor = 2, jitter = 0.5 } = options;
    if (!(initialMs > 0)) throw new RangeError(`initialMs must be above 0, not ${initialMs}`);
    if (!(maxMs >= initialMs && maxMs < Infinity)) {
      throw new RangeError(`maxMs must be finite and at least initialMs (${initialMs}), not ${maxMs}`);
    }
    if (!(factor >= 1)) throw new RangeError(`factor must be at least 1, not ${factor}`);
    if (!(jitter >= 0 && jitter <= 1)) throw new RangeError(`jitter must be from 0 to 1, not ${jitter}`);
    this.#initialMs = initialMs;
    this.#maxMs = maxMs;
    this.#factor = factor;
    this.#jitter = jitter;
    this.#random = random;
    this.#delayMs = initialMs;
  }

  /** How long to wait before the next attempt; each call answers with a longer wait, up to the longest. */
  nextDelayMs(): number {
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(delayMs * this.#factor, this.#maxMs);
    return delayMs * (1 + this.#jitter * (2 * this.#random() - 1));
  }

  /** After a success: the next delay is the first one again. */
  reset(): void {
    this.#delayMs = this.#initialMs;
  }
}
