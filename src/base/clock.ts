/**
 * Milliseconds on a clock that never jumps; only differences mean anything.
 * Every deadline in the program is a reading of this clock, so that a step of the
 * wall clock expires nothing.
 */
export function monotonicMs(): number {
  return performance.now();
}
