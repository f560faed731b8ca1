import type { ByteBudget } from "../base/byte-budget.ts";

/** What one request holds of the budget. It can be given back any number of times, and counts once. */
export class Reservation {
  readonly #budget: ByteBudget;
  #heldBytes = 0;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Holds `sizeBytes` more, or answers false and holds what it held. */
  tryGrow(sizeBytes: number): boolean {
    if (!this.#budget.tryTake(sizeBytes)) return false;
    this.#heldBytes += sizeBytes;
    return true;
  }

  /** Gives back what is held above `sizeBytes`. */
  shrinkTo(sizeBytes: number): void {
    const freedBytes = this.#heldBytes - sizeBytes;
    if (freedBytes <= 0) return;
    this.#heldBytes = sizeBytes;
    this.#budget.giveBack(freedBytes);
  }
}
