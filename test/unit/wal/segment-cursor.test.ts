import { expect, test } from "vitest";
import type { DiskFile } from "../../../src/wal/disk.ts";
import { checksumSeed, recordHeaderBytes, recordLayout } from "../../../src/wal/format.ts";
import { prepareRecord, sealRecord } from "../../../src/wal/record-codec.ts";
import { type CursorStep, SegmentCursor } from "../../../src/wal/segment-cursor.ts";
import { encodeSegmentHeader } from "../../../src/wal/segment-header.ts";
import { seededRandom } from "../../support/simulated-disk.ts";
import { makeRecord, newDisk, openLog, readNames, segmentsDirectory } from "../../support/wal.ts";

const identity = Buffer.from("0123456789abcdef", "hex");
const seed = checksumSeed(identity);

function encoded(payload: Buffer, sequence = 1, ofSeed = seed): Buffer {
  const prepared = prepareRecord(makeRecord("", { payload }), sequence, 0, false);
  sealRecord(prepared, ofSeed);
  return Buffer.concat([prepared.head, prepared.stored]);
}

/** A file of these bytes that notes how many are read. */
function fileOf(bytes: Buffer): { readonly file: DiskFile; readBytes: number } {
  const counting = {
    readBytes: 0,
    file: {
      read: async (target: Buffer, position: number) => {
        const length = bytes.copy(target, 0, position);
        counting.readBytes += length;
        return length;
      },
    } as unknown as DiskFile,
  };
  return counting;
}

async function stepsOf(bytes: Buffer, windowBytes?: number): Promise<Exclude<CursorStep, { kind: "end" }>[]> {
  const cursor = new SegmentCursor(
    fileOf(bytes).file,
    seed,
    { offset: 0, endOffset: bytes.length },
    windowBytes,
  );
  const steps: Exclude<CursorStep, { kind: "end" }>[] = [];
  for (let step = await cursor.next(); step.kind !== "end"; step = await cursor.next()) steps.push(step);
  return steps;
}

async function payloadsOf(bytes: Buffer, windowBytes?: number): Promise<string[]> {
  const steps = await stepsOf(bytes, windowBytes);
  return steps.flatMap((step) => (step.kind === "record" ? [step.record.payload.toString()] : []));
}

const three = ["first", "second", "third"].map((payload, n) => encoded(Buffer.from(payload), n + 1));
const segment = Buffer.concat(three);
const endsOf = three.map((_, n) => Buffer.concat(three.slice(0, n + 1)).length);

test("every truncation of three records leaves the whole ones", async () => {
  for (let length = 0; length <= segment.length; length += 1) {
    const whole = endsOf.filter((end) => end <= length).length;
    expect(await payloadsOf(segment.subarray(0, length))).toEqual(
      ["first", "second", "third"].slice(0, whole),
    );
  }
});

test("every single bit that flips costs the record that it is in, and no other", async () => {
  for (let bit = 0; bit < segment.length * 8; bit += 1) {
    const flipped = Buffer.from(segment);
    flipped[bit >>> 3]! ^= 1 << (bit & 7);
    const hit = endsOf.findIndex((end) => bit >>> 3 < end);
    const intact = ["first", "second", "third"].filter((_, n) => n !== hit);
    expect(await payloadsOf(flipped)).toEqual(intact);
  }
});

test("every truncation and every flipped bit of a whole file, header and all, recovers what is intact", async () => {
  const original = newDisk();
  const log = await openLog(original);
  // Of equal length, so that their ends can be computed.
  const stored = ["aaa", "bbb", "ccc"];
  for (const name of stored) await log.append("a:4317", [makeRecord(name)]);
  const path = `${segmentsDirectory}/${original.fileNames(segmentsDirectory)[0]}`;
  const { length } = original.contentOf(path);
  const headerBytes = encodeSegmentHeader(identity, "a:4317").length;
  const recover = async (alter: (content: Buffer) => Buffer): Promise<string[]> => {
    const disk = original.crashImage(seededRandom(1));
    disk.alterFile(path, alter);
    const damaged = await openLog(disk);
    // Where the header is damaged the records wait in the shared chain, and name their destination themselves.
    return [...(await readNames(damaged)), ...(await readNames(damaged, ""))];
  };
  for (let size = 0; size < length; size += 1) {
    const names = await recover((content) => content.subarray(0, size));
    const whole = Math.max(Math.floor((size - headerBytes) / ((length - headerBytes) / 3)), 0);
    expect(names).toEqual(stored.slice(0, whole));
  }
  for (let offset = 0; offset < length; offset += 1) {
    const names = await recover((content) => {
      content[offset]! ^= 1 << (offset & 7);
      return content;
    });
    expect(names).toHaveLength(offset < headerBytes ? 3 : 2);
  }
});

test("W6 a length is believed only with its checksum, and never above its bound", async () => {
  const huge = Buffer.from(three[0]!);
  huge.writeUInt32LE(0xffff_ffff, recordLayout.storedBytesAt);
  const { file } = fileOf(huge);
  const cursor = new SegmentCursor(file, seed, { offset: 0, endOffset: huge.length });
  expect(await cursor.next()).toEqual({ kind: "damaged", offset: 0, endOffset: huge.length });
});

test("a payload that looks like records, of another segment or none, is never taken for one", async () => {
  const forged = encoded(Buffer.from("forged"), 7, checksumSeed(Buffer.alloc(8)));
  const outer = encoded(forged);
  outer[recordLayout.sequenceAt]! ^= 1;
  expect(await payloadsOf(Buffer.concat([outer, three[0]!]))).toEqual(["first"]);
});

test("records that are larger than the window, or cross its end, are read whole", async () => {
  const payloads = [10, 1000, 64, 3000, 1].map((size, n) => `${n}`.repeat(size));
  const bytes = Buffer.concat(payloads.map((payload) => encoded(Buffer.from(payload))));
  for (const windowBytes of [recordHeaderBytes, 100, 1024]) {
    expect(await payloadsOf(bytes, windowBytes)).toEqual(payloads);
  }
});

test("damage of any length is searched through once, however many bytes look like a beginning", async () => {
  const magic = three[0]!.subarray(0, 4);
  const damage = Buffer.alloc(200_000);
  for (let at = 0; at < damage.length; at += 4) magic.copy(damage, at);
  const bytes = Buffer.concat([damage, segment]);
  const counting = fileOf(bytes);
  const cursor = new SegmentCursor(counting.file, seed, { offset: 0, endOffset: bytes.length }, 4096);
  expect(await cursor.next()).toEqual({ kind: "damaged", offset: 0, endOffset: damage.length });
  expect(await cursor.next()).toMatchObject({ kind: "record" });
  expect(counting.readBytes).toBeLessThan(bytes.length * 1.1);
});
