import { expect, test } from "vitest";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import type { LedgerStore, OpenLedgerStore } from "../../../src/wal/ledger-store.ts";
import { WriteAheadLog } from "../../../src/wal/write-ahead-log.ts";
import type { SimulatedDisk } from "../../support/simulated-disk.ts";
import { ledgerDirectory, makeRecord, metricValue, newDisk, openLog, readNames } from "../../support/wal.ts";

const chain = "a:4317";

/** A store whose writes fail while `isFailing`. */
function failingStore(disk: SimulatedDisk): { isFailing: boolean; readonly open: OpenLedgerStore } {
  const control = {
    isFailing: false,
    open: async (directory: string): Promise<LedgerStore> => {
      const store = await disk.openLedgerStore(directory);
      return {
        entries: () => store.entries(),
        write: async (changes, sync) => {
          if (control.isFailing) throw new Error("no space left");
          await store.write(changes, sync);
        },
        close: () => store.close(),
      };
    },
  };
  return control;
}

test("marks that could not be written are written with the next", async () => {
  const disk = newDisk();
  const store = failingStore(disk);
  const metrics = new MetricRegistry();
  const log = await WriteAheadLog.open(
    { directory: "/wal", worker: "0", maxBytes: 1e9, freeBytesMin: 0 },
    { disk, openLedgerStore: store.open, metrics, logger: silentLogger },
  );
  const handles = await log.append(
    chain,
    ["x", "y", "z"].map((name) => makeRecord(name)),
  );
  store.isFailing = true;
  log.markDone([handles[0]!]);
  await expect.poll(() => metricValue(metrics, "otlpring_wal_failures_total", "ledger")).toBe(1);
  store.isFailing = false;
  await log.close();
  expect(await readNames(await openLog(disk))).toEqual(["y", "z"]);
});

test.for([
  "",
  "{",
  "[]",
  '{"done":[5,1],"tally":[]}',
  '{"done":[0,99],"tally":[["e","spans",1,1]]}',
  '{"done":"all"}',
])("a mark that says %s is not believed", async (value) => {
  const disk = newDisk();
  const log = await openLog(disk);
  const [handle] = await log.append(chain, [makeRecord("x")]);
  await log.close();
  const store = await disk.openLedgerStore(ledgerDirectory);
  await store.write([{ type: "put", key: `mark/${handle!.segment.id}`, value }], true);
  await store.close();
  expect(await readNames(await openLog(disk))).toEqual(["x"]);
});

test.for(["", "{}", '{"chain":"b","startOffset":0,"endOffset":1e99,"fileBytes":0,"tally":[]}'])(
  "a catalogue entry that says %s is not believed",
  async (value) => {
    const disk = newDisk();
    const log = await openLog(disk);
    const [handle] = await log.append(chain, [makeRecord("x")]);
    await log.close();
    const store = await disk.openLedgerStore(ledgerDirectory);
    await store.write([{ type: "put", key: `segment/${handle!.segment.id}`, value }], true);
    await store.close();
    expect(await readNames(await openLog(disk))).toEqual(["x"]);
  },
);

test("what the ledger knows of files that are gone is forgotten", async () => {
  const disk = newDisk();
  const store = await disk.openLedgerStore(ledgerDirectory);
  await store.write([{ type: "put", key: "mark/0011223344556677", value: '{"done":[],"tally":[]}' }], true);
  await store.close();
  await (await openLog(disk)).close();
  const entries: string[] = [];
  for await (const [key] of (await disk.openLedgerStore(ledgerDirectory)).entries()) entries.push(key);
  expect(entries).toEqual([]);
});

test("the marks of a file are forgotten when it cannot come back, and not before", async () => {
  const disk = newDisk();
  const events: string[] = [];
  const openLedgerStore: OpenLedgerStore = async (directory) => {
    const store = await disk.openLedgerStore(directory);
    return {
      entries: () => store.entries(),
      write: async (changes, sync) => {
        if (changes.some(({ type }) => type === "del")) events.push("forget");
        await store.write(changes, sync);
      },
      close: () => store.close(),
    };
  };
  const log = await WriteAheadLog.open(
    { directory: "/wal", worker: "0", maxBytes: 1e9, freeBytesMin: 0 },
    { disk, openLedgerStore, metrics: new MetricRegistry(), logger: silentLogger },
  );
  const handles = await log.append(chain, [makeRecord("x")]);
  disk.onOperation = (operation) => events.push(operation);
  log.markDone(handles);
  await log.close();
  expect(events).toEqual(["unlink", "syncDirectory", "forget"]);
});
