/**
 * What the log needs of a file system. The comments are the contract: an implementation that keeps them
 * loses nothing that was acknowledged; test/support/simulated-disk.ts takes every liberty they leave.
 *
 * Paths are absolute. Every method rejects with an error whose `code` is the operating system's (`ENOSPC`,
 * `EIO`, `ENOENT`, …). Methods may be called at the same time on different files; on one file no more than
 * one `write`, `sync` or `truncate` is under way, while reads go on.
 */
export interface Disk {
  /**
   * Makes the directory with mode 0700, and those above it that are missing; no error where it exists.
   * Durable once its parent directory is synced.
   */
  makeDirectory(path: string): Promise<void>;

  /** Names of the entries of a directory, in no order; `ENOENT` where there is none. */
  readDirectory(path: string): Promise<string[]>;

  /**
   * Makes entries that were created, renamed or unlinked in the directory durable. When it fails, none of
   * those since the last success may be relied upon, and a second call proves nothing about them.
   */
  syncDirectory(path: string): Promise<void>;

  /**
   * Creates an empty file with mode 0600 for reading and writing; `EEXIST` where the name is taken. After a
   * crash the name is there only if its directory was synced.
   */
  createFile(path: string): Promise<DiskFile>;

  /** Opens a file for reading and, where `writable`, for writing; `ENOENT` where there is none. */
  openFile(path: string, writable?: boolean): Promise<DiskFile>;

  /** Moves a file to a name that is free, at once or not at all, also across a crash; durable as above. */
  rename(from: string, to: string): Promise<void>;

  /** Takes a file's name away; who has it open can go on reading. Needs no free space. Durable as above. */
  unlink(path: string): Promise<void>;

  /** Bytes that this process may still write to the volume of `path`. */
  freeBytes(path: string): Promise<number>;
}

export interface DiskFile {
  /** Bytes in the file; those beyond the last sync included. */
  sizeBytes(): Promise<number>;

  /**
   * Writes the buffers one behind the other at `position` and answers how many bytes were written: fewer than
   * there were is no error (a full disk does that, and only the next call says ENOSPC). After a crash, or an
   * error, any part of it may be there, in any order, or zeros in its place, until `sync` succeeded.
   */
  write(buffers: readonly Buffer[], position: number): Promise<number>;

  /**
   * Makes all bytes that were written before the call durable, and the file's size (fdatasync). When it fails,
   * nothing written since the last success is durable, nor will it be by another call: Linux marks pages clean
   * that it could not write.
   */
  sync(): Promise<void>;

  /** Fills `target` from `position` on as far as the file goes; answers the bytes read, fewer only at its end. */
  read(target: Buffer, position: number): Promise<number>;

  /** Cuts the file to `sizeBytes`; durable by the next `sync`. */
  truncate(sizeBytes: number): Promise<void>;

  /** Frees the descriptor; syncs nothing. */
  close(): Promise<void>;
}
