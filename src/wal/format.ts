/**
 * The layout of segments, shared by encoder and decoder; docs/wal-format.md draws it. Integers are
 * little-endian. Checksums are CRC-32 as in IEEE 802.3 (zlib's; "123456789" gives cbf43926), not CRC-32C.
 */
import { crc32 } from "node:zlib";

export const formatVersion = 1;

export const segmentLayout = {
  /** "OWSG" */
  magic: 0x4753574f,
  magicAt: 0,
  versionAt: 4,
  headerBytesAt: 6,
  identityAt: 8,
  /** Of all before it. The part up to here is laid out alike in every version, so that each knows a newer one. */
  preambleCrcAt: 16,
  chainAt: 20,
  /** Behind the chain's name: the checksum of everything before it. */
  headerCrcBytes: 4,
} as const;

export const preambleBytes = segmentLayout.chainAt;
export const identityBytes = 8;
/** A chain is named after an endpoint, which is never this long. */
export const chainNameBytesMax = 4096;
export const segmentHeaderBytesMin = preambleBytes + segmentLayout.headerCrcBytes;
export const segmentHeaderBytesMax = segmentHeaderBytesMin + chainNameBytesMax;

export const recordLayout = {
  /** "OWRC" */
  magic: 0x4352574f,
  magicAt: 0,
  versionAt: 4,
  signalAt: 5,
  flagsAt: 6,
  reservedAt: 7,
  metadataBytesAt: 8,
  storedBytesAt: 12,
  payloadBytesAt: 16,
  itemCountAt: 20,
  sequenceAt: 24,
  epochAt: 32,
  writtenAtMsAt: 40,
  attemptsAt: 48,
  /** Of the header before it: with it the lengths can be trusted although the payload cannot. */
  headerCrcAt: 52,
  /** Of the header before it, the metadata and the stored payload. */
  recordCrcAt: 56,
} as const;

export const recordHeaderBytes = 60;
export const recordMagicBytes = Buffer.from([0x4f, 0x57, 0x52, 0x43]);

/** Bit of `flags`: the payload is a zstd frame (RFC 8878). */
export const zstdFlag = 1;

/** Numbers of the signals, for ever. */
export const signalNumbers = { traces: 1, metrics: 2, logs: 3 } as const;
export type RecordSignal = keyof typeof signalNumbers;

export const signalsByNumber: readonly (RecordSignal | undefined)[] = [
  undefined,
  "traces",
  "metrics",
  "logs",
];

/** The largest message that OTLP asks a server to take; a length above it is damage, whatever its checksum says. */
export const payloadBytesMax = 64 * 1024 * 1024;
/** Names and forwarded headers; HTTP servers take 16 KiB of headers. */
export const metadataBytesMax = 128 * 1024;
/** Lengths of names and header values are 16-bit numbers. */
export const metadataTextBytesMax = 0xffff;

/**
 * What checksums of a segment begin with: its identity is random, so that neither an earlier file's blocks nor
 * a payload that was made to look like records pass for records of this segment.
 */
export function checksumSeed(identity: Buffer): number {
  return crc32(identity);
}
