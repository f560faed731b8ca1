/** A small file of the system's configuration, parsed again when it has changed. */
import { open } from "node:fs/promises";

/** No more of a file is read. */
const fileBytesMax = 1024 * 1024;

export class FileCache<T> {
  readonly #path: string;
  readonly #parse: (text: string) => T;
  #value: T;
  #version = "";

  /** @param fallback what holds until the file could be read. */
  constructor(path: string, parse: (text: string) => T, fallback: T) {
    this.#path = path;
    this.#parse = parse;
    this.#value = fallback;
  }

  /** What the file holds now; what it held last where it cannot be read. Never rejects. */
  async read(): Promise<T> {
    try {
      await using file = await open(this.#path, "r");
      const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
      const version = [dev, ino, size, mtimeNs, ctimeNs].join(" ");
      if (version !== this.#version) {
        const buffer = Buffer.alloc(fileBytesMax);
        const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
        this.#value = this.#parse(buffer.toString("utf8", 0, bytesRead));
        this.#version = version;
      }
    } catch {
      // Kept as it was: half-written and missing files are passing states of their replacement.
    }
    return this.#value;
  }
}
