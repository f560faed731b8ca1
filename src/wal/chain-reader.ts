/**
 * Reads a chain in order, oldest first, past what is done and what is damaged. It holds one window of a file
 * and nothing of what it has handed out.
 */
import type { DiskFile } from "./disk.ts";
import type { DropReason } from "./metrics.ts";
import type { StoredRecord } from "./record.ts";
import type { RecordHandle, Segment } from "./segment.ts";
import { type CursorStep, SegmentCursor } from "./segment-cursor.ts";
import type { SegmentFiles } from "./segment-files.ts";
import { isMissing, toWalError } from "./wal-error.ts";

export interface ReadRecord {
  readonly record: StoredRecord;
  readonly handle: RecordHandle;
}

/** What a reader needs of its chain. */
export interface ReadableChain {
  /** The first segment behind `segment`; the first of all without one. */
  after(segment: Segment | undefined): Segment | undefined;
  /** Bytes in which nothing can be read are done. */
  skip(segment: Segment, offset: number, endOffset: number): void;
  drop(segment: Segment, reason: DropReason): void;
}

interface OpenSegment {
  readonly segment: Segment;
  readonly file: DiskFile;
  readonly cursor: SegmentCursor;
}

export class ChainReader {
  readonly #chain: ReadableChain;
  readonly #files: SegmentFiles;
  /** Everything up to here has been handed out since the last `rewind`. */
  #segment: Segment | undefined;
  #offset = 0;
  #open: OpenSegment | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  /** Who waits for records. */
  #waiting: (() => void)[] = [];

  constructor(chain: ReadableChain, files: SegmentFiles) {
    this.#chain = chain;
    this.#files = files;
  }

  /**
   * The next record that is neither done nor handed out; undefined when there is none for now. Calls take turns.
   * Rejects with `wal_io` when the disk cannot be read; the same record is tried again by the next call.
   */
  next(): Promise<ReadRecord | undefined> {
    return this.#inTurn(() => this.#next());
  }

  /** Starts again at the first record that is not done. */
  rewind(): Promise<void> {
    return this.#inTurn(async () => {
      this.#segment = undefined;
    });
  }

  /** Resolves when there may be something to read that was not there before, or the log closes. */
  whenReadable(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Something was appended. */
  wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Closes the file that is open. */
  close(): Promise<void> {
    return this.#inTurn(() => this.#closeFile());
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(task);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #next(): Promise<ReadRecord | undefined> {
    for (;;) {
      const segment = this.#currentSegment();
      if (segment === undefined) {
        await this.#closeFile();
        return undefined;
      }
      this.#offset = segment.done.firstUndoneFrom(Math.max(this.#offset, segment.startOffset));
      if (this.#offset >= segment.endOffset) {
        if (segment.state === "active") return undefined;
        continue;
      }
      const step = await this.#step(segment);
      if (step === undefined || step.kind === "end" || segment.state === "retired") continue;
      this.#offset = step.endOffset;
      if (step.kind === "damaged") {
        this.#skipDamaged(segment, step.offset, step.endOffset);
      } else if (!segment.done.covers(step.offset, step.endOffset)) {
        return this.#handOut(segment, step.record, step.offset, step.endOffset);
      }
    }
  }

  /** The segment to read from: the next one when the present is finished, undefined when that is the last. */
  #currentSegment(): Segment | undefined {
    const current = this.#segment;
    const isFinished =
      current === undefined ||
      current.state === "retired" ||
      (this.#offset >= current.endOffset && current.state === "sealed");
    if (!isFinished) return current;
    const next = this.#chain.after(current);
    if (next === undefined) return undefined;
    this.#segment = next;
    this.#offset = next.startOffset;
    return next;
  }

  /** Undefined when the file is gone. */
  async #step(segment: Segment): Promise<CursorStep | undefined> {
    try {
      const { cursor } = await this.#opened(segment);
      cursor.offset = this.#offset;
      cursor.endOffset = segment.endOffset;
      return await cursor.next();
    } catch (thrown) {
      if (isMissing(thrown)) {
        this.#files.logger.warn({ file: segment.fileName }, "a file of the write-ahead log is missing");
        this.#chain.drop(segment, "missing");
        return undefined;
      }
      this.#files.meter.failed("read");
      throw toWalError(thrown, `reading ${this.#files.path(segment.fileName)} at byte ${this.#offset}`);
    }
  }

  async #opened(segment: Segment): Promise<OpenSegment> {
    if (this.#open?.segment === segment) return this.#open;
    await this.#closeFile();
    const file = await this.#files.disk.openFile(this.#files.path(segment.fileName));
    const range = { offset: this.#offset, endOffset: segment.endOffset };
    this.#open = { segment, file, cursor: new SegmentCursor(file, segment.seed, range) };
    return this.#open;
  }

  #handOut(segment: Segment, record: StoredRecord, offset: number, endOffset: number): ReadRecord {
    // The oldest that is not done: all before it is.
    if (segment.done.covers(segment.startOffset, offset)) segment.oldestWrittenAtMs = record.writtenAtMs;
    const { exporter, signal, itemCount } = record;
    return { record, handle: { segment, offset, endOffset, exporter, signal, itemCount } };
  }

  #skipDamaged(segment: Segment, offset: number, endOffset: number): void {
    this.#files.meter.corruptRecords.add(1);
    this.#files.logger.error(
      { file: this.#files.path(segment.fileName), offset, bytes: endOffset - offset },
      "a damaged part of the write-ahead log is skipped",
    );
    this.#chain.skip(segment, offset, endOffset);
  }

  async #closeFile(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.file.close();
  }
}
