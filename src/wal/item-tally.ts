/** Items and records by exporter and signal. */
import { type RecordSignal, signalNumbers } from "./format.ts";

export interface TallyEntry {
  readonly exporter: string;
  readonly signal: RecordSignal;
  items: number;
  records: number;
}

/** As it goes into the ledger. */
export type TallyRow = readonly [exporter: string, signal: RecordSignal, items: number, records: number];

export interface Tallied {
  readonly exporter: string;
  readonly signal: RecordSignal;
  readonly itemCount: number;
}

export class ItemTally {
  readonly #entries = new Map<string, TallyEntry>();

  static fromRows(rows: readonly TallyRow[]): ItemTally {
    const tally = new ItemTally();
    for (const [exporter, signal, items, records] of rows) tally.add(exporter, signal, items, records);
    return tally;
  }

  add(exporter: string, signal: RecordSignal, items: number, records: number): void {
    const key = `${signal} ${exporter}`;
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#entries.set(key, { exporter, signal, items, records });
    } else {
      entry.items += items;
      entry.records += records;
    }
  }

  addRecord({ exporter, signal, itemCount }: Tallied): void {
    this.add(exporter, signal, itemCount, 1);
  }

  entries(): readonly Readonly<TallyEntry>[] {
    return [...this.#entries.values()];
  }

  rows(): TallyRow[] {
    return this.entries().map(({ exporter, signal, items, records }) => [exporter, signal, items, records]);
  }

  /** What is in this tally and not in `other`. */
  minus(other: ItemTally): ItemTally {
    const difference = ItemTally.fromRows(this.rows());
    for (const { exporter, signal, items, records } of other.entries()) {
      difference.add(exporter, signal, -items, -records);
    }
    return difference;
  }

  get records(): number {
    let sum = 0;
    for (const entry of this.#entries.values()) sum += entry.records;
    return sum;
  }
}

export function isTallyRow(value: unknown): value is TallyRow {
  if (!Array.isArray(value) || value.length !== 4) return false;
  const [exporter, signal, items, records] = value as unknown[];
  return (
    typeof exporter === "string" &&
    typeof signal === "string" &&
    Object.hasOwn(signalNumbers, signal) &&
    Number.isSafeInteger(items) &&
    Number.isSafeInteger(records)
  );
}
