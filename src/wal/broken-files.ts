/** Copies of what a recovery cuts off, for whoever wants to know what a crash left: `<segment>.broken`. */
import type { Disk, DiskFile } from "./disk.ts";
import { isMissing } from "./wal-error.ts";

const suffix = ".broken";
/** Older ones are deleted. */
export const brokenFilesMax = 16;
/** Of a longer tail the beginning is kept. */
const copyBytesMax = 16 * 1024 * 1024;
const chunkBytes = 1024 * 1024;

export function isBrokenFileName(fileName: string): boolean {
  return fileName.endsWith(`.wal${suffix}`);
}

/** Copies [offset, endOffset) of `file`, durably, in place of an earlier copy. Answers the bytes copied. */
export async function copyBrokenTail(
  disk: Disk,
  path: string,
  file: DiskFile,
  { offset, endOffset }: { readonly offset: number; readonly endOffset: number },
): Promise<number> {
  const copyPath = path + suffix;
  await disk.unlink(copyPath).catch(ignoreMissing);
  const copy = await disk.createFile(copyPath);
  try {
    const sizeBytes = Math.min(endOffset - offset, copyBytesMax);
    for (let at = 0; at < sizeBytes; at += chunkBytes) {
      const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes - at));
      const readBytes = await file.read(chunk, offset + at);
      const writtenBytes = await copy.write([chunk.subarray(0, readBytes)], at);
      if (writtenBytes !== readBytes) throw Object.assign(new Error("short write"), { code: "ENOSPC" });
    }
    await copy.sync();
    return sizeBytes;
  } finally {
    await copy.close();
  }
}

/** Sets a whole file aside in which nothing can be read. */
export async function setAside(disk: Disk, path: string): Promise<void> {
  await disk.unlink(path + suffix).catch(ignoreMissing);
  await disk.rename(path, path + suffix);
}

/** Names begin with the segments' numbers, so the first are the oldest. */
export function surplusBrokenFiles(fileNames: readonly string[]): string[] {
  const broken = fileNames.filter(isBrokenFileName).sort();
  return broken.slice(0, Math.max(broken.length - brokenFilesMax, 0));
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}
