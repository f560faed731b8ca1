/**
 * What is known about segments besides their bytes: the catalogue (what a finished segment holds, so that it need
 * not be read at a start) and the marks (what of it is done). All of it can be rebuilt: without the catalogue
 * segments are read through, without the marks records are delivered again.
 *
 * Marks are written behind, without a sync, and together: while one batch is written the next collects.
 */
import type { DoneRanges } from "./done-ranges.ts";
import { type ItemTally, isTallyRow, type TallyRow } from "./item-tally.ts";
import type { LedgerChange, LedgerStore } from "./ledger-store.ts";

export interface CatalogueEntry {
  readonly chain: string;
  /** Where records begin and end. */
  readonly startOffset: number;
  readonly endOffset: number;
  /** The file's bytes, which tell whether the entry is about this file as it is. */
  readonly fileBytes: number;
  readonly lastSequence: number;
  readonly firstWrittenAtMs: number;
  readonly tally: readonly TallyRow[];
}

export interface MarkEntry {
  /** Bounds of DoneRanges. */
  readonly done: readonly number[];
  readonly tally: readonly TallyRow[];
}

export interface SegmentEntry {
  readonly catalogue?: CatalogueEntry;
  readonly mark?: MarkEntry;
}

/** What marks are taken from when they are written. */
export interface Marked {
  readonly id: string;
  readonly done: DoneRanges;
  readonly doneTally: ItemTally;
}

const cataloguePrefix = "segment/";
const markPrefix = "mark/";

export class Ledger {
  readonly #store: LedgerStore;
  readonly #onFailure: (error: unknown) => void;
  readonly #dirty = new Set<Marked>();
  #flushing: Promise<void> | undefined;

  /** `onFailure` hears of batches that could not be written; they are tried again with the next. */
  constructor(store: LedgerStore, onFailure: (error: unknown) => void) {
    this.#store = store;
    this.#onFailure = onFailure;
  }

  /** Everything that can be understood, by the segments' identities. */
  async load(): Promise<Map<string, SegmentEntry>> {
    const entries = new Map<string, SegmentEntry>();
    for await (const [key, value] of this.#store.entries()) {
      const isMark = key.startsWith(markPrefix);
      if (!isMark && !key.startsWith(cataloguePrefix)) continue;
      const id = key.slice(isMark ? markPrefix.length : cataloguePrefix.length);
      const parsed = parseJson(value);
      if (isMark && isMarkEntry(parsed)) entries.set(id, { ...entries.get(id), mark: parsed });
      if (!isMark && isCatalogueEntry(parsed)) entries.set(id, { ...entries.get(id), catalogue: parsed });
    }
    return entries;
  }

  /** Notes what a segment holds that will not grow any more. Never rejects. */
  async catalogue(id: string, entry: CatalogueEntry): Promise<void> {
    await this.#tryWrite([{ type: "put", key: cataloguePrefix + id, value: JSON.stringify(entry) }]);
  }

  /** Takes over what another ledger knows of a segment, durably. Rejects when it cannot. */
  async adopt(id: string, { catalogue, mark }: SegmentEntry): Promise<void> {
    const changes: LedgerChange[] = [];
    if (catalogue) changes.push({ type: "put", key: cataloguePrefix + id, value: JSON.stringify(catalogue) });
    if (mark) changes.push({ type: "put", key: markPrefix + id, value: JSON.stringify(mark) });
    if (changes.length > 0) await this.#store.write(changes, true);
  }

  /** The segment's marks have changed; they are written soon. */
  markChanged(segment: Marked): void {
    this.#dirty.add(segment);
    this.#flushing ??= this.#flushAll();
  }

  /** Forgets segments that are gone. Never rejects. */
  async forget(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#tryWrite(
      ids.flatMap((id) => [
        { type: "del", key: cataloguePrefix + id } as const,
        { type: "del", key: markPrefix + id } as const,
      ]),
    );
  }

  /** A segment is gone: its marks need not be written. */
  discard(segment: Marked): void {
    this.#dirty.delete(segment);
  }

  /** Writes what waits, durably, and closes the store. */
  async close(): Promise<void> {
    await this.#flushing;
    const changes = this.#takeDirty();
    try {
      if (changes.length > 0) await this.#store.write(changes, true);
    } catch (error) {
      this.#onFailure(error);
    }
    await this.#store.close();
  }

  async #flushAll(): Promise<void> {
    // Whatever is marked in this turn of the event loop goes along.
    await Promise.resolve();
    while (this.#dirty.size > 0) {
      const segments = [...this.#dirty];
      if (await this.#tryWrite(this.#takeDirty())) continue;
      for (const segment of segments) this.#dirty.add(segment);
      break;
    }
    this.#flushing = undefined;
  }

  #takeDirty(): LedgerChange[] {
    const changes = Array.from(
      this.#dirty,
      ({ id, done, doneTally }): LedgerChange => ({
        type: "put",
        key: markPrefix + id,
        value: JSON.stringify({ done: done.bounds, tally: doneTally.rows() } satisfies MarkEntry),
      }),
    );
    this.#dirty.clear();
    return changes;
  }

  async #tryWrite(changes: readonly LedgerChange[]): Promise<boolean> {
    try {
      await this.#store.write(changes, false);
      return true;
    } catch (error) {
      this.#onFailure(error);
      return false;
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isMarkEntry(value: unknown): value is MarkEntry {
  if (!isObject(value)) return false;
  const { done, tally } = value;
  return isArrayOf(done, Number.isSafeInteger) && isArrayOf(tally, isTallyRow);
}

function isCatalogueEntry(value: unknown): value is CatalogueEntry {
  if (!isObject(value)) return false;
  const numbers = [
    value["startOffset"],
    value["endOffset"],
    value["fileBytes"],
    value["lastSequence"],
    value["firstWrittenAtMs"],
  ];
  return (
    typeof value["chain"] === "string" &&
    numbers.every((number) => Number.isSafeInteger(number)) &&
    isArrayOf(value["tally"], isTallyRow)
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isArrayOf(value: unknown, isElement: (element: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isElement);
}
