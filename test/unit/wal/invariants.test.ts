/** W1 to W19: what must hold of the log whatever happens, one test or more each. */

import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import { segmentLayout } from "../../../src/wal/format.ts";
import {
  type DiskOperation,
  type SimulatedDisk,
  seededRandom,
  systemError,
} from "../../support/simulated-disk.ts";
import {
  ledgerDirectory,
  makeRecord,
  metricValue,
  newDisk,
  openLog,
  readAll,
  readNames,
  segmentsDirectory,
} from "../../support/wal.ts";

const chain = "a:4317";

function segmentPaths(disk: SimulatedDisk): string[] {
  return disk
    .fileNames(segmentsDirectory)
    .filter((name) => name.endsWith(".wal"))
    .map((name) => `${segmentsDirectory}/${name}`);
}

/** Lets `operation` fail `times` times. */
function failing(disk: SimulatedDisk, operation: DiskOperation, code: string, times = 1): void {
  let left = times;
  disk.onOperation = (actual, path) => {
    if (actual !== operation || left === 0) return;
    left -= 1;
    throw systemError(code, path);
  };
}

async function logOf(disk: SimulatedDisk, ...names: string[]): Promise<void> {
  const log = await openLog(disk);
  for (const name of names) await log.append(chain, [makeRecord(name)]);
  await log.close();
}

/** Where the records of the first segment begin. */
async function recordOffsets(disk: SimulatedDisk): Promise<number[]> {
  const log = await openLog(disk.crashImage(seededRandom(1)));
  const reader = log.read(chain);
  const offsets: number[] = [];
  for (let read = await reader.next(); read !== undefined; read = await reader.next()) {
    offsets.push(read.handle.offset);
  }
  return offsets;
}

function flip(disk: SimulatedDisk, path: string, offset: number): void {
  disk.alterFile(path, (content) => {
    content[offset]! ^= 1;
    return content;
  });
}

test("W1 an append is answered only when a sync has covered it", async () => {
  const disk = newDisk();
  const log = await openLog(disk);
  const events: string[] = [];
  disk.onOperation = (operation) => events.push(operation);
  await log.append(chain, [makeRecord("x")]).then(() => events.push("answered"));
  expect(events.indexOf("sync")).toBeGreaterThan(events.indexOf("write"));
  expect(events.indexOf("answered")).toBeGreaterThan(events.indexOf("sync"));
});

test("W2 one sync covers all appends that waited for it", async () => {
  const disk = newDisk();
  const log = await openLog(disk);
  await log.append(chain, [makeRecord("first")]);
  let syncs = 0;
  disk.onOperation = (operation) => {
    if (operation === "sync") syncs += 1;
  };
  const names = Array.from({ length: 100 }, (_, n) => `${n}`);
  await Promise.all(names.map((name) => log.append(chain, [makeRecord(name)])));
  expect(syncs).toBe(1);
  expect(await readNames(log)).toEqual(["first", ...names]);
});

test.for([0, 1, 30, 70])(
  "W3 a write that ends after %i bytes is no success, and leaves nothing",
  async (bytes) => {
    const disk = newDisk();
    const log = await openLog(disk);
    await log.append(chain, [makeRecord("before")]);
    disk.nextWriteBytesMax = bytes;
    await expect(log.append(chain, [makeRecord("short")])).rejects.toMatchObject({ code: "wal_full" });
    await log.checkSpace();
    await log.append(chain, [makeRecord("after")]);
    expect(await readNames(log)).toEqual(["before", "after"]);
    expect(await readNames(await openLog(disk.crashImage(seededRandom(3))))).toEqual(["before", "after"]);
  },
);

test("W4 after a sync that failed the append is written anew, to another file", async () => {
  const disk = newDisk();
  const log = await openLog(disk);
  await log.append(chain, [makeRecord("before")]);
  failing(disk, "sync", "EIO");
  await log.append(chain, [makeRecord("again")]);
  expect(segmentPaths(disk)).toHaveLength(2);
  for (let seed = 0; seed < 50; seed += 1) {
    const names = await readNames(await openLog(disk.crashImage(seededRandom(seed))));
    expect([...new Set(names)]).toEqual(["before", "again"]);
  }
});

test("W4 an append whose second sync fails too is refused", async () => {
  const disk = newDisk();
  const log = await openLog(disk);
  failing(disk, "sync", "EIO", 2);
  await expect(log.append(chain, [makeRecord("x")])).rejects.toMatchObject({ code: "wal_io" });
  await log.append(chain, [makeRecord("y")]);
  expect(await readNames(log)).toEqual(["y"]);
});

test("W4 no false OK, whichever of the first 200 syncs fails", async () => {
  for (let failingSync = 1; failingSync <= 200; failingSync += 1) {
    const disk = newDisk(failingSync);
    let syncs = 0;
    disk.onOperation = (operation, path) => {
      if (operation !== "sync" && operation !== "syncDirectory") return;
      syncs += 1;
      if (syncs === failingSync) throw systemError("EIO", path);
    };
    const log = await openLog(disk, { segmentBytesMax: 2000 }).catch(() => openLog(disk));
    const promised: string[] = [];
    for (let n = 0; n < 200; n += 1) {
      const name = `${n}`;
      await log.append(chain, [makeRecord(name)]).then(
        () => promised.push(name),
        () => undefined,
      );
    }
    const found = await readNames(await openLog(disk.crashImage(seededRandom(failingSync))));
    expect(found).toEqual(expect.arrayContaining(promised));
    expect(syncs).toBeGreaterThan(failingSync - 1);
  }
});

test("W5 the name of a new file is durable before its first append is answered", async () => {
  const disk = newDisk();
  const log = await openLog(disk);
  const synced: string[] = [];
  disk.onOperation = (operation, path) => {
    if (operation === "syncDirectory") synced.push(path);
  };
  await log.append(chain, [makeRecord("x")]);
  expect(synced).toEqual([segmentsDirectory]);
});

test("W5 when the directory's sync fails the append goes to another file", async () => {
  const disk = newDisk();
  const log = await openLog(disk);
  failing(disk, "syncDirectory", "EIO");
  await log.append(chain, [makeRecord("x")]);
  const image = disk.crashImage(seededRandom(1));
  expect(await readNames(await openLog(image))).toContain("x");
});

test("W7 an unfinished write is cut off and kept beside the file", async () => {
  const disk = newDisk();
  await logOf(disk, "x", "y");
  disk.loseLedger(ledgerDirectory);
  const [path] = segmentPaths(disk);
  const torn = Buffer.from("half a record");
  disk.alterFile(path!, (content) => Buffer.concat([content, torn]));
  const metrics = new MetricRegistry();
  expect(await readNames(await openLog(disk, {}, metrics))).toEqual(["x", "y"]);
  expect(disk.contentOf(`${path}.broken`)).toEqual(torn);
  expect(disk.contentOf(path!).includes(torn)).toBe(false);
  expect(metricValue(metrics, "otlpring_wal_torn_tails_total")).toBe(1);
});

test("W8 a damaged record costs itself; later ones are kept, and it is counted", async () => {
  const disk = newDisk();
  await logOf(disk, "x", "y", "z");
  const [path] = segmentPaths(disk);
  const [, second] = await recordOffsets(disk);
  flip(disk, path!, second! + 70);
  const metrics = new MetricRegistry();
  const log = await openLog(disk, {}, metrics);
  expect(await readNames(log)).toEqual(["x", "z"]);
  expect(metricValue(metrics, "otlpring_wal_corrupt_records_total")).toBe(1);
  // Once only: what cannot be read is done.
  expect(await readNames(log)).toEqual(["x", "z"]);
  expect(metricValue(metrics, "otlpring_wal_corrupt_records_total")).toBe(1);
});

test("W8 the items of a damaged record are counted as lost when all others are done", async () => {
  const disk = newDisk();
  await logOf(disk, "x", "y", "z");
  const [path] = segmentPaths(disk);
  const [, second] = await recordOffsets(disk);
  flip(disk, path!, second! + 70);
  const metrics = new MetricRegistry();
  const log = await openLog(disk, {}, metrics);
  const reader = log.read(chain);
  for (let read = await reader.next(); read !== undefined; read = await reader.next())
    log.markDone([read.handle]);
  expect(metricValue(metrics, "otlpring_wal_replayed_items_total")).toBe(2);
  expect(metricValue(metrics, "otlpring_wal_dropped_items_total", "corrupt")).toBe(1);
  expect(metricValue(metrics, "otlpring_wal_items")).toBe(0);
});

test("W9 a recovery that is killed anywhere is begun again", async () => {
  const disk = newDisk();
  await logOf(disk, "x", "y");
  disk.loseLedger(ledgerDirectory);
  disk.alterFile(segmentPaths(disk)[0]!, (content) => Buffer.concat([content, Buffer.alloc(100, 7)]));
  const images: SimulatedDisk[] = [];
  disk.onOperation = () => images.push(disk.crashImage(seededRandom(images.length)));
  await openLog(disk);
  expect(images.length).toBeGreaterThan(5);
  for (const image of images) expect(await readNames(await openLog(image))).toEqual(["x", "y"]);
});

test("W10 a file that is missing blocks neither the start nor the others", async () => {
  const disk = newDisk();
  const log = await openLog(disk, { segmentBytesMax: 1 });
  for (const name of ["x", "y", "z"]) await log.append(chain, [makeRecord(name)]);
  await log.close();
  disk.alterFile(segmentPaths(disk)[1]!, () => undefined);
  expect(await readNames(await openLog(disk))).toEqual(["x", "z"]);
});

test("W10 a file that goes missing while the log is open is counted and passed", async () => {
  const disk = newDisk();
  const metrics = new MetricRegistry();
  const log = await openLog(disk, { segmentBytesMax: 1 }, metrics);
  for (const name of ["x", "y", "z"]) await log.append(chain, [makeRecord(name)]);
  disk.alterFile(segmentPaths(disk)[1]!, () => undefined);
  expect(await readNames(log)).toEqual(["x", "z"]);
  expect(metricValue(metrics, "otlpring_wal_dropped_items_total", "missing")).toBe(1);
});

test("W10 files of others are left alone, and names are used again", async () => {
  const disk = newDisk();
  await logOf(disk, "x");
  const [path] = segmentPaths(disk);
  const stranger = await disk.createFile(`${segmentsDirectory}/notes.txt`);
  await stranger.close();
  // The same number as a file that is there, as a restored copy would have.
  const content = Buffer.from(disk.contentOf(path!));
  const copy = await disk.createFile(path!.replace(/-.*/, "-0000000000000000.wal"));
  await copy.write([content], 0);
  await copy.close();
  const log = await openLog(disk);
  await log.append(chain, [makeRecord("y")]);
  expect(await readNames(log)).toEqual(["x", "x", "y"]);
  expect(disk.fileNames(segmentsDirectory)).toContain("notes.txt");
});

test("W11 a full disk is freed by finishing what is on it", async () => {
  const disk = newDisk();
  const log = await openLog(disk, { segmentBytesMax: 200 });
  const handles = [];
  for (const name of ["x", "y", "z"]) handles.push(...(await log.append(chain, [makeRecord(name)])));
  disk.capacityBytes = disk.usedBytes;
  await expect(log.append(chain, [makeRecord("refused")])).rejects.toMatchObject({ code: "wal_full" });
  expect(log.state).toMatchObject({ kind: "full", reason: "low_space" });
  log.markDone(handles);
  await log.close();
  expect(disk.usedBytes).toBe(0);
});

test("W11 100 times full and free again loses nothing", async () => {
  const disk = newDisk();
  const log = await openLog(disk, { segmentBytesMax: 500 });
  disk.capacityBytes = 2000;
  let refused = 0;
  for (let cycle = 0; cycle < 100; cycle += 1) {
    const promised: string[] = [];
    for (let n = 0; log.state.kind === "ok"; n += 1) {
      const name = `${cycle}/${n}`;
      await log.append(chain, [makeRecord(name)]).then(
        () => promised.push(name),
        () => {
          refused += 1;
        },
      );
    }
    const reader = log.read(chain);
    const found: string[] = [];
    for (let read = await reader.next(); read !== undefined; read = await reader.next()) {
      found.push(read.record.payload.toString());
      log.markDone([read.handle]);
    }
    expect(found).toEqual(promised);
    await expect.poll(() => disk.usedBytes).toBe(0);
    await log.checkSpace();
  }
  expect(refused).toBe(100);
});

test("W11 what is done while its file is being written to is deleted when that ends", async () => {
  const disk = newDisk();
  const log = await openLog(disk);
  const first = await log.append(chain, [makeRecord("x")]);
  const second = log.append(chain, [makeRecord("y")]);
  log.markDone(first);
  log.markDone(await second);
  await expect.poll(() => segmentPaths(disk)).toEqual([]);
  expect(log.chains()).toEqual([]);
});

test("W12 max_size holds for everything, and room comes back", async () => {
  const disk = newDisk();
  const log = await openLog(disk, { maxBytes: 4 * 1024 * 1024 + 1000 });
  const states: string[] = [];
  log.onStateChange(({ kind }) => states.push(kind));
  const [handle] = await log.append(chain, [makeRecord("x".repeat(400))]);
  expect(log.reserve(700)).toBeUndefined();
  expect(log.state).toMatchObject({ kind: "full", reason: "max_size" });
  await expect(log.append(chain, [makeRecord("y".repeat(900))])).rejects.toMatchObject({ code: "wal_full" });
  log.markDone([handle!]);
  expect(log.state.kind).toBe("ok");
  expect(log.reserve(700)?.remainingBytes).toBe(700);
  expect(states).toEqual(["full", "ok"]);
});

test("W12 a log opens on a full disk, an unfinished write in it or not", async () => {
  const disk = newDisk();
  await logOf(disk, "x", "y");
  disk.loseLedger(ledgerDirectory);
  disk.alterFile(segmentPaths(disk)[0]!, (content) => Buffer.concat([content, Buffer.alloc(50)]));
  disk.capacityBytes = disk.usedBytes;
  const log = await openLog(disk);
  expect(await readNames(log)).toEqual(["x", "y"]);
  expect(log.state).toEqual({ kind: "ok" });
  await expect(log.append(chain, [makeRecord("z")])).rejects.toMatchObject({ code: "wal_full" });
});

test("W12 nothing is taken below the watermark of the volume", async () => {
  const disk = newDisk();
  disk.capacityBytes = 10_000;
  const log = await openLog(disk, { freeBytesMin: 20_000 });
  expect(log.state).toMatchObject({ kind: "full", reason: "low_space" });
  expect(log.reserve(1)).toBeUndefined();
  disk.capacityBytes = 21_000;
  await log.checkSpace();
  expect(log.state.kind).toBe("full");
  disk.capacityBytes = 30_000;
  await log.checkSpace();
  expect(log.state.kind).toBe("ok");
});

test("W12 the oldest is dropped only where that was asked for, and counted", async () => {
  const disk = newDisk();
  const metrics = new MetricRegistry();
  const limits = { maxBytes: 4 * 1024 * 1024 + 1500, segmentBytesMax: 400 };
  const log = await openLog(disk, { ...limits, onFull: "drop_oldest" }, metrics);
  for (let n = 0; n < 10; n += 1) await log.append(chain, [makeRecord(`${n}`.padEnd(300))]);
  const names = (await readNames(log)).map((name) => name.trim());
  expect(names.at(-1)).toBe("9");
  expect(names).not.toContain("0");
  expect(metricValue(metrics, "otlpring_wal_dropped_items_total", "drop_oldest")).toBe(10 - names.length);
  expect(metricValue(metrics, "otlpring_wal_items")).toBe(names.length);
});

test("W13 a second log on the same directory is refused", async () => {
  const disk = newDisk();
  const log = await openLog(disk);
  await expect(openLog(disk)).rejects.toMatchObject({ code: "wal_in_use" });
  await log.close();
  await (await openLog(disk)).close();
});

test("W13 the chains of a worker that is gone are adopted, with what was done of them", async () => {
  const disk = newDisk();
  const gone = await openLog(disk, { worker: "1", segmentBytesMax: 200 });
  const handles = [];
  for (const name of ["x", "y", "z"]) handles.push(...(await gone.append(chain, [makeRecord(name)])));
  const log = await openLog(disk);
  await log.append(chain, [makeRecord("own")]);
  expect(await log.otherWorkers()).toEqual(["1"]);
  await expect(log.adopt("1")).rejects.toMatchObject({ code: "wal_in_use" });
  gone.markDone([handles[1]!]);
  await gone.close();
  expect(await log.adopt("1")).toBe(2);
  await log.append(chain, [makeRecord("newer")]);
  expect(await readNames(log)).toEqual(["own", "x", "z", "newer"]);
  expect(await log.adopt("1")).toBe(0);
});

test("W13 an adoption that is cut short anywhere loses nothing", async () => {
  const disk = newDisk();
  const gone = await openLog(disk, { worker: "1", segmentBytesMax: 1 });
  for (const name of ["x", "y", "z"]) await gone.append(chain, [makeRecord(name)]);
  await gone.close();
  const log = await openLog(disk);
  const images: SimulatedDisk[] = [];
  disk.onOperation = () => images.push(disk.crashImage(seededRandom(images.length)));
  await log.adopt("1");
  expect(images.length).toBeGreaterThanOrEqual(5);
  for (const image of images) {
    const survivor = await openLog(image);
    await survivor.adopt("1");
    expect((await readNames(survivor)).sort()).toEqual(["x", "y", "z"]);
  }
});

test("W14 a start reads what a crash left open, not the backlog", async () => {
  const disk = newDisk();
  const log = await openLog(disk, { segmentBytesMax: 10_000 });
  for (let n = 0; n < 50; n += 1)
    await log.append(chain, [makeRecord(`${n}`.padEnd(3000), { itemCount: 3 })]);
  await log.close();
  let readBytes = 0;
  disk.onRead = (sizeBytes) => {
    readBytes += sizeBytes;
  };
  const metrics = new MetricRegistry();
  await openLog(disk, {}, metrics);
  expect(metricValue(metrics, "otlpring_wal_recovered_items_total")).toBe(150);
  expect(readBytes).toBeLessThan(50 * 3000);
});

test("W15 what is copied elsewhere is unlinked when the copy is durable, and not before", async () => {
  const disk = newDisk();
  const log = await openLog(disk);
  await log.append(chain, [makeRecord("x")]);
  await log.append("b:4317", [makeRecord("other")]);
  const images: SimulatedDisk[] = [];
  disk.onOperation = () => images.push(disk.crashImage(seededRandom(images.length)));
  const read = await log.read(chain).next();
  await log.append("b:4317", [read!.record]);
  log.markDone([read!.handle]);
  await log.close();
  expect(images.length).toBeGreaterThan(2);
  for (const image of [...images, disk]) {
    const survivor = await openLog(image);
    const names = [...(await readNames(survivor)), ...(await readNames(survivor, "b:4317"))];
    expect(names).toContain("x");
  }
});

test("W16 a record that is done is passed, whatever became of those before it", async () => {
  const disk = newDisk();
  const log = await openLog(disk);
  const handles = await log.append(chain, [makeRecord("x"), makeRecord("poison"), makeRecord("z")]);
  log.markDone([handles[1]!]);
  expect(await readNames(log)).toEqual(["x", "z"]);
  await log.close();
  expect(await readNames(await openLog(disk))).toEqual(["x", "z"]);
});

test("W17 records come in the order of their appends, whatever the wall clock does", async () => {
  const disk = newDisk();
  const names = ["x", "y", "z"];
  const clock = [3_000_000, 2_000_000, 1_000_000];
  const now = Date.now;
  try {
    for (const [n, name] of names.entries()) {
      Date.now = () => clock[n]!;
      await logOf(disk, name);
    }
  } finally {
    Date.now = now;
  }
  const records = await readAll(await openLog(disk), chain);
  expect(records.map(({ payload }) => payload.toString())).toEqual(names);
  expect(records.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  expect(records.map(({ writtenAtMs }) => writtenAtMs)).toEqual(clock);
});

test("W19 a newer format is refused and left as it is", async () => {
  const disk = newDisk();
  await logOf(disk, "x");
  const [path] = segmentPaths(disk);
  disk.alterFile(path!, (content) => {
    content.writeUInt16LE(2, segmentLayout.versionAt);
    const crc = crc32(content.subarray(0, segmentLayout.preambleCrcAt));
    content.writeUInt32LE(crc, segmentLayout.preambleCrcAt);
    return content;
  });
  const before = Buffer.from(disk.contentOf(path!));
  await expect(openLog(disk)).rejects.toMatchObject({ code: "wal_newer_format" });
  await expect(openLog(disk)).rejects.toThrow(/has format 2, this release knows 1/);
  expect(disk.contentOf(path!)).toEqual(before);
  expect(segmentPaths(disk)).toEqual([path]);
});
