/**
 * Walks through the records of one file, past whatever is damaged. A damaged payload costs its record; after a
 * damaged header the next intact one is searched by magic and checksum.
 */
import type { DiskFile } from "./disk.ts";
import { recordHeaderBytes, recordMagicBytes } from "./format.ts";
import type { StoredRecord } from "./record.ts";
import { decodeRecord, readRecordLengths } from "./record-codec.ts";

export type CursorStep =
  | {
      readonly kind: "record";
      readonly record: StoredRecord;
      readonly offset: number;
      readonly endOffset: number;
    }
  /** No record can be read from these bytes; an intact one follows, or the cursor's end. */
  | { readonly kind: "damaged"; readonly offset: number; readonly endOffset: number }
  | { readonly kind: "end" };

/** Large enough to keep a disk busy; what is held of a segment at a time, a larger record aside. */
const windowBytesDefault = 1024 * 1024;

interface RecordExtent {
  readonly metadataBytes: number;
  readonly endOffset: number;
}

export class SegmentCursor {
  readonly #file: DiskFile;
  readonly #seed: number;
  readonly #windowBytes: number;
  /** Never written again once read, so that payloads are slices of it. */
  #window: Buffer = Buffer.alloc(0);
  #windowOffset = 0;
  offset: number;
  /** Nothing from here on is read; may be moved on as the file grows. */
  endOffset: number;

  constructor(
    file: DiskFile,
    seed: number,
    range: { readonly offset: number; readonly endOffset: number },
    windowBytes: number = windowBytesDefault,
  ) {
    this.#file = file;
    this.#seed = seed;
    this.offset = range.offset;
    this.endOffset = range.endOffset;
    this.#windowBytes = windowBytes;
  }

  /** The next record or damaged stretch; the cursor is behind it then. Rejects as `DiskFile.read` does. */
  async next(): Promise<CursorStep> {
    const { offset } = this;
    if (offset >= this.endOffset) return { kind: "end" };
    const extent = await this.#recordAt(offset);
    if (extent === undefined) return this.#damagedUntil(await this.#findRecord(offset + 1));
    const { endOffset, metadataBytes } = extent;
    const bytes = await this.#bytes(offset, endOffset - offset);
    const record = decodeRecord(bytes, this.#seed, metadataBytes);
    if (record === undefined) return this.#damagedUntil(endOffset);
    this.offset = endOffset;
    return { kind: "record", record, offset, endOffset };
  }

  #damagedUntil(endOffset: number): CursorStep {
    const { offset } = this;
    this.offset = endOffset;
    return { kind: "damaged", offset, endOffset };
  }

  /** Where the record at `offset` ends, if its header is intact and it lies within the cursor's end. */
  async #recordAt(offset: number): Promise<RecordExtent | undefined> {
    const header = await this.#bytes(offset, recordHeaderBytes);
    const lengths = readRecordLengths(header, 0, this.#seed);
    if (lengths === undefined) return undefined;
    const endOffset = offset + recordHeaderBytes + lengths.metadataBytes + lengths.storedBytes;
    return endOffset <= this.endOffset ? { metadataBytes: lengths.metadataBytes, endOffset } : undefined;
  }

  /** The offset of the first intact header at or behind `from`, or the end. Reads every byte once. */
  async #findRecord(from: number): Promise<number> {
    let offset = from;
    while (this.endOffset - offset >= recordHeaderBytes) {
      const bytes = await this.#ahead(offset);
      if (bytes.length < recordHeaderBytes) break;
      const found = bytes.indexOf(recordMagicBytes);
      if (found < 0) {
        // The magic may begin in the last bytes of this part and end in the next.
        offset += bytes.length - recordMagicBytes.length + 1;
      } else if ((await this.#recordAt(offset + found)) !== undefined) {
        return offset + found;
      } else {
        offset += found + 1;
      }
    }
    return this.endOffset;
  }

  /** What the window holds from `offset` on; at least a header, unless the end is nearer. */
  async #ahead(offset: number): Promise<Buffer> {
    const at = offset - this.#windowOffset;
    if (at >= 0 && this.#window.length - at >= recordHeaderBytes) return this.#window.subarray(at);
    return this.#bytes(offset, this.#windowBytes);
  }

  /** Bytes from `offset` on, `sizeBytes` of them or as many as there are before the end. */
  async #bytes(offset: number, sizeBytes: number): Promise<Buffer> {
    const wantedBytes = Math.min(sizeBytes, this.endOffset - offset);
    const at = offset - this.#windowOffset;
    if (at >= 0 && at + wantedBytes <= this.#window.length)
      return this.#window.subarray(at, at + wantedBytes);
    const windowBytes = Math.min(Math.max(wantedBytes, this.#windowBytes), this.endOffset - offset);
    const window = Buffer.allocUnsafe(windowBytes);
    const readBytes = await this.#file.read(window, offset);
    this.#window = window.subarray(0, readBytes);
    this.#windowOffset = offset;
    return this.#window.subarray(0, wantedBytes);
  }
}
