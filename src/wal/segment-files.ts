/** Creates, seals and unlinks the segments of one directory, and keeps ledger, space and counts true to them. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { errorMessage } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { DirectorySync } from "./directory-sync.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { identityBytes } from "./format.ts";
import type { Ledger } from "./ledger.ts";
import type { DropReason, WalMeter } from "./metrics.ts";
import { Segment } from "./segment.ts";
import type { Space } from "./space.ts";
import { isMissing } from "./wal-error.ts";

export interface SegmentFilesModules {
  readonly disk: Disk;
  readonly ledger: Ledger;
  readonly space: Space;
  readonly meter: WalMeter;
  readonly logger: Logger;
}

export class SegmentFiles {
  readonly directory: string;
  readonly disk: Disk;
  readonly ledger: Ledger;
  readonly space: Space;
  readonly meter: WalMeter;
  readonly logger: Logger;
  readonly #directorySync: DirectorySync;
  /** Work that no append waits for, and that `settle` does. */
  readonly #background = new Set<Promise<void>>();
  #nextNumber = 1;

  constructor(directory: string, modules: SegmentFilesModules) {
    this.directory = directory;
    this.disk = modules.disk;
    this.ledger = modules.ledger;
    this.space = modules.space;
    this.meter = modules.meter;
    this.logger = modules.logger;
    this.#directorySync = new DirectorySync(modules.disk, directory);
  }

  path(fileName: string): string {
    return join(this.directory, fileName);
  }

  /** No segment gets `number` or a lower one from now on. */
  numberTaken(number: number): void {
    this.#nextNumber = Math.max(this.#nextNumber, number + 1);
  }

  nextNumber(): number {
    const number = this.#nextNumber;
    this.#nextNumber += 1;
    return number;
  }

  /** A new, empty file for a chain; not durable before `syncDirectory`. */
  async create(chain: string): Promise<{ readonly segment: Segment; readonly file: DiskFile }> {
    const segment = new Segment({ number: this.nextNumber(), identity: randomBytes(identityBytes) }, chain);
    const file = await this.disk.createFile(this.path(segment.fileName));
    return { segment, file };
  }

  /** Makes all names that were created or renamed before the call durable. */
  syncDirectory(): Promise<void> {
    return this.#directorySync.sync();
  }

  /** The file has so many bytes now. */
  setFileBytes(segment: Segment, fileBytes: number): void {
    this.space.adjust(fileBytes - segment.fileBytes);
    segment.fileBytes = fileBytes;
  }

  /** Nothing will be appended any more: what it holds goes into the catalogue. */
  seal(segment: Segment): void {
    segment.setState("sealed");
    this.run(() => this.ledger.catalogue(segment.id, segment.catalogueEntry()));
  }

  /**
   * Unlinks a segment. What of it was not done is counted as dropped for `reason`. The space is given back
   * at once, and taken again should the file turn out to stay.
   */
  retire(segment: Segment, reason: DropReason): void {
    if (segment.state === "retired") return;
    segment.setState("retired");
    this.ledger.discard(segment);
    this.meter.dropped(segment.stored.minus(segment.doneTally), reason);
    const { fileBytes } = segment;
    this.space.adjust(-fileBytes);
    this.run(async () => {
      try {
        await this.disk.unlink(this.path(segment.fileName));
      } catch (error) {
        if (!isMissing(error)) {
          this.space.adjust(fileBytes);
          this.meter.failed("unlink");
          this.#warn(segment, error, "a file of the write-ahead log that is done cannot be deleted");
          return;
        }
      }
      // Marks may go only when the file cannot come back, or it would be delivered again whole.
      await this.syncDirectory();
      await this.ledger.forget([segment.id]);
    });
  }

  /** Runs `task` beside everything else; `settle` waits for it. */
  run(task: () => Promise<void>): void {
    const running = task()
      .catch((error: unknown) => {
        this.logger.warn({ error: errorMessage(error) }, "upkeep of the write-ahead log failed");
      })
      .finally(() => {
        this.#background.delete(running);
      });
    this.#background.add(running);
  }

  async settle(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
  }

  #warn(segment: Segment, error: unknown, message: string): void {
    this.logger.warn({ file: this.path(segment.fileName), error: errorMessage(error) }, message);
  }
}
