/**
 * Which bytes of a segment are done: ascending ranges that neither overlap nor touch. Records lie one behind the
 * other, so those that are done in order make one range, however many they are.
 */
export class DoneRanges {
  /** from, to, from, to, … */
  #bounds: number[];

  constructor(bounds: readonly number[] = []) {
    this.#bounds = isAscending(bounds) ? [...bounds] : [];
  }

  /** For the ledger. */
  get bounds(): readonly number[] {
    return this.#bounds;
  }

  /** Adds [from, to). */
  add(from: number, to: number): void {
    const bounds = this.#bounds;
    // What begins behind `from`, and what ends before it without touching: the new range goes between them.
    let low = this.#rangesEndingBefore(from);
    let high = low;
    let start = from;
    let end = to;
    while (2 * high < bounds.length && bounds[2 * high]! <= to) {
      start = Math.min(start, bounds[2 * high]!);
      end = Math.max(end, bounds[2 * high + 1]!);
      high += 1;
    }
    low *= 2;
    bounds.splice(low, 2 * high - low, start, end);
  }

  /** The end of the range that `offset` lies in; `offset` itself when it is not done. */
  firstUndoneFrom(offset: number): number {
    const at = 2 * this.#rangesEndingBefore(offset + 1);
    const from = this.#bounds[at];
    return from !== undefined && from <= offset ? this.#bounds[at + 1]! : offset;
  }

  covers(from: number, to: number): boolean {
    return from >= to || this.firstUndoneFrom(from) >= to;
  }

  /** How many ranges end before `offset`. */
  #rangesEndingBefore(offset: number): number {
    let low = 0;
    let high = this.#bounds.length / 2;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#bounds[2 * middle + 1]! < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** What comes from a ledger is believed only if it can be true. */
function isAscending(bounds: readonly number[]): boolean {
  return (
    bounds.length % 2 === 0 &&
    bounds.every((bound, n) => Number.isSafeInteger(bound) && (n === 0 ? bound >= 0 : bound > bounds[n - 1]!))
  );
}
