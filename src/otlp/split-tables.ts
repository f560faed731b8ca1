/**
 * What a walk over a request notes down: growing integer tables that are kept for the next request,
 * so that splitting allocates nothing but the parts themselves.
 */

/** Tables that one huge request made larger than this are not kept for the next. */
const retainedLengthMax = 1 << 18;

/** A list of integers without boxing. */
export class IntList {
  values = new Int32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) {
      const grown = new Int32Array(this.length * 2);
      grown.set(this.values);
      this.values = grown;
    }
    this.values[this.length++] = value;
  }

  clear(): void {
    this.length = 0;
    if (this.values.length > retainedLengthMax) this.values = new Int32Array(1024);
  }
}

/** For each owner a sum, and which owners have one: clearing costs what was touched, not the number of owners. */
export class OwnerSums {
  #sums = new Float64Array(0);
  readonly #touched = new IntList();

  /** Empties the sums and makes room for owners 0 to `ownerCount` - 1. */
  reset(ownerCount: number): void {
    this.clear();
    if (this.#sums.length < ownerCount) this.#sums = new Float64Array(ownerCount);
  }

  /** Adds a positive amount. */
  add(owner: number, amount: number): void {
    const before = this.#sums[owner]!;
    if (before === 0) this.#touched.push(owner);
    this.#sums[owner] = before + amount;
  }

  of(owner: number): number {
    return this.#sums[owner]!;
  }

  /** How many owners have a sum. */
  get size(): number {
    return this.#touched.length;
  }

  /** The owner that was touched as number `index`. */
  owner(index: number): number {
    return this.#touched.values[index]!;
  }

  clear(): void {
    for (let index = 0; index < this.#touched.length; index += 1)
      this.#sums[this.#touched.values[index]!] = 0;
    this.#touched.clear();
  }
}
