/**
 * Room for the log: `max_size` over everything that it keeps, and a share of the volume that it leaves alone.
 * Bytes are reserved before a request is sent, so that whatever cannot be delivered can be kept.
 */
import { formatSize } from "../base/units.ts";

export interface SpaceOptions {
  /** The log takes no more than this, its ledger included. */
  readonly maxBytes: number;
  /** Nothing is taken while the volume has less free than this. */
  readonly freeBytesMin: number;
}

export type SpaceState =
  | { readonly kind: "ok" }
  | { readonly kind: "full"; readonly reason: FullReason; readonly message: string };
export type FullReason = "max_size" | "low_space";

/** What the ledger may take: cursors and a catalogue are small, LevelDB's logs of them a little larger. */
export const ledgerAllowanceBytes = 4 * 1024 * 1024;

/** Free space must exceed the watermark by this share before the log takes data again, or it would flap. */
const watermarkReturn = 1.1;

export class Space {
  readonly #options: SpaceOptions;
  readonly #listeners = new Set<(state: SpaceState) => void>();
  #usedBytes = ledgerAllowanceBytes;
  #reservedBytes = 0;
  #isLow = false;
  #state: SpaceState = { kind: "ok" };

  constructor(options: SpaceOptions) {
    this.#options = options;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  get state(): SpaceState {
    return this.#state;
  }

  /** Calls `listener` at every change; answers how to stop that. */
  onChange(listener: (state: SpaceState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Sets `sizeBytes` aside, all or nothing. */
  reserve(sizeBytes: number): Reservation | undefined {
    if (this.#isLow) return undefined;
    if (!this.fits(sizeBytes)) {
      const { maxBytes } = this.#options;
      this.#setState({
        kind: "full",
        reason: "max_size",
        message: `the write-ahead log has reached max_size (${formatSize(maxBytes)})`,
      });
      return undefined;
    }
    this.#reservedBytes += sizeBytes;
    return new Reservation(sizeBytes, (released) => {
      this.#reservedBytes -= released;
      this.#reconsider();
    });
  }

  /** Files have grown by so much, or shrunk. */
  adjust(deltaBytes: number): void {
    this.#usedBytes += deltaBytes;
    if (deltaBytes < 0) this.#reconsider();
  }

  /** The volume has refused a write. Nothing is taken until `noteFreeBytes` hears of free space. */
  noteDiskFull(): void {
    this.#isLow = true;
    this.#setState(lowSpace("the volume is full"));
  }

  /** What statfs says. */
  noteFreeBytes(freeBytes: number): void {
    const { freeBytesMin } = this.#options;
    if (freeBytes < freeBytesMin) {
      this.#isLow = true;
      this.#setState(
        lowSpace(`the volume has ${formatSize(freeBytes)} free, less than ${formatSize(freeBytesMin)}`),
      );
    } else if (this.#isLow && freeBytes > 0 && freeBytes >= freeBytesMin * watermarkReturn) {
      this.#isLow = false;
      this.#reconsider();
    }
  }

  /** Whether `max_size` leaves room for so much. */
  fits(sizeBytes: number): boolean {
    return this.#usedBytes + this.#reservedBytes + sizeBytes <= this.#options.maxBytes;
  }

  /** Full until at least a little fits again; what is refused then is refused for its size. */
  #reconsider(): void {
    if (!this.#isLow && this.#state.kind === "full" && this.fits(1)) this.#setState({ kind: "ok" });
  }

  #setState(state: SpaceState): void {
    const changed =
      state.kind !== this.#state.kind ||
      (state.kind === "full" && this.#state.kind === "full" && state.reason !== this.#state.reason);
    this.#state = state;
    if (changed) for (const listener of this.#listeners) listener(state);
  }
}

/** Bytes set aside. Parts of it pass to appends; the rest is given back by `release`. */
export class Reservation {
  #remainingBytes: number;
  readonly #giveBack: (sizeBytes: number) => void;

  constructor(sizeBytes: number, giveBack: (sizeBytes: number) => void) {
    this.#remainingBytes = sizeBytes;
    this.#giveBack = giveBack;
  }

  get remainingBytes(): number {
    return this.#remainingBytes;
  }

  /** Passes `sizeBytes` of it on; undefined when less remains. */
  take(sizeBytes: number): Reservation | undefined {
    if (sizeBytes > this.#remainingBytes) return undefined;
    this.#remainingBytes -= sizeBytes;
    return new Reservation(sizeBytes, this.#giveBack);
  }

  /** Gives back what remains; again: nothing. */
  release(): void {
    const remainingBytes = this.#remainingBytes;
    this.#remainingBytes = 0;
    if (remainingBytes > 0) this.#giveBack(remainingBytes);
  }
}

function lowSpace(message: string): SpaceState {
  return { kind: "full", reason: "low_space", message };
}
