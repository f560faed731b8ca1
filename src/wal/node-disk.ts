/** The disk of the operating system, by node:fs. */
import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import type { Disk, DiskFile } from "./disk.ts";

/** Telemetry holds what its users did: nobody but the gateway reads it. */
const directoryMode = 0o700;
const fileMode = 0o600;

/** Linux takes no more buffers in one call (IOV_MAX). */
const buffersPerCallMax = 1024;

export const nodeDisk: Disk = {
  async makeDirectory(path) {
    await fs.mkdir(path, { recursive: true, mode: directoryMode });
  },

  readDirectory: (path) => fs.readdir(path),

  async syncDirectory(path) {
    const handle = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },

  async createFile(path) {
    return new NodeFile(
      await fs.open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, fileMode),
    );
  },

  async openFile(path, writable = false) {
    return new NodeFile(await fs.open(path, writable ? constants.O_RDWR : constants.O_RDONLY));
  },

  rename: (from, to) => fs.rename(from, to),

  unlink: (path) => fs.unlink(path),

  async freeBytes(path) {
    const { bavail, bsize } = await fs.statfs(path);
    return bavail * bsize;
  },
};

class NodeFile implements DiskFile {
  readonly #handle: fs.FileHandle;

  constructor(handle: fs.FileHandle) {
    this.#handle = handle;
  }

  async sizeBytes(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async write(buffers: readonly Buffer[], position: number): Promise<number> {
    let writtenBytes = 0;
    for (let at = 0; at < buffers.length; at += buffersPerCallMax) {
      const part = buffers.slice(at, at + buffersPerCallMax);
      const { bytesWritten } = await this.#handle.writev(part, position + writtenBytes);
      writtenBytes += bytesWritten;
      if (bytesWritten < byteLengthOf(part)) break;
    }
    return writtenBytes;
  }

  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  async read(target: Buffer, position: number): Promise<number> {
    let filledBytes = 0;
    while (filledBytes < target.length) {
      const { bytesRead } = await this.#handle.read(
        target,
        filledBytes,
        target.length - filledBytes,
        position + filledBytes,
      );
      if (bytesRead === 0) break;
      filledBytes += bytesRead;
    }
    return filledBytes;
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#handle.truncate(sizeBytes);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function byteLengthOf(buffers: readonly Buffer[]): number {
  let sum = 0;
  for (const { length } of buffers) sum += length;
  return sum;
}
