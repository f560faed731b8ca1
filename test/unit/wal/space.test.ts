import { expect, test } from "vitest";
import { ledgerAllowanceBytes, Space } from "../../../src/wal/space.ts";
import { makeRecord, newDisk, openLog } from "../../support/wal.ts";

const maxBytes = ledgerAllowanceBytes + 1000;

test("a reservation is all or nothing, and what remains of it is given back once", () => {
  const space = new Space({ maxBytes, freeBytesMin: 0 });
  const first = space.reserve(700)!;
  expect(space.reserve(301)).toBeUndefined();
  expect(first.take(701)).toBeUndefined();
  const part = first.take(300)!;
  expect(first.remainingBytes).toBe(400);
  first.release();
  first.release();
  expect(space.reservedBytes).toBe(300);
  part.release();
  expect(space.reservedBytes).toBe(0);
});

test("bytes that are reserved become bytes that are used, and nothing else", async () => {
  const log = await openLog(newDisk(), { maxBytes });
  const record = makeRecord("x".repeat(200));
  const reservation = log.reserve(3 * log.sizeOf(record))!;
  await log.append("a:4317", [record, record], reservation);
  expect(reservation.remainingBytes).toBe(log.sizeOf(record));
  reservation.release();
  // Of 1,000 bytes two records and a header are taken.
  expect(log.bytesOf("a:4317")).toBeLessThan(2 * log.sizeOf(record));
  const rest = 1000 - log.bytesOf("a:4317");
  expect(log.reserve(rest + 1)).toBeUndefined();
  expect(log.reserve(rest)?.remainingBytes).toBe(rest);
});

test("an append that fails gives its room back", async () => {
  const disk = newDisk();
  const log = await openLog(disk, { maxBytes });
  const record = makeRecord("x".repeat(200));
  const reservation = log.reserve(log.sizeOf(record))!;
  disk.capacityBytes = 0;
  await expect(log.append("a:4317", [record], reservation)).rejects.toMatchObject({ code: "wal_full" });
  disk.capacityBytes = 1e9;
  await log.checkSpace();
  expect(log.reserve(1000)?.remainingBytes).toBe(1000);
});

test("what could never fit drops nothing", async () => {
  const log = await openLog(newDisk(), { maxBytes, onFull: "drop_oldest" });
  await log.append("a:4317", [makeRecord("x")]);
  expect(log.reserve(2000)).toBeUndefined();
  expect(log.chains()).toHaveLength(1);
});

test("a log that is closed takes nothing, and marking is over", async () => {
  const log = await openLog(newDisk());
  const handles = await log.append("a:4317", [makeRecord("x")]);
  await log.close();
  await log.close();
  log.markDone(handles);
  await expect(log.append("a:4317", [makeRecord("y")])).rejects.toMatchObject({ code: "wal_closed" });
});
