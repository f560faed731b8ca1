/**
 * Buffers that are used again. A gateway allocates as many bytes a second as it forwards; left to the
 * garbage collector, whose attention such external memory asks for all the time, they cost a fifth of
 * its CPU time.
 *
 * Whoever takes a buffer gives it back when nothing can refer to its bytes any more, the kernel's
 * writes among it. When in doubt it is not given back: the garbage collector finds it, and the pool
 * allocates another.
 */

/** Who asks for less gets this much: smaller classes would only divide the buffers that are free. */
const sizeBytesMin = 16 * 1024;
/** Larger ones are rare, and keeping them would keep much. */
const sizeBytesMax = 8 * 1024 * 1024;

export class BufferPool {
  readonly #retainedBytesMax: number;
  /** Free buffers by the binary logarithm of their size. */
  readonly #free: Buffer[][] = [];
  #retainedBytes = 0;

  /** `retainedBytesMax` bounds what lies here unused. */
  constructor(retainedBytesMax: number) {
    this.#retainedBytesMax = retainedBytesMax;
  }

  get retainedBytes(): number {
    return this.#retainedBytes;
  }

  /** A buffer of at least `sizeBytes`, with an ArrayBuffer of its own and whatever was in it. */
  take(sizeBytes: number): Buffer {
    if (sizeBytes > sizeBytesMax) return Buffer.allocUnsafeSlow(sizeBytes);
    const sizeClass = classOf(Math.max(sizeBytes, sizeBytesMin));
    const buffer = this.#free[sizeClass]?.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(2 ** sizeClass);
    this.#retainedBytes -= buffer.length;
    return buffer;
  }

  /** Takes back what `take` gave, whole; nobody may read or write it from here on. */
  giveBack(buffer: Buffer): void {
    const { length } = buffer;
    if (length > sizeBytesMax || this.#retainedBytes + length > this.#retainedBytesMax) return;
    const sizeClass = classOf(length);
    this.#free[sizeClass] ??= [];
    this.#free[sizeClass].push(buffer);
    this.#retainedBytes += length;
  }
}

function classOf(sizeBytes: number): number {
  return 32 - Math.clz32(sizeBytes - 1);
}
