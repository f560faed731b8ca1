import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import {
  checksumSeed,
  payloadBytesMax,
  type RecordSignal,
  recordHeaderBytes,
  recordLayout,
  segmentLayout,
} from "../../../src/wal/format.ts";
import type { LogRecord } from "../../../src/wal/record.ts";
import {
  decodeRecord,
  prepareRecord,
  readRecordLengths,
  recordSizeBytes,
  sealRecord,
} from "../../../src/wal/record-codec.ts";
import { decodeSegmentHeader, encodeSegmentHeader } from "../../../src/wal/segment-header.ts";
import { parseSegmentFileName, segmentFileName } from "../../../src/wal/segment-name.ts";
import { makeRecord } from "../../support/wal.ts";
import vectors from "./vectors.json" with { type: "json" };

const identity = Buffer.from(vectors.identityHex, "hex");
const seed = checksumSeed(identity);

function recordOf({ record }: (typeof vectors.records)[number]): LogRecord {
  const { payloadText, signal, forwardedHeaders, ...rest } = record;
  return {
    ...rest,
    signal: signal as RecordSignal,
    forwardedHeaders: forwardedHeaders as [string, string][],
    payload: Buffer.from(payloadText),
  };
}

function decoded(bytes: Buffer): ReturnType<typeof decodeRecord> {
  const lengths = readRecordLengths(bytes, 0, seed);
  return lengths && decodeRecord(bytes, seed, lengths.metadataBytes);
}

test("the checksum is CRC-32 of IEEE 802.3", () => {
  expect(crc32(Buffer.from("123456789"))).toBe(0xcbf43926);
  expect(seed.toString(16).padStart(8, "0")).toBe(vectors.checksumSeedHex);
});

test.for(vectors.segmentHeaders)(
  "the header of a segment of chain '$chain' is as published",
  ({ chain, bytesHex }) => {
    const bytes = Buffer.from(bytesHex, "hex");
    expect(encodeSegmentHeader(identity, chain)).toEqual(bytes);
    expect(decodeSegmentHeader(bytes)).toEqual({ kind: "valid", identity, chain, headerBytes: bytes.length });
  },
);

test.for(vectors.records)("a record is read as published: $name", (vector) => {
  const record = recordOf(vector);
  const { sequence, writtenAtMs, bytesHex } = vector;
  expect(decoded(Buffer.from(bytesHex, "hex"))).toEqual({ ...record, sequence, writtenAtMs });
});

// Which bytes zstd makes of a payload is its releases' affair.
test.for(vectors.records.filter(({ isCompressed }) => !isCompressed))(
  "a record is written as published: $name",
  (vector) => {
    const prepared = prepareRecord(recordOf(vector), vector.sequence, vector.writtenAtMs, true);
    sealRecord(prepared, seed);
    expect(Buffer.concat([prepared.head, prepared.stored]).toString("hex")).toBe(vector.bytesHex);
    expect(prepared.sizeBytes).toBe(recordSizeBytes(recordOf(vector)));
  },
);

test("a payload is compressed where that saves an eighth, and comes back the same", () => {
  const record = makeRecord("span ".repeat(1000));
  const prepared = prepareRecord(record, 1, 0, true);
  sealRecord(prepared, seed);
  expect(prepared.stored.length).toBeLessThan(500);
  expect(decoded(Buffer.concat([prepared.head, prepared.stored]))?.payload).toEqual(record.payload);
  expect(prepareRecord(record, 1, 0, false).stored).toBe(record.payload);
});

test.for([
  ["metadataBytesAt", 0xffff_ffff],
  ["storedBytesAt", payloadBytesMax + 1],
] as const)("W6 a header whose %s is %i is none, though its checksum is right", ([field, value]) => {
  const prepared = prepareRecord(makeRecord("x"), 1, 0, false);
  prepared.head.writeUInt32LE(value, recordLayout[field]);
  sealRecord(prepared, seed);
  expect(readRecordLengths(Buffer.concat([prepared.head, prepared.stored]), 0, seed)).toBeUndefined();
});

test("W6 a compressed payload may not claim more than a payload may have", () => {
  const prepared = prepareRecord(makeRecord("x".repeat(1000)), 1, 0, true);
  prepared.head.writeUInt32LE(0xffff_ffff, recordLayout.payloadBytesAt);
  sealRecord(prepared, seed);
  expect(decoded(Buffer.concat([prepared.head, prepared.stored]))).toBeUndefined();
});

test.for([
  ["a version that is not its segment's", recordLayout.versionAt, 2],
  ["an unknown signal", recordLayout.signalAt, 9],
  ["a sequence beyond exact numbers", recordLayout.sequenceAt + 7, 0xff],
  ["a text that ends behind the metadata", recordHeaderBytes, 0xff],
] as const)("a record with %s is not read, though its checksums are right", ([, offset, value]) => {
  const prepared = prepareRecord(makeRecord("x"), 1, 0, false);
  prepared.head[offset] = value;
  sealRecord(prepared, seed);
  expect(decoded(Buffer.concat([prepared.head, prepared.stored]))).toBeUndefined();
});

test.for([
  ["metadata", makeRecord("x", { forwardedHeaders: [["h", "v".repeat(140_000)]] })],
  ["a name", makeRecord("x", { exporter: "e".repeat(70_000) })],
  ["a payload", makeRecord("", { payload: Buffer.alloc(payloadBytesMax + 1) })],
] as const)("%s beyond what the format can hold is refused", ([, record]) => {
  expect(() => prepareRecord(record, 1, 0, false)).toThrow(
    expect.objectContaining({ code: "wal_invalid_record" }),
  );
});

test.for([0, 10, 19, 23])("a header of %i bytes is damaged", (length) => {
  expect(decodeSegmentHeader(encodeSegmentHeader(identity, "").subarray(0, length))).toEqual({
    kind: "damaged",
  });
});

test("a version is believed only with its checksum", () => {
  const header = encodeSegmentHeader(identity, "a:4317");
  header.writeUInt16LE(2, segmentLayout.versionAt);
  expect(decodeSegmentHeader(header)).toEqual({ kind: "damaged" });
  header.writeUInt32LE(crc32(header.subarray(0, segmentLayout.preambleCrcAt)), segmentLayout.preambleCrcAt);
  expect(decodeSegmentHeader(header)).toEqual({ kind: "newer", version: 2 });
});

test("file names sort as their numbers do, and are read back", () => {
  const names = [1, 255, 256, 2 ** 40].map((number) => segmentFileName({ number, identity }));
  expect(names[0]).toBe("0000000000000001-00112233445566ff.wal");
  expect([...names].sort()).toEqual(names);
  expect(parseSegmentFileName(names[3]!)).toEqual({ number: 2 ** 40, identity });
});

test.for([
  "notes.txt",
  "0000000000000001-00112233445566ff.wal.broken",
  "ffffffffffffffff-00112233445566ff.wal",
])("%s is no segment", (fileName) => {
  expect(parseSegmentFileName(fileName)).toBeUndefined();
});
