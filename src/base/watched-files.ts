/**
 * Small files that may change while the program runs: certificates, tokens, passwords. They are compared by
 * their contents at an interval, not by file events: Kubernetes swaps a symbolic link above a mounted secret,
 * and network file systems send no events at all.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errorMessage, OtlpRingError } from "./errors.ts";

/** The largest file that is read; a bundle of every public certificate authority is about 220 KiB. */
export const WATCHED_FILE_BYTES_MAX = 1024 * 1024;

/** After contents that could not be used, files are read again this soon: a half-done rotation ends. */
const RETRY_INTERVAL_MS = 5_000;

/** Texts of files by their paths. */
export type FileContents = ReadonlyMap<string, string>;

/**
 * Reads a small UTF-8 file at start. `purpose` names the setting for the user.
 * @throws OtlpRingError `file_unreadable`, with the path and what to do.
 */
export function readSmallFile(path: string, purpose: string): string {
  const buffer = Buffer.allocUnsafe(WATCHED_FILE_BYTES_MAX + 1);
  let length = 0;
  try {
    const descriptor = openSync(path, "r");
    try {
      for (;;) {
        const count = readSync(descriptor, buffer, length, buffer.length - length, null);
        length += count;
        if (count === 0 || length === buffer.length) break;
      }
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    throw new OtlpRingError(
      "file_unreadable",
      `${purpose}: cannot read ${path} (${errorMessage(cause)}); check the path and that this user may read it`,
      { cause },
    );
  }
  return text(buffer, length, path, purpose);
}

async function readSmallFileAgain(path: string, purpose: string): Promise<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const buffer = Buffer.allocUnsafe(WATCHED_FILE_BYTES_MAX + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) break;
    }
    return text(buffer, length, path, purpose);
  } finally {
    await file?.close();
  }
}

function text(buffer: Buffer, length: number, path: string, purpose: string): string {
  if (length > WATCHED_FILE_BYTES_MAX) {
    throw new OtlpRingError(
      "file_unreadable",
      `${purpose}: ${path} is larger than ${WATCHED_FILE_BYTES_MAX} bytes; name the file that was meant`,
    );
  }
  return buffer.toString("utf8", 0, length);
}

export interface WatchOptions {
  /** What the files are for, as the user knows it. */
  readonly purpose: string;
  readonly intervalMs: number;
  /** What the files held when they were last read. */
  readonly contents: FileContents;
  /**
   * Called with every file's contents when any has changed. Throws when they cannot be used; then `onFailure`
   * hears why, and the same contents are not offered again.
   */
  readonly onChange: (contents: FileContents) => void;
  /** Called once for each new fault: files that cannot be read or used. */
  readonly onFailure: (error: unknown) => void;
}

/** Reads files again at an interval until the answer is called. Never keeps the process alive. */
export function watchFiles(options: WatchOptions): () => void {
  const { purpose, intervalMs, onChange, onFailure } = options;
  let seen = options.contents;
  let readFault: string | undefined;
  let usable = true;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const check = async (): Promise<void> => {
    const now = new Map<string, string>();
    try {
      for (const path of seen.keys()) now.set(path, await readSmallFileAgain(path, purpose));
    } catch (error) {
      const fault = errorMessage(error);
      if (!closed && fault !== readFault) onFailure(error);
      readFault = fault;
      return;
    }
    readFault = undefined;
    if (closed || [...now].every(([path, content]) => seen.get(path) === content)) return;
    seen = now;
    try {
      onChange(now);
      usable = true;
    } catch (error) {
      usable = false;
      onFailure(error);
    }
  };
  const arm = (): void => {
    const delayMs = usable && readFault === undefined ? intervalMs : Math.min(intervalMs, RETRY_INTERVAL_MS);
    timer = setTimeout(() => {
      void check().then(() => {
        if (!closed) arm();
      });
    }, delayMs);
    timer.unref();
  };
  arm();
  return () => {
    closed = true;
    clearTimeout(timer);
  };
}
