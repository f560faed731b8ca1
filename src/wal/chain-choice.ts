/**
 * Which chain takes a destination's records. Each has its own, until that would be too many: a hundred dead
 * backends must not mean a hundred syncs. Then what begins anew goes to one shared chain.
 *
 * A destination's records stay in the order of their appends, so it changes chains only when the one that it
 * used is empty.
 */
export class ChainChoice {
  readonly #ownChainsMax: number;
  /** Whose records are in the shared chain; after a start with some in it nobody knows. */
  #shared: Set<string> | "anybody";

  constructor(ownChainsMax: number, sharedHasRecords: boolean) {
    this.#ownChainsMax = ownChainsMax;
    this.#shared = sharedHasRecords ? "anybody" : new Set();
  }

  /**
   * @param activeChains names of chains with records, the shared one aside.
   * @returns whether `destination` has a chain of its own.
   */
  hasOwnChain(destination: string, activeChains: ReadonlySet<string>): boolean {
    if (destination === "") return false;
    if (activeChains.has(destination)) return true;
    const isShared = this.#shared === "anybody" || this.#shared.has(destination);
    if (!isShared && activeChains.size < this.#ownChainsMax) return true;
    if (this.#shared !== "anybody") this.#shared.add(destination);
    return false;
  }

  /** Nothing is left in the shared chain. */
  sharedIsEmpty(): void {
    if (this.#shared === "anybody" || this.#shared.size > 0) this.#shared = new Set();
  }
}
