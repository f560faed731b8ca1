/**
 * What makes a generated span, point or record known again at the sink, without either side
 * keeping a list: its run, its number in the run, and a check that both belong together.
 *
 *     item id, 16 bytes:   | run, 4 | sequence, 4 | check of both, 8 |     (big-endian)
 *     span id, 8 bytes:    | run, 4 | sequence, 4 |
 *
 * A trace id is the item id of the trace's number, so its last eight bytes look as random as
 * W3C Trace Context wants them. A point carries its item id as the trace id of its exemplar, a
 * record as its attribute `log.record.uid`, a summary's point (it has no exemplars) as `generate.item`.
 */

export const itemIdBytes = 16;
export const spanIdBytes = 8;

/** Runs and sequences are 1 to 2^32 - 1, so that no id is all zero. */
export const highestSequence = 0xff_ff_ff_ff;

export interface ItemIdentity {
  readonly run: number;
  readonly sequence: number;
}

export function writeItemId(target: Buffer, offset: number, run: number, sequence: number): void {
  target.writeUInt32BE(run, offset);
  target.writeUInt32BE(sequence, offset + 4);
  const high = checkWord(run, sequence);
  target.writeUInt32BE(high, offset + 8);
  target.writeUInt32BE(checkWord(high, sequence), offset + 12);
}

export function writeSpanId(target: Buffer, offset: number, run: number, sequence: number): void {
  target.writeUInt32BE(run, offset);
  target.writeUInt32BE(sequence, offset + 4);
}

/** The identity in an item id; undefined for any other bytes. */
export function readItemId(bytes: Uint8Array | undefined): ItemIdentity | undefined {
  if (bytes?.length !== itemIdBytes) return undefined;
  const run = readWord(bytes, 0);
  const sequence = readWord(bytes, 4);
  if (run === 0 || sequence === 0) return undefined;
  const high = checkWord(run, sequence);
  if (readWord(bytes, 8) !== high || readWord(bytes, 12) !== checkWord(high, sequence)) return undefined;
  return { run, sequence };
}

/** The identity in an item id written as 32 hexadecimal digits; undefined for any other text. */
export function readItemIdHex(text: string | undefined): ItemIdentity | undefined {
  if (text?.length !== itemIdBytes * 2) return undefined;
  return readItemId(Buffer.from(text, "hex"));
}

/** The sequence in a span id of `run`; undefined where it is not one. */
export function readSpanId(bytes: Uint8Array | undefined, run: number): number | undefined {
  if (bytes?.length !== spanIdBytes || readWord(bytes, 0) !== run) return undefined;
  return readWord(bytes, 4) || undefined;
}

/** A run as users read and type it. */
export function formatRun(run: number): string {
  return run.toString(16).padStart(8, "0");
}

/** The run in eight hexadecimal digits, or undefined. */
export function parseRun(text: string): number | undefined {
  return /^[0-9a-f]{8}$/i.test(text) ? Number.parseInt(text, 16) || undefined : undefined;
}

function readWord(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>>
    0
  );
}

/** Mixes two words so that every bit of both moves about half of the result's (MurmurHash3's finalizer). */
function checkWord(a: number, b: number): number {
  let hash = (a ^ Math.imul(b, 0x9e_37_79_b1)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2_b2_ae_35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
