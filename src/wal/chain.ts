/** The segments of one destination in their order, with who writes and who reads them. */
import { ChainReader } from "./chain-reader.ts";
import { ChainWriter } from "./chain-writer.ts";
import type { DropReason } from "./metrics.ts";
import { isBehind, type RecordHandle, type Segment } from "./segment.ts";
import type { SegmentFiles } from "./segment-files.ts";

export class Chain {
  readonly name: string;
  readonly writer: ChainWriter;
  readonly reader: ChainReader;
  readonly #files: SegmentFiles;
  readonly #segments: Segment[] = [];

  constructor(name: string, segmentBytesMax: number, files: SegmentFiles) {
    this.name = name;
    this.#files = files;
    this.writer = new ChainWriter({ chain: name, segmentBytesMax }, files, {
      onSegment: (segment) => this.#segments.push(segment),
      onDurable: () => this.reader.wake(),
      // What was done while it was being written to.
      onIdle: (segment) => this.retireIfDone(segment),
      onSealed: (segment) => this.retireIfDone(segment),
    });
    this.reader = new ChainReader(this, files);
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get bytes(): number {
    let sum = 0;
    for (const { fileBytes } of this.#segments) sum += fileBytes;
    return sum;
  }

  /** Records on disk that are not done. */
  get records(): number {
    let sum = 0;
    for (const { stored, doneTally } of this.#segments) sum += stored.records - doneTally.records;
    return sum;
  }

  /** Puts a segment, newer than all others, behind them; nothing is written before it any more. */
  addRecovered(segment: Segment): void {
    this.writer.sealSoon();
    this.#segments.push(segment);
    this.reader.wake();
  }

  /** The first segment behind `segment`; the first of all without one. */
  after(segment: Segment | undefined): Segment | undefined {
    if (segment === undefined) return this.#segments[0];
    return this.#segments.find((other) => isBehind(other, segment));
  }

  markDone(handle: RecordHandle): void {
    const { segment, offset, endOffset, exporter, signal, itemCount } = handle;
    if (segment.state === "retired" || segment.done.covers(offset, endOffset)) return;
    segment.done.add(offset, endOffset);
    segment.doneTally.addRecord(handle);
    this.#files.meter.done(exporter, signal, itemCount);
    this.#files.ledger.markChanged(segment);
    this.retireIfDone(segment);
  }

  /** Bytes in which nothing can be read are done, whatever was in them. */
  skip(segment: Segment, offset: number, endOffset: number): void {
    if (segment.state === "retired") return;
    segment.done.add(offset, endOffset);
    this.#files.ledger.markChanged(segment);
    this.retireIfDone(segment);
  }

  /** Unlinks the segment, whatever is in it. */
  drop(segment: Segment, reason: DropReason): void {
    const at = this.#segments.indexOf(segment);
    if (at >= 0) this.#segments.splice(at, 1);
    this.#files.retire(segment, reason);
  }

  /** Unlinks a segment in which everything is done; the one that is written to is sealed first. */
  retireIfDone(segment: Segment): void {
    if (segment.state === "retired" || !segment.isDone) return;
    // Sealing comes back here.
    if (segment.state === "active") this.writer.sealIfIdle();
    else this.drop(segment, "corrupt");
  }

  /** The oldest segment that is not being written to; sealed where it was open. */
  oldestDroppable(): Segment | undefined {
    const [oldest] = this.#segments;
    if (oldest?.state === "active") this.writer.sealIfIdle();
    return oldest?.state === "sealed" ? oldest : undefined;
  }
}
