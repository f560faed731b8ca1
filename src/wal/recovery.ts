/**
 * Finds the segments of a directory again. It changes nothing but what ends in an unfinished write, and may be
 * killed at any byte and begun again. A file that the ledger's catalogue knows is not read; the others, which a
 * crash left without an entry, are read through. No file is written to again: new records go to new segments.
 */
import { join } from "node:path";
import { errorMessage } from "../base/errors.ts";
import { copyBrokenTail, isBrokenFileName, setAside, surplusBrokenFiles } from "./broken-files.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { checksumSeed, formatVersion, segmentHeaderBytesMax } from "./format.ts";
import { ItemTally } from "./item-tally.ts";
import type { SegmentEntry } from "./ledger.ts";
import { Segment } from "./segment.ts";
import { SegmentCursor } from "./segment-cursor.ts";
import type { SegmentFiles } from "./segment-files.ts";
import { decodeSegmentHeader } from "./segment-header.ts";
import { parseSegmentFileName, type SegmentName, segmentFileName } from "./segment-name.ts";
import { isMissing, WalError } from "./wal-error.ts";

/** The chain of segments whose header is damaged: their records name their destinations themselves. */
export const unroutedChain = "";

export interface FoundFile {
  readonly name: SegmentName;
  readonly chain: string;
  /** Of the identity in the header, or where that is damaged in the name: a file may have been renamed. */
  readonly seed: number;
  /** Behind the header; 0 where it is damaged. */
  readonly startOffset: number;
  readonly fileBytes: number;
}

/**
 * The segments of a directory in their order, all sealed.
 * @throws {WalError} wal_newer_format, before anything is changed.
 */
export async function recoverSegments(files: SegmentFiles): Promise<Segment[]> {
  const fileNames = await files.disk.readDirectory(files.directory);
  const found = await examineAll(files.disk, files.directory, segmentNames(fileNames));
  await accountForBrokenFiles(files, fileNames);
  const entries = await files.ledger.load();
  const segments = await recoverFound(files, found, entries);
  const known = new Set(found.map(({ name }) => name.identity.toString("hex")));
  await files.ledger.forget([...entries.keys()].filter((id) => !known.has(id)));
  return segments;
}

/** The same of files that have been examined. */
export async function recoverFound(
  files: SegmentFiles,
  found: readonly FoundFile[],
  entries: ReadonlyMap<string, SegmentEntry>,
): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const file of found) {
    files.numberTaken(file.name.number);
    const entry = entries.get(file.name.identity.toString("hex")) ?? {};
    const segment = await recoverSegment(files, file, entry);
    if (segment !== undefined) segments.push(segment);
  }
  return segments;
}

/**
 * What the first bytes of files say; those that are gone are left out.
 * @throws {WalError} wal_newer_format.
 */
export async function examineAll(
  disk: Disk,
  directory: string,
  names: readonly SegmentName[],
): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  for (const name of names) {
    const file = await examine(disk, directory, name);
    if (file !== undefined) found.push(file);
  }
  return found;
}

/** The names of segments among others, oldest first. */
export function segmentNames(fileNames: readonly string[]): SegmentName[] {
  return fileNames
    .flatMap((fileName) => parseSegmentFileName(fileName) ?? [])
    .sort((a, b) => a.number - b.number || a.identity.compare(b.identity));
}

async function examine(disk: Disk, directory: string, name: SegmentName): Promise<FoundFile | undefined> {
  const path = join(directory, segmentFileName(name));
  let file: DiskFile;
  try {
    file = await disk.openFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const fileBytes = await file.sizeBytes();
    const start = Buffer.alloc(Math.min(segmentHeaderBytesMax, fileBytes));
    const header = decodeSegmentHeader(start.subarray(0, await file.read(start, 0)));
    switch (header.kind) {
      case "newer":
        throw new WalError(
          "wal_newer_format",
          `${path} has format ${header.version}, this release knows ${formatVersion}: ` +
            "start the release that wrote it until the log is empty, or move the file away",
        );
      case "damaged":
        return { name, chain: unroutedChain, seed: checksumSeed(name.identity), startOffset: 0, fileBytes };
      case "valid": {
        const { chain, identity, headerBytes: startOffset } = header;
        return { name, chain, seed: checksumSeed(identity), startOffset, fileBytes };
      }
    }
  } finally {
    await file.close();
  }
}

async function recoverSegment(
  files: SegmentFiles,
  found: FoundFile,
  { catalogue, mark }: SegmentEntry,
): Promise<Segment | undefined> {
  let segment: Segment | undefined;
  if (catalogue !== undefined && catalogue.fileBytes === found.fileBytes) {
    segment = new Segment(found.name, catalogue.chain, ItemTally.fromRows(catalogue.tally), mark);
    segment.seed = found.seed;
    segment.startOffset = catalogue.startOffset;
    segment.endOffset = catalogue.endOffset;
    segment.lastSequence = catalogue.lastSequence;
    segment.oldestWrittenAtMs = catalogue.firstWrittenAtMs;
    files.setFileBytes(segment, found.fileBytes);
    segment.setState("sealed");
  } else {
    segment = new Segment(found.name, found.chain, new ItemTally(), mark);
    segment.seed = found.seed;
    segment.startOffset = found.startOffset;
    files.setFileBytes(segment, found.fileBytes);
    if (!(await readThrough(files, segment))) return undefined;
    files.seal(segment);
  }
  files.meter.recovered(segment.stored.minus(segment.doneTally));
  if (!segment.isDone) return segment;
  files.retire(segment, "corrupt");
  return undefined;
}

/** Reads a segment to learn what it holds and where it ends; false when it holds nothing and is gone. */
async function readThrough(files: SegmentFiles, segment: Segment): Promise<boolean> {
  const file = await files.disk.openFile(files.path(segment.fileName), true);
  try {
    segment.endOffset = segment.startOffset;
    const range = { offset: segment.startOffset, endOffset: segment.fileBytes };
    const cursor = new SegmentCursor(file, segment.seed, range);
    for (let step = await cursor.next(); step.kind !== "end"; step = await cursor.next()) {
      if (step.kind !== "record") continue;
      segment.stored.addRecord(step.record);
      segment.lastSequence = Math.max(segment.lastSequence, step.record.sequence);
      segment.oldestWrittenAtMs ??= step.record.writtenAtMs;
      segment.endOffset = step.endOffset;
    }
    if (segment.isEmpty) {
      await removeUnreadable(files, segment);
      return false;
    }
    if (segment.endOffset < segment.fileBytes) await cutTail(files, segment, file);
    return true;
  } finally {
    await file.close();
  }
}

/**
 * Cuts off what an unfinished write has left, once a copy of it is durable. On a disk that is full, say, it stays
 * where it is: nothing behind `endOffset` is ever read.
 */
async function cutTail(files: SegmentFiles, segment: Segment, file: DiskFile): Promise<void> {
  const path = files.path(segment.fileName);
  const { endOffset, fileBytes } = segment;
  files.meter.tornTails.add(1);
  files.logger.warn(
    { file: path, offset: endOffset, bytes: fileBytes - endOffset },
    "a file of the write-ahead log ends in an unfinished write, which is cut off and kept as .broken",
  );
  try {
    const copiedBytes = await copyBrokenTail(files.disk, path, file, {
      offset: endOffset,
      endOffset: fileBytes,
    });
    files.space.adjust(copiedBytes);
    await files.syncDirectory();
    await file.truncate(endOffset);
    await file.sync();
    files.setFileBytes(segment, endOffset);
  } catch (error) {
    files.logger.warn({ file: path, error: errorMessage(error) }, "the unfinished write stays where it is");
  }
}

/** A file without one readable record: nothing but a header is deleted, anything else is set aside. */
async function removeUnreadable(files: SegmentFiles, segment: Segment): Promise<void> {
  const path = files.path(segment.fileName);
  const { startOffset, fileBytes } = segment;
  if (fileBytes <= startOffset || fileBytes === 0) {
    files.setFileBytes(segment, 0);
    await files.disk.unlink(path);
    return;
  }
  files.meter.tornTails.add(1);
  files.logger.warn({ file: path }, "a file of the write-ahead log holds no whole record; kept as .broken");
  await setAside(files.disk, path);
}

/** Copies count like everything else; the oldest beyond a number are deleted. */
async function accountForBrokenFiles(files: SegmentFiles, fileNames: readonly string[]): Promise<void> {
  const surplus = new Set(surplusBrokenFiles(fileNames));
  for (const fileName of fileNames.filter(isBrokenFileName)) {
    const path = files.path(fileName);
    if (surplus.has(fileName)) {
      await files.disk.unlink(path);
      continue;
    }
    const file = await files.disk.openFile(path);
    files.space.adjust(await file.sizeBytes());
    await file.close();
  }
}
