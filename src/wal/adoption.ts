/**
 * Takes over the segments of a worker that is gone: its files are renamed into this worker's directory, one by
 * one and in order, with new numbers. Nothing is copied, so that a full disk is no obstacle. What has been done of
 * a segment is noted here, durably, before it is moved; whenever this is cut short, the next adoption goes on.
 */
import { join } from "node:path";
import { Ledger } from "./ledger.ts";
import type { OpenLedgerStore } from "./ledger-store.ts";
import { examineAll, type FoundFile, recoverFound, segmentNames } from "./recovery.ts";
import type { Segment } from "./segment.ts";
import type { SegmentFiles } from "./segment-files.ts";
import { segmentFileName } from "./segment-name.ts";
import { isMissing } from "./wal-error.ts";

/**
 * Moves all segments from `directory`, whose ledger is in `ledgerDirectory`, and answers them as recovered.
 * @throws {WalError} wal_in_use while the worker lives; wal_newer_format, before anything is moved.
 */
export async function adoptSegments(
  files: SegmentFiles,
  from: { readonly directory: string; readonly ledgerDirectory: string },
  openLedgerStore: OpenLedgerStore,
): Promise<Segment[]> {
  const ledger = new Ledger(await openLedgerStore(from.ledgerDirectory), () => files.meter.failed("ledger"));
  try {
    const names = segmentNames(await readDirectory(files, from.directory));
    const found = await examineAll(files.disk, from.directory, names);
    if (found.length === 0) return [];
    const entries = await ledger.load();
    const moved: FoundFile[] = [];
    for (const file of found) {
      const { identity } = file.name;
      const id = identity.toString("hex");
      await files.ledger.adopt(id, entries.get(id) ?? {});
      const name = { number: files.nextNumber(), identity };
      await files.disk.rename(
        join(from.directory, segmentFileName(file.name)),
        files.path(segmentFileName(name)),
      );
      moved.push({ ...file, name });
    }
    await files.syncDirectory();
    await files.disk.syncDirectory(from.directory);
    return await recoverFound(files, moved, entries);
  } finally {
    await ledger.close();
  }
}

async function readDirectory(files: SegmentFiles, directory: string): Promise<string[]> {
  try {
    return await files.disk.readDirectory(directory);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
