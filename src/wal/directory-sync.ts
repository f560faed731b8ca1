/** Syncs of one directory, shared by everybody who asks while one is under way. */
import type { Disk } from "./disk.ts";

export class DirectorySync {
  readonly #disk: Disk;
  readonly #path: string;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  /**
   * Resolves when all entries made before the call are durable. When a sync fails, so does the one that waits
   * behind it: entries made meanwhile may be among those that it has lost.
   */
  sync(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#run();
      return this.#running;
    }
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      this.#running = this.#run();
      return this.#running;
    });
    this.#next.catch(() => {
      this.#next = undefined;
    });
    return this.#next;
  }

  async #run(): Promise<void> {
    try {
      await this.#disk.syncDirectory(this.#path);
    } finally {
      this.#running = undefined;
    }
  }
}
