/** The log on the operating system's disk, with LevelDB as its ledger. */
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import { openLevelStore } from "../../../src/wal/level-store.ts";
import { nodeDisk } from "../../../src/wal/node-disk.ts";
import { WriteAheadLog } from "../../../src/wal/write-ahead-log.ts";
import { makeRecord, metricValue, readNames } from "../../support/wal.ts";

const chain = "a:4317";
let directory: string;
const opened: WriteAheadLog[] = [];

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), "otlp-ring-wal-")), "log");
});

afterEach(async () => {
  for (const log of opened.splice(0)) await log.close();
  await rm(join(directory, ".."), { recursive: true });
});

async function open(worker = "0", metrics = new MetricRegistry()): Promise<WriteAheadLog> {
  const log = await WriteAheadLog.open(
    { directory, worker, maxBytes: 1e9, freeBytesMin: 0 },
    { disk: nodeDisk, openLedgerStore: openLevelStore, metrics, logger: silentLogger },
  );
  opened.push(log);
  return log;
}

async function segmentPaths(): Promise<string[]> {
  const segments = join(directory, "0", "segments");
  return (await readdir(segments)).sort().map((name) => join(segments, name));
}

test("records survive a restart, those that are done do not", async () => {
  const log = await open();
  const [first] = await log.append(chain, [makeRecord("x"), makeRecord("y")]);
  await log.append("b:4317", [makeRecord("other")]);
  log.markDone([first!]);
  await log.close();
  const again = await open();
  expect(await readNames(again)).toEqual(["y"]);
  expect(await readNames(again, "b:4317")).toEqual(["other"]);
});

test("many appends at the same time, of more buffers than one call takes, come back in order", async () => {
  const log = await open();
  const names = Array.from({ length: 2000 }, (_, n) => `${n}`);
  await Promise.all(names.map((name) => log.append(chain, [makeRecord(name)])));
  expect(await readNames(log)).toEqual(names);
});

test("a chain that is done leaves no file", async () => {
  const log = await open();
  log.markDone(await log.append(chain, [makeRecord("x"), makeRecord("y")]));
  await expect.poll(segmentPaths).toEqual([]);
  await log.append(chain, [makeRecord("z")]);
  expect(await readNames(log)).toEqual(["z"]);
});

test("a reader that waits hears of the next append", async () => {
  const log = await open();
  const reader = log.read(chain);
  expect(await reader.next()).toBeUndefined();
  const readable = reader.whenReadable();
  await log.append(chain, [makeRecord("x")]);
  await readable;
  expect((await reader.next())?.record.payload.toString()).toBe("x");
});

test("W13 LevelDB's lock keeps a second log out, and names the directory", async () => {
  await open();
  await expect(open()).rejects.toMatchObject({ code: "wal_in_use" });
  await expect(open()).rejects.toThrow(join(directory, "0"));
});

test("W13 the chains of a worker that is gone are adopted, with what was done of them", async () => {
  const gone = await open("1");
  const [first] = await gone.append(chain, [makeRecord("x"), makeRecord("y")]);
  gone.markDone([first!]);
  const log = await open();
  await expect(log.adopt("1")).rejects.toMatchObject({ code: "wal_in_use" });
  await gone.close();
  expect(await log.adopt("1")).toBe(1);
  expect(await readNames(log)).toEqual(["y"]);
  await log.close();
  expect(await readNames(await open())).toEqual(["y"]);
});

test("W18 files are the owner's alone", async () => {
  const log = await open();
  await log.append(chain, [makeRecord("x")]);
  for (const path of await segmentPaths()) expect((await stat(path)).mode & 0o777).toBe(0o600);
  for (const path of [
    directory,
    join(directory, "0"),
    join(directory, "0", "segments"),
    join(directory, "0", "ledger"),
  ]) {
    expect((await stat(path)).mode & 0o777).toBe(0o700);
  }
});

test("a ledger that is damaged or gone costs repetitions, and no record", async () => {
  const log = await open();
  const handles = await log.append(chain, [makeRecord("x"), makeRecord("y")]);
  log.markDone([handles[0]!]);
  await log.close();
  const ledger = join(directory, "0", "ledger");
  for (const name of await readdir(ledger)) await writeFile(join(ledger, name), "no database");
  const repaired = await open();
  expect(await readNames(repaired)).toEqual(["x", "y"]);
  await repaired.close();
  await rm(ledger, { recursive: true });
  expect(await readNames(await open())).toEqual(["x", "y"]);
});

test("W7 a file that ends in an unfinished write is cut, with a copy", async () => {
  const log = await open();
  await log.append(chain, [makeRecord("x"), makeRecord("y")]);
  await log.close();
  const [path] = await segmentPaths();
  const { size } = await stat(path!);
  await truncate(path!, size - 3);
  const metrics = new MetricRegistry();
  expect(await readNames(await open("0", metrics))).toEqual(["x"]);
  expect(metricValue(metrics, "otlpring_wal_torn_tails_total")).toBe(1);
  const keptBytes = (await stat(path!)).size;
  expect(keptBytes).toBeLessThan(size - 3);
  expect((await readFile(`${path}.broken`)).length).toBe(size - 3 - keptBytes);
});

test("a directory that cannot be used is an error that names it", async () => {
  const file = join(directory, "..", "file");
  await writeFile(file, "");
  await expect(
    WriteAheadLog.open(
      { directory: file, worker: "0", maxBytes: 1e9 },
      {
        disk: nodeDisk,
        openLedgerStore: openLevelStore,
        metrics: new MetricRegistry(),
        logger: silentLogger,
      },
    ),
  ).rejects.toMatchObject({ code: "wal_io", message: expect.stringContaining(file) });
});

test.for(["", "..", "a/b", "x".repeat(65)])("'%s' is no worker's name", async (worker) => {
  await expect(open(worker)).rejects.toMatchObject({ code: "wal_invalid_record" });
});
