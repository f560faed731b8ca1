/** One file of a chain as the log knows it. Bytes up to `endOffset` are durable; only those are ever read. */
import { DoneRanges } from "./done-ranges.ts";
import { checksumSeed, type RecordSignal } from "./format.ts";
import { ItemTally, type Tallied } from "./item-tally.ts";
import type { CatalogueEntry, MarkEntry, Marked } from "./ledger.ts";
import { type SegmentName, segmentFileName } from "./segment-name.ts";

/**
 * - `active`: its chain's writer appends to it.
 * - `sealed`: complete; it waits for its records to be done.
 * - `retired`: unlinked, or about to be.
 */
export type SegmentState = "active" | "sealed" | "retired";

/** Where a record lies: what `markDone` needs to know. */
export interface RecordHandle extends Tallied {
  readonly segment: Segment;
  readonly signal: RecordSignal;
  readonly offset: number;
  readonly endOffset: number;
}

export class Segment implements Marked {
  readonly name: SegmentName;
  readonly fileName: string;
  readonly chain: string;
  /** The identity in hexadecimal, the ledger's key. */
  readonly id: string;
  /** Of its records' checksums. */
  seed: number;
  readonly stored: ItemTally;
  readonly done: DoneRanges;
  readonly doneTally: ItemTally;
  /** Behind the header; 0 where that is damaged. */
  startOffset = 0;
  endOffset = 0;
  /** The file's size, with what a failed write has left behind `endOffset`. */
  fileBytes = 0;
  lastSequence = 0;
  /** When the oldest record was written that is not known to be done; only to be shown. */
  oldestWrittenAtMs: number | undefined;
  #state: SegmentState = "active";

  constructor(name: SegmentName, chain: string, stored: ItemTally = new ItemTally(), mark?: MarkEntry) {
    this.name = name;
    this.fileName = segmentFileName(name);
    this.chain = chain;
    this.id = name.identity.toString("hex");
    this.seed = checksumSeed(name.identity);
    this.stored = stored;
    this.done = new DoneRanges(mark?.done);
    // Marks whose ranges are not believed count for nothing.
    const isBelieved = mark !== undefined && this.done.bounds.length === mark.done.length;
    this.doneTally = ItemTally.fromRows(isBelieved ? mark.tally : []);
  }

  get state(): SegmentState {
    return this.#state;
  }

  setState(state: Exclude<SegmentState, "active">): void {
    this.#state = state;
  }

  get isEmpty(): boolean {
    return this.endOffset <= this.startOffset;
  }

  get isDone(): boolean {
    return this.done.covers(this.startOffset, this.endOffset);
  }

  catalogueEntry(): CatalogueEntry {
    return {
      chain: this.chain,
      startOffset: this.startOffset,
      endOffset: this.endOffset,
      fileBytes: this.fileBytes,
      lastSequence: this.lastSequence,
      firstWrittenAtMs: this.oldestWrittenAtMs ?? 0,
      tally: this.stored.rows(),
    };
  }
}

/** Numbers give the order; should two be equal, identities do. */
export function isBehind(segment: Segment, other: Segment): boolean {
  const { name: a } = segment;
  const { name: b } = other;
  return a.number > b.number || (a.number === b.number && a.identity.compare(b.identity) > 0);
}
