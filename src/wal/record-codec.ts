/** Records to bytes and back. Nothing is allocated by a length that has not been checked. */
import { crc32 } from "node:zlib";
import { CompressionError, compress, decompress } from "../base/compression.ts";
import {
  formatVersion,
  recordLayout as layout,
  metadataBytesMax,
  metadataTextBytesMax,
  payloadBytesMax,
  recordHeaderBytes,
  signalNumbers,
  signalsByNumber,
  zstdFlag,
} from "./format.ts";
import type { LogRecord, StoredRecord } from "./record.ts";
import { WalError } from "./wal-error.ts";

/** A record that only lacks the checksums, which depend on the segment that it is written to. */
export interface PreparedRecord {
  readonly record: LogRecord;
  readonly sequence: number;
  /** The header, without checksums, and the metadata behind it. */
  readonly head: Buffer;
  /** The payload as it will be stored. */
  readonly stored: Buffer;
  readonly sizeBytes: number;
}

/** Below this, a frame's own bytes and the call cost more than they save. */
const compressedBytesMin = 512;
/** zstd pays when it saves an eighth: less disk, and less to sync. */
const worthwhileShare = 7 / 8;

/**
 * The bytes that a record takes at most, before compression.
 * @throws {WalError} wal_invalid_record for what the format cannot hold.
 */
export function recordSizeBytes(record: LogRecord): number {
  return recordHeaderBytes + metadataSizeBytes(record) + record.payload.length;
}

/** @throws {WalError} wal_invalid_record for what the format cannot hold. */
export function prepareRecord(
  record: LogRecord,
  sequence: number,
  writtenAtMs: number,
  compressPayload: boolean,
): PreparedRecord {
  const metadataBytes = metadataSizeBytes(record);
  const { payload } = record;
  if (payload.length > payloadBytesMax) throw invalid(`a payload has at most ${payloadBytesMax} bytes`);
  const stored = compressPayload ? compressedWhenWorthwhile(payload) : payload;
  const head = Buffer.allocUnsafe(recordHeaderBytes + metadataBytes);
  head.writeUInt32LE(layout.magic, layout.magicAt);
  head.writeUInt8(formatVersion, layout.versionAt);
  head.writeUInt8(signalNumbers[record.signal], layout.signalAt);
  head.writeUInt8(stored === payload ? 0 : zstdFlag, layout.flagsAt);
  head.writeUInt8(0, layout.reservedAt);
  head.writeUInt32LE(metadataBytes, layout.metadataBytesAt);
  head.writeUInt32LE(stored.length, layout.storedBytesAt);
  head.writeUInt32LE(payload.length, layout.payloadBytesAt);
  head.writeUInt32LE(record.itemCount, layout.itemCountAt);
  writeUInt64(head, sequence, layout.sequenceAt);
  writeUInt64(head, record.epoch, layout.epochAt);
  writeUInt64(head, writtenAtMs, layout.writtenAtMsAt);
  head.writeUInt32LE(record.attempts, layout.attemptsAt);
  writeMetadata(head, record);
  return { record, sequence, head, stored, sizeBytes: head.length + stored.length };
}

/** Fills in the checksums for the segment of that seed (`checksumSeed`); again for another segment. */
export function sealRecord({ head, stored }: PreparedRecord, seed: number): void {
  head.writeUInt32LE(crc32(head.subarray(0, layout.headerCrcAt), seed), layout.headerCrcAt);
  const headerCrc = crc32(head.subarray(0, layout.recordCrcAt), seed);
  const metadataCrc = crc32(head.subarray(recordHeaderBytes), headerCrc);
  head.writeUInt32LE(crc32(stored, metadataCrc), layout.recordCrcAt);
}

/** Lengths from a header that its checksum vouches for; undefined where there is no such header at `at`. */
export function readRecordLengths(
  bytes: Buffer,
  at: number,
  seed: number,
): { readonly metadataBytes: number; readonly storedBytes: number } | undefined {
  if (bytes.length - at < recordHeaderBytes) return undefined;
  if (bytes.readUInt32LE(at + layout.magicAt) !== layout.magic) return undefined;
  const crc = crc32(bytes.subarray(at, at + layout.headerCrcAt), seed);
  if (crc !== bytes.readUInt32LE(at + layout.headerCrcAt)) return undefined;
  const metadataBytes = bytes.readUInt32LE(at + layout.metadataBytesAt);
  const storedBytes = bytes.readUInt32LE(at + layout.storedBytesAt);
  if (metadataBytes > metadataBytesMax || storedBytes > payloadBytesMax) return undefined;
  return { metadataBytes, storedBytes };
}

/** The record in `bytes`, a whole one whose header has been checked; undefined where anything else is damaged. */
export function decodeRecord(bytes: Buffer, seed: number, metadataBytes: number): StoredRecord | undefined {
  const payloadAt = recordHeaderBytes + metadataBytes;
  const headerCrc = crc32(bytes.subarray(0, layout.recordCrcAt), seed);
  if (crc32(bytes.subarray(recordHeaderBytes), headerCrc) !== bytes.readUInt32LE(layout.recordCrcAt)) {
    return undefined;
  }
  // All records of a segment are of its version.
  if (bytes[layout.versionAt] !== formatVersion) return undefined;
  const signal = signalsByNumber[bytes[layout.signalAt]!];
  const sequence = readUInt64(bytes, layout.sequenceAt);
  const epoch = readUInt64(bytes, layout.epochAt);
  const writtenAtMs = readUInt64(bytes, layout.writtenAtMsAt);
  const names = readMetadata(bytes.subarray(recordHeaderBytes, payloadAt));
  const payload = readPayload(bytes, payloadAt);
  if (signal === undefined || names === undefined || payload === undefined) return undefined;
  if (sequence === undefined || epoch === undefined || writtenAtMs === undefined) return undefined;
  return {
    ...names,
    signal,
    itemCount: bytes.readUInt32LE(layout.itemCountAt),
    epoch,
    attempts: bytes.readUInt32LE(layout.attemptsAt),
    payload,
    sequence,
    writtenAtMs,
  };
}

function readPayload(bytes: Buffer, payloadAt: number): Buffer | undefined {
  const stored = bytes.subarray(payloadAt);
  const payloadBytes = bytes.readUInt32LE(layout.payloadBytesAt);
  if ((bytes[layout.flagsAt]! & zstdFlag) === 0) return stored.length === payloadBytes ? stored : undefined;
  if (payloadBytes > payloadBytesMax) return undefined;
  try {
    const payload = decompress("zstd", stored, payloadBytes);
    return payload.length === payloadBytes ? payload : undefined;
  } catch (thrown) {
    if (thrown instanceof CompressionError) return undefined;
    throw thrown;
  }
}

function compressedWhenWorthwhile(payload: Buffer): Buffer {
  if (payload.length < compressedBytesMin) return payload;
  const compressed = compress("zstd", payload);
  return compressed.length <= payload.length * worthwhileShare ? compressed : payload;
}

/** Metadata: destination, exporter, number of headers, then each header's name and value; texts by 16-bit length. */
function metadataSizeBytes({ destination, exporter, forwardedHeaders }: LogRecord): number {
  let size = 2 + Buffer.byteLength(destination) + 2 + Buffer.byteLength(exporter) + 2;
  for (const [name, value] of forwardedHeaders) {
    size += 2 + Buffer.byteLength(name) + 2 + Buffer.byteLength(value);
  }
  if (size > metadataBytesMax) throw invalid(`names and headers have at most ${metadataBytesMax} bytes`);
  return size;
}

function writeMetadata(head: Buffer, { destination, exporter, forwardedHeaders }: LogRecord): void {
  let at = writeText(head, destination, recordHeaderBytes);
  at = writeText(head, exporter, at);
  at = head.writeUInt16LE(forwardedHeaders.length, at);
  for (const [name, value] of forwardedHeaders) {
    at = writeText(head, name, at);
    at = writeText(head, value, at);
  }
}

function readMetadata(
  bytes: Buffer,
): Pick<LogRecord, "destination" | "exporter" | "forwardedHeaders"> | undefined {
  let at = 0;
  const number = (): number | undefined => {
    if (bytes.length - at < 2) return undefined;
    at += 2;
    return bytes.readUInt16LE(at - 2);
  };
  const text = (): string | undefined => {
    const length = number();
    if (length === undefined || bytes.length - at < length) return undefined;
    at += length;
    return bytes.toString("utf8", at - length, at);
  };
  const destination = text();
  const exporter = text();
  const headerCount = number();
  if (destination === undefined || exporter === undefined || headerCount === undefined) return undefined;
  const forwardedHeaders: [string, string][] = [];
  for (let n = 0; n < headerCount; n += 1) {
    const name = text();
    const value = text();
    if (name === undefined || value === undefined) return undefined;
    forwardedHeaders.push([name, value]);
  }
  return at === bytes.length ? { destination, exporter, forwardedHeaders } : undefined;
}

function writeText(target: Buffer, text: string, at: number): number {
  const length = target.write(text, at + 2);
  if (length > metadataTextBytesMax) throw invalid(`a name has at most ${metadataTextBytesMax} bytes`);
  target.writeUInt16LE(length, at);
  return at + 2 + length;
}

function writeUInt64(target: Buffer, value: number, at: number): void {
  target.writeUInt32LE(value % 2 ** 32, at);
  target.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}

/** Undefined beyond what a number holds exactly. */
function readUInt64(bytes: Buffer, at: number): number | undefined {
  const value = bytes.readUInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);
  return Number.isSafeInteger(value) ? value : undefined;
}

function invalid(message: string): WalError {
  return new WalError("wal_invalid_record", `a record cannot be kept: ${message}`);
}
