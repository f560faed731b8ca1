/**
 * Appends to one chain, with group commit: what arrives while the disk syncs is written and synced together when
 * it is done. An append resolves when its records, and the name of the file that they are in, are durable.
 *
 * After any failure the segment is given up at the last byte that is known to be durable: it is sealed there, and
 * the appends are written once more, from memory, to a new segment. An `fsync` that failed is never asked again.
 */
import { monotonicMs } from "../base/clock.ts";
import type { DiskFile } from "./disk.ts";
import type { PreparedRecord } from "./record-codec.ts";
import { sealRecord } from "./record-codec.ts";
import type { RecordHandle, Segment } from "./segment.ts";
import type { SegmentFiles } from "./segment-files.ts";
import { encodeSegmentHeader } from "./segment-header.ts";
import type { Reservation } from "./space.ts";
import { toWalError, type WalError } from "./wal-error.ts";

export interface ChainWriterOptions {
  readonly chain: string;
  /** A segment that would grow beyond it is sealed; a single append may be larger. */
  readonly segmentBytesMax: number;
}

export interface ChainWriterEvents {
  /** A segment has begun; it is the chain's last. */
  readonly onSegment: (segment: Segment) => void;
  /** Records can be read. */
  readonly onDurable: () => void;
  /** Nothing more waits to be written to the segment for now; it may be sealed. */
  readonly onIdle: (segment: Segment) => void;
  /** The segment will not grow any more. */
  readonly onSealed: (segment: Segment) => void;
}

interface PendingAppend {
  readonly records: readonly PreparedRecord[];
  readonly sizeBytes: number;
  readonly writtenAtMs: number;
  readonly reservation: Reservation;
  readonly resolve: (handles: RecordHandle[]) => void;
  readonly reject: (error: WalError) => void;
}

interface OpenSegment {
  readonly segment: Segment;
  readonly file: DiskFile;
}

/** What one sync covers at most, a single larger append aside: enough to keep a disk busy. */
const batchBytesMax = 8 * 1024 * 1024;
/** A batch that failed is written once more; whatever fails twice in a row is no accident. */
const attemptsMax = 2;

export class ChainWriter {
  readonly #options: ChainWriterOptions;
  readonly #files: SegmentFiles;
  readonly #events: ChainWriterEvents;
  #pending: PendingAppend[] = [];
  #active: OpenSegment | undefined;
  #running: Promise<void> | undefined;
  #isSealDue = false;

  constructor(options: ChainWriterOptions, files: SegmentFiles, events: ChainWriterEvents) {
    this.#options = options;
    this.#files = files;
    this.#events = events;
  }

  get isIdle(): boolean {
    return this.#running === undefined;
  }

  /**
   * Resolves with the places of the records, in their order, when they are durable; the reservation is released
   * then. Rejects with `wal_full` or `wal_io`: nothing is promised then, though a crash may still bring some back.
   */
  append(
    records: readonly PreparedRecord[],
    writtenAtMs: number,
    reservation: Reservation,
  ): Promise<RecordHandle[]> {
    let sizeBytes = 0;
    for (const record of records) sizeBytes += record.sizeBytes;
    return new Promise((resolve, reject) => {
      this.#pending.push({ records, sizeBytes, writtenAtMs, reservation, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Seals the active segment if nothing is being written. */
  sealIfIdle(): void {
    if (this.isIdle) this.#sealActive();
  }

  /** Seals the active segment before anything else is written: segments behind it have come to the chain. */
  sealSoon(): void {
    this.#isSealDue = true;
    this.sealIfIdle();
  }

  /** Finishes what has been appended and seals the last segment. */
  async close(): Promise<void> {
    await this.#running;
    this.#sealActive();
  }

  async #run(): Promise<void> {
    // Appends of the same turn of the event loop share a sync.
    await Promise.resolve();
    while (this.#pending.length > 0) await this.#writeBatch(this.#takeBatch());
    this.#running = undefined;
    if (this.#isSealDue) this.#sealActive();
    else if (this.#active !== undefined) this.#events.onIdle(this.#active.segment);
  }

  #takeBatch(): PendingAppend[] {
    let count = 0;
    let sizeBytes = 0;
    for (const append of this.#pending) {
      if (count > 0 && sizeBytes + append.sizeBytes > batchBytesMax) break;
      sizeBytes += append.sizeBytes;
      count += 1;
    }
    return this.#pending.splice(0, count);
  }

  async #writeBatch(batch: readonly PendingAppend[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const handles = await this.#writeOnce(batch);
        for (const [n, append] of batch.entries()) {
          append.reservation.release();
          append.resolve(handles[n]!);
        }
        this.#events.onDurable();
        return;
      } catch (thrown) {
        await this.#abandonActive();
        const error = toWalError(thrown, `appending to ${this.#files.directory}`);
        this.#files.meter.failed("append");
        this.#files.logger.warn({ error: error.message, attempt }, "an append to the write-ahead log failed");
        if (error.code === "wal_full") this.#files.space.noteDiskFull();
        if (error.code === "wal_full" || attempt === attemptsMax) {
          for (const append of batch) {
            append.reservation.release();
            append.reject(error);
          }
          return;
        }
      }
    }
  }

  /** Writes and syncs a batch; answers the places of each append's records. */
  async #writeOnce(batch: readonly PendingAppend[]): Promise<RecordHandle[][]> {
    let batchBytes = 0;
    for (const { sizeBytes } of batch) batchBytes += sizeBytes;
    const { segment, file } = await this.#segmentFor(batchBytes);
    const isNew = segment.endOffset === 0;
    const buffers: Buffer[] = isNew ? [encodeSegmentHeader(segment.name.identity, segment.chain)] : [];
    const startOffset = isNew ? buffers[0]!.length : segment.startOffset;
    const at = isNew ? startOffset : segment.endOffset;
    for (const { records } of batch) {
      for (const record of records) {
        sealRecord(record, segment.seed);
        buffers.push(record.head, record.stored);
      }
    }
    const outcomes = await Promise.allSettled([
      this.#writeAndSync(segment, file, buffers, at + batchBytes),
      isNew ? this.#files.syncDirectory() : undefined,
    ]);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    segment.startOffset = startOffset;
    return this.#commit(segment, batch, at);
  }

  async #writeAndSync(segment: Segment, file: DiskFile, buffers: Buffer[], endOffset: number): Promise<void> {
    const position = segment.endOffset;
    const writtenBytes = await file.write(buffers, position);
    this.#files.setFileBytes(segment, position + writtenBytes);
    if (position + writtenBytes !== endOffset) {
      const message = `wrote ${writtenBytes} of ${endOffset - position} bytes to ${segment.fileName}`;
      throw Object.assign(new Error(message), { code: "ENOSPC" });
    }
    const startedMs = monotonicMs();
    await file.sync();
    this.#files.meter.fsyncSeconds.record((monotonicMs() - startedMs) / 1000);
  }

  #commit(segment: Segment, batch: readonly PendingAppend[], startOffset: number): RecordHandle[][] {
    let offset = startOffset;
    const handles = batch.map(({ records, writtenAtMs }) => {
      segment.oldestWrittenAtMs ??= writtenAtMs;
      return records.map((prepared): RecordHandle => {
        const { exporter, signal, itemCount } = prepared.record;
        const endOffset = offset + prepared.sizeBytes;
        const handle = { segment, offset, endOffset, exporter, signal, itemCount };
        segment.stored.addRecord(handle);
        this.#files.meter.appended(exporter, signal, itemCount);
        segment.lastSequence = prepared.sequence;
        offset = endOffset;
        return handle;
      });
    });
    segment.endOffset = offset;
    return handles;
  }

  async #segmentFor(batchBytes: number): Promise<OpenSegment> {
    const active = this.#active;
    if (active !== undefined) {
      const hasRoom = active.segment.fileBytes + batchBytes <= this.#options.segmentBytesMax;
      if (hasRoom && !this.#isSealDue) return active;
      this.#sealActive();
    }
    this.#active = await this.#files.create(this.#options.chain);
    this.#events.onSegment(this.#active.segment);
    return this.#active;
  }

  #sealActive(): void {
    this.#isSealDue = false;
    if (this.#active === undefined) return;
    const { segment, file } = this.#active;
    this.#active = undefined;
    this.#files.run(() => file.close());
    this.#files.seal(segment);
    this.#events.onSealed(segment);
  }

  /** Gives the active segment up at its last durable byte; what a write has left behind that is cut off. */
  async #abandonActive(): Promise<void> {
    if (this.#active === undefined) return;
    const { segment, file } = this.#active;
    try {
      await file.truncate(segment.endOffset);
      this.#files.setFileBytes(segment, segment.endOffset);
    } catch {
      // It stays behind the end that the catalogue names; a recovery without one may find whole records there,
      // which nobody was promised and nobody invented.
      const sizeBytes = await file.sizeBytes().catch(() => segment.fileBytes);
      this.#files.setFileBytes(segment, sizeBytes);
    }
    this.#sealActive();
  }
}
