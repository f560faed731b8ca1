/**
 * `<number>-<identity>.wal`, both 16 hexadecimal digits: the number gives the order (never a clock), the
 * identity tells segments apart that were given the same number by mistake, and lets the records be read where
 * the header cannot.
 */
import { identityBytes } from "./format.ts";

export interface SegmentName {
  /** Ascending in the order of creation; segments of all chains count together. A safe integer. */
  readonly number: number;
  readonly identity: Buffer;
}

const pattern = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/;

export function segmentFileName({ number, identity }: SegmentName): string {
  return `${number.toString(16).padStart(identityBytes * 2, "0")}-${identity.toString("hex")}.wal`;
}

/** Undefined for a file that is no segment. */
export function parseSegmentFileName(fileName: string): SegmentName | undefined {
  const [, number, identity] = pattern.exec(fileName) ?? [];
  if (number === undefined || identity === undefined) return undefined;
  const parsed = Number.parseInt(number, 16);
  return Number.isSafeInteger(parsed)
    ? { number: parsed, identity: Buffer.from(identity, "hex") }
    : undefined;
}
