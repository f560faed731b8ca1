/** Logs on a simulated disk, and records to put into them. */
import { silentLogger } from "../../src/base/logger.ts";
import { MetricRegistry } from "../../src/base/metrics.ts";
import type { LogRecord, StoredRecord } from "../../src/wal/record.ts";
import { WriteAheadLog, type WriteAheadLogOptions } from "../../src/wal/write-ahead-log.ts";
import { SimulatedDisk, seededRandom } from "./simulated-disk.ts";

export const logDirectory = "/wal";
export const segmentsDirectory = "/wal/0/segments";
export const ledgerDirectory = "/wal/0/ledger";

export function newDisk(seed = 1): SimulatedDisk {
  return new SimulatedDisk({ random: seededRandom(seed) });
}

export function openLog(
  disk: SimulatedDisk,
  options: Partial<WriteAheadLogOptions> = {},
  metrics: MetricRegistry = new MetricRegistry(),
): Promise<WriteAheadLog> {
  return WriteAheadLog.open(
    {
      directory: logDirectory,
      worker: "0",
      maxBytes: 1e9,
      freeBytesMin: 0,
      freeSpacePollMs: 3_600_000,
      ...options,
    },
    { disk, openLedgerStore: disk.openLedgerStore, metrics, logger: silentLogger },
  );
}

export function makeRecord(name: string, overrides: Partial<LogRecord> = {}): LogRecord {
  return {
    signal: "traces",
    exporter: "tier2",
    destination: "a:4317",
    forwardedHeaders: [],
    itemCount: 1,
    epoch: 1,
    attempts: 0,
    payload: Buffer.from(name),
    ...overrides,
  };
}

/** Everything that a chain holds and that is not done, in order. */
export async function readAll(log: WriteAheadLog, chain: string): Promise<StoredRecord[]> {
  const reader = log.read(chain);
  await reader.rewind();
  const records: StoredRecord[] = [];
  for (let read = await reader.next(); read !== undefined; read = await reader.next()) {
    records.push(read.record);
  }
  return records;
}

export async function readNames(log: WriteAheadLog, chain = "a:4317"): Promise<string[]> {
  return (await readAll(log, chain)).map(({ payload }) => payload.toString());
}

/** Value of a metric's series, all of them together; of a histogram the observations. */
export function metricValue(metrics: MetricRegistry, name: string, ...labelValues: string[]): number {
  const family = metrics.families().find(({ definition }) => definition.name === name);
  let sum = 0;
  for (const { labelValues: values, instrument } of family?.series ?? []) {
    if (!labelValues.every((value) => values.includes(value))) continue;
    sum += "value" in instrument ? instrument.value : instrument.counts.reduce((a, b) => a + b, 0);
  }
  return sum;
}
