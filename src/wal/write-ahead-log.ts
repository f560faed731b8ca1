/**
 * The write-ahead log of one worker: what could not be delivered, durable before its client hears OK.
 *
 *     <directory>/<worker>/segments/   the records; docs/wal-format.md
 *     <directory>/<worker>/ledger/     what is done, and a catalogue; can be rebuilt at the price of duplicates
 *
 * Records belong to chains, one a destination, written and read independently of each other. A record is read
 * until it is marked done, and again after a restart unless the mark was kept: at least once, in order.
 */
import { dirname, join } from "node:path";
import { errorMessage } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { MetricRegistry } from "../base/metrics.ts";
import { formatSize } from "../base/units.ts";
import { adoptSegments } from "./adoption.ts";
import { Chain } from "./chain.ts";
import { ChainChoice } from "./chain-choice.ts";
import type { ChainReader } from "./chain-reader.ts";
import type { Disk } from "./disk.ts";
import { Ledger } from "./ledger.ts";
import type { OpenLedgerStore } from "./ledger-store.ts";
import { observeLog, WalMeter } from "./metrics.ts";
import type { LogRecord } from "./record.ts";
import { type PreparedRecord, prepareRecord, recordSizeBytes } from "./record-codec.ts";
import { recoverSegments, unroutedChain } from "./recovery.ts";
import { isBehind, type RecordHandle, type Segment } from "./segment.ts";
import { SegmentFiles } from "./segment-files.ts";
import { segmentOverheadBytes } from "./segment-header.ts";
import { ledgerAllowanceBytes, type Reservation, Space, type SpaceState } from "./space.ts";
import { toWalError, WalError } from "./wal-error.ts";

export interface WriteAheadLogOptions {
  /** Of the logs of all workers; absolute. */
  readonly directory: string;
  /** This worker's name, a file name. */
  readonly worker: string;
  /** All that the log may take on disk (`max_size`). */
  readonly maxBytes: number;
  /** Nothing is taken while the volume has less free than this. Default 64 MiB. */
  readonly freeBytesMin?: number;
  /** When a segment is complete. Default 64 MiB: large enough to write in sequence, small enough to be freed soon. */
  readonly segmentBytesMax?: number;
  /** zstd where it saves an eighth. Default true. */
  readonly compress?: boolean;
  /** What to do at `maxBytes`: refuse (the default), or drop the oldest segment, whatever is in it. */
  readonly onFull?: "refuse" | "drop_oldest";
  /** Chains beside the shared one; more destinations than that share one chain. Default 8. */
  readonly ownChainsMax?: number;
  /** How often the volume's free space is looked at. Default 1 s. */
  readonly freeSpacePollMs?: number;
}

export interface WriteAheadLogModules {
  readonly disk: Disk;
  readonly openLedgerStore: OpenLedgerStore;
  readonly metrics: MetricRegistry;
  readonly logger: Logger;
}

export interface ChainStatus {
  /** The destination, or "" for the shared chain. */
  readonly name: string;
  /** Records that are not done. */
  readonly records: number;
  readonly bytes: number;
  readonly segments: number;
  /** By the wall clock. */
  readonly oldestWrittenAtMs: number | undefined;
}

const defaults = {
  freeBytesMin: 64 * 1024 * 1024,
  segmentBytesMax: 64 * 1024 * 1024,
  compress: true,
  onFull: "refuse",
  ownChainsMax: 8,
  freeSpacePollMs: 1000,
} as const satisfies Partial<WriteAheadLogOptions>;

export class WriteAheadLog {
  readonly #options: WriteAheadLogOptions & Required<Pick<WriteAheadLogOptions, keyof typeof defaults>>;
  readonly #modules: WriteAheadLogModules;
  readonly #files: SegmentFiles;
  readonly #chains = new Map<string, Chain>();
  readonly #choice: ChainChoice;
  readonly #spacePoll: NodeJS.Timeout;
  #nextSequence = 1;
  #state: "open" | "closed" = "open";

  /**
   * Opens a worker's log and finds again what is in it. Works on a full disk.
   * @throws {WalError} `wal_in_use`, `wal_newer_format`, or `wal_io` where the directory cannot be used.
   */
  static async open(options: WriteAheadLogOptions, modules: WriteAheadLogModules): Promise<WriteAheadLog> {
    const { disk, metrics, logger } = modules;
    const paths = workerPaths(options.directory, options.worker);
    await makeDirectories(disk, options.directory, paths).catch((error: unknown) => {
      throw toWalError(error, `the directory ${options.directory}`);
    });
    const meter = new WalMeter(metrics);
    const ledger = new Ledger(await modules.openLedgerStore(paths.ledger), (error) => {
      meter.failed("ledger");
      logger.warn({ error: errorMessage(error) }, "marks of what is done could not be written; they will be");
    });
    try {
      const { freeBytesMin = defaults.freeBytesMin, maxBytes } = options;
      const space = new Space({ maxBytes, freeBytesMin });
      const files = new SegmentFiles(paths.segments, { disk, ledger, space, meter, logger });
      const log = new WriteAheadLog(options, modules, files, await recoverSegments(files));
      await log.checkSpace();
      return log;
    } catch (error) {
      await ledger.close();
      throw toWalError(error, `recovering ${paths.segments}`);
    }
  }

  private constructor(
    options: WriteAheadLogOptions,
    modules: WriteAheadLogModules,
    files: SegmentFiles,
    segments: readonly Segment[],
  ) {
    this.#options = { ...defaults, ...options };
    this.#modules = modules;
    this.#files = files;
    this.#addSegments(segments);
    this.#choice = new ChainChoice(this.#options.ownChainsMax, this.#chains.has(unroutedChain));
    this.#spacePoll = setInterval(() => files.run(() => this.checkSpace()), this.#options.freeSpacePollMs);
    this.#spacePoll.unref();
    observeLog(modules.metrics, this.#options.maxBytes, files.space, () => this.chains());
  }

  /** Whether the log takes data, and if not, why. */
  get state(): SpaceState {
    return this.#files.space.state;
  }

  /** Calls `listener` whenever the log becomes full or takes data again; answers how to stop that. */
  onStateChange(listener: (state: SpaceState) => void): () => void {
    return this.#files.space.onChange(listener);
  }

  /**
   * Sets room aside for records of `sizeBytes` together (`sizeOf`), all or nothing: what is appended with the
   * reservation finds room unless the volume itself fails. Undefined: the log is full.
   */
  reserve(sizeBytes: number): Reservation | undefined {
    const { space } = this.#files;
    if (
      this.#options.onFull === "drop_oldest" &&
      sizeBytes <= this.#options.maxBytes - ledgerAllowanceBytes
    ) {
      while (!space.fits(sizeBytes) && this.#dropOldest());
    }
    return space.reserve(sizeBytes);
  }

  /**
   * The most that a record can take on disk.
   * @throws {WalError} `wal_invalid_record`.
   */
  sizeOf(record: LogRecord): number {
    return recordSizeBytes(record) + segmentOverheadBytes(record.destination);
  }

  /**
   * Appends records to a destination's chain ("" when none is known yet), which is the shared one while too many
   * have their own. Resolves when they are durable, with their handles in the same order. The room comes from
   * `reservation`, or is reserved now.
   *
   * Rejects with WalError: `wal_full`, `wal_io` (nothing is promised; a crash may still bring some back),
   * `wal_closed`, `wal_invalid_record`.
   */
  async append(
    destination: string,
    records: readonly LogRecord[],
    reservation?: Reservation,
  ): Promise<RecordHandle[]> {
    this.#assertOpen();
    let sizeBytes = 0;
    for (const record of records) sizeBytes += this.sizeOf(record);
    const room = reservation?.take(sizeBytes) ?? this.reserve(sizeBytes);
    if (room === undefined) throw this.#fullError();
    const writtenAtMs = Date.now();
    let prepared: PreparedRecord[];
    try {
      prepared = records.map((record) => this.#prepare(record, writtenAtMs));
    } catch (error) {
      room.release();
      throw error;
    }
    return this.#chain(this.#chainFor(destination)).writer.append(prepared, writtenAtMs, room);
  }

  /** Chains that hold records. */
  chains(): ChainStatus[] {
    return [...this.#chains.values()].filter(hasRecords).map((chain) => ({
      name: chain.name,
      records: chain.records,
      bytes: chain.bytes,
      segments: chain.segments.length,
      oldestWrittenAtMs: chain.segments[0]?.oldestWrittenAtMs,
    }));
  }

  /** Bytes on disk of a destination's own chain, for a quota. */
  bytesOf(destination: string): number {
    return this.#chains.get(destination)?.bytes ?? 0;
  }

  /** The reader of a chain, one for all who ask; made where there is none yet. */
  read(chain: string): ChainReader {
    this.#assertOpen();
    return this.#chain(chain).reader;
  }

  /** Nobody reads the chain any more; it is forgotten when there is nothing in it. */
  async stopReading(name: string): Promise<void> {
    const chain = this.#chains.get(name);
    if (chain === undefined) return;
    await chain.reader.close();
    if (!hasRecords(chain)) this.#chains.delete(name);
  }

  /**
   * These need no further attempt: delivered, refused for good, or durable elsewhere. A segment without any
   * others is deleted. Doing it twice does nothing.
   */
  markDone(handles: readonly RecordHandle[]): void {
    if (this.#state === "closed") return;
    for (const handle of handles) this.#chains.get(handle.segment.chain)?.markDone(handle);
    const shared = this.#chains.get(unroutedChain);
    if (shared === undefined || !hasRecords(shared)) this.#choice.sharedIsEmpty();
  }

  /** Names of workers that have left files in the directory, this one aside. */
  async otherWorkers(): Promise<string[]> {
    const names = await this.#modules.disk.readDirectory(this.#options.directory);
    return names.filter((name) => name !== this.#options.worker && !name.includes(".")).sort();
  }

  /**
   * Takes over the chains of a worker that is gone; answers how many segments.
   * @throws {WalError} `wal_in_use` while it lives.
   */
  async adopt(worker: string): Promise<number> {
    this.#assertOpen();
    const { segments, ledger } = workerPaths(this.#options.directory, worker);
    const from = { directory: segments, ledgerDirectory: ledger };
    const adopted = await adoptSegments(this.#files, from, this.#modules.openLedgerStore);
    this.#addSegments(adopted);
    return adopted.length;
  }

  /** Looks at the volume's free space; done regularly, and by whoever knows that it has changed. */
  async checkSpace(): Promise<void> {
    const { disk, directory, space, meter } = this.#files;
    try {
      space.noteFreeBytes(await disk.freeBytes(directory));
    } catch {
      meter.failed("space");
      return;
    }
    const { state } = space;
    const isLow = state.kind === "full" && state.reason === "low_space";
    if (isLow && this.#options.onFull === "drop_oldest") this.#dropOldest();
  }

  /** Finishes the appends under way, keeps the marks, and lets others open the directory. */
  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    clearInterval(this.#spacePoll);
    for (const chain of this.#chains.values()) {
      await chain.writer.close();
      chain.reader.wake();
      await chain.reader.close();
    }
    await this.#files.settle();
    await this.#files.ledger.close();
  }

  #prepare(record: LogRecord, writtenAtMs: number): PreparedRecord {
    const sequence = this.#nextSequence;
    this.#nextSequence += 1;
    return prepareRecord(record, sequence, writtenAtMs, this.#options.compress);
  }

  #addSegments(segments: readonly Segment[]): void {
    for (const segment of segments) {
      this.#nextSequence = Math.max(this.#nextSequence, segment.lastSequence + 1);
      this.#chain(segment.chain).addRecovered(segment);
    }
  }

  #chain(name: string): Chain {
    let chain = this.#chains.get(name);
    if (chain === undefined) {
      chain = new Chain(name, this.#options.segmentBytesMax, this.#files);
      this.#chains.set(name, chain);
    }
    return chain;
  }

  #chainFor(destination: string): string {
    const active = new Set<string>();
    for (const [name, chain] of this.#chains)
      if (name !== unroutedChain && hasRecords(chain)) active.add(name);
    return this.#choice.hasOwnChain(destination, active) ? destination : unroutedChain;
  }

  /** Drops the oldest segment that nobody writes to; false when there is none. */
  #dropOldest(): boolean {
    let oldest: { chain: Chain; segment: Segment } | undefined;
    for (const chain of this.#chains.values()) {
      const segment = chain.oldestDroppable();
      if (segment === undefined || (oldest && !isBehind(oldest.segment, segment))) continue;
      oldest = { chain, segment };
    }
    if (oldest === undefined) return false;
    const { chain, segment } = oldest;
    this.#modules.logger.warn(
      { file: segment.fileName },
      "records are dropped to make room (on_full: drop_oldest)",
    );
    chain.drop(segment, "drop_oldest");
    return true;
  }

  #assertOpen(): void {
    if (this.#state === "closed") throw new WalError("wal_closed", "the write-ahead log is closed");
  }

  #fullError(): WalError {
    const { state } = this.#files.space;
    const reason =
      state.kind === "full" ? state.message : `max_size is ${formatSize(this.#options.maxBytes)}`;
    return new WalError("wal_full", `${reason}; raise it, or let backends take what is waiting`);
  }
}

/** Anything in it, or on its way into it. */
function hasRecords(chain: Chain): boolean {
  return chain.segments.length > 0 || !chain.writer.isIdle;
}

function workerPaths(directory: string, worker: string): { segments: string; ledger: string } {
  if (!/^[\w-]{1,64}$/.test(worker)) {
    throw new WalError("wal_invalid_record", "a worker's name has letters, digits, _ and - only");
  }
  return { segments: join(directory, worker, "segments"), ledger: join(directory, worker, "ledger") };
}

/** Makes the directories, and their names durable. Above ours a directory may not be readable: it is not new then. */
async function makeDirectories(
  disk: Disk,
  directory: string,
  { segments }: { segments: string },
): Promise<void> {
  await disk.makeDirectory(segments);
  await disk.syncDirectory(dirname(directory)).catch(() => undefined);
  await disk.syncDirectory(directory);
  await disk.syncDirectory(dirname(segments));
}
