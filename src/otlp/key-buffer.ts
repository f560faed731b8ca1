/** A key that is put together from several pieces; one buffer serves all keys of a splitter. */
export class KeyBuffer {
  bytes: Uint8Array = new Uint8Array(256);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  add(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    this.bytes.set(source.subarray(start, end), this.length);
    this.length += end - start;
  }

  addByte(byte: number): void {
    this.#reserve(1);
    this.bytes[this.length++] = byte;
  }

  #reserve(sizeBytes: number): void {
    if (this.length + sizeBytes <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + sizeBytes));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}
