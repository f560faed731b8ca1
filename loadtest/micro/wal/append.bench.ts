/**
 * Appending records of 100 kB on the disk of this machine, each synced before it counts, and reading them back
 * while they are marked done. `WAL_BENCH_DIRECTORY` says where; a tmpfs would measure nothing.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import { openLevelStore } from "../../../src/wal/level-store.ts";
import { nodeDisk } from "../../../src/wal/node-disk.ts";
import type { LogRecord } from "../../../src/wal/record.ts";
import { WriteAheadLog } from "../../../src/wal/write-ahead-log.ts";
import { traceRequest } from "../../lib/trace-requests.ts";

const totalBytes = 1024 * 1024 * 1024;
/** Appends that wait at the same time, as the shards of many requests do. */
const openAppends = 64;
/** 240 spans are about 100 kB. */
const payloads = Array.from({ length: 32 }, (_, seed) =>
  traceRequest(seed, { resourceCount: 1, spansPerResource: 240 }),
);
const recordCount = Math.ceil(totalBytes / payloads[0]!.length);

function recordOf(n: number): LogRecord {
  return {
    signal: "traces",
    exporter: "tier2",
    destination: "10.0.0.1:4317",
    forwardedHeaders: [],
    itemCount: 240,
    epoch: 1,
    attempts: 0,
    payload: payloads[n % payloads.length]!,
  };
}

async function open(directory: string, compress: boolean): Promise<WriteAheadLog> {
  return WriteAheadLog.open(
    { directory, worker: "0", maxBytes: 4 * totalBytes, freeBytesMin: 0, compress },
    { disk: nodeDisk, openLedgerStore: openLevelStore, metrics: new MetricRegistry(), logger: silentLogger },
  );
}

async function appendAll(log: WriteAheadLog): Promise<void> {
  let next = 0;
  const appendOnes = async (): Promise<void> => {
    while (next < recordCount) {
      next += 1;
      await log.append("10.0.0.1:4317", [recordOf(next)]);
    }
  };
  await Promise.all(Array.from({ length: openAppends }, appendOnes));
}

async function readAll(log: WriteAheadLog): Promise<void> {
  const reader = log.read("10.0.0.1:4317");
  for (let read = await reader.next(); read !== undefined; read = await reader.next()) {
    log.markDone([read.handle]);
  }
}

async function measure(what: string, run: () => Promise<unknown>): Promise<void> {
  const startedMs = performance.now();
  const { user, system } = process.cpuUsage();
  await run();
  const seconds = (performance.now() - startedMs) / 1000;
  const cpu = process.cpuUsage();
  const cpuSeconds = (cpu.user - user + cpu.system - system) / 1e6;
  const megabytes = (recordCount * payloads[0]!.length) / 1e6;
  const rate = (megabytes / seconds).toFixed(0).padStart(6);
  console.log(
    `${what.padEnd(24)} ${rate} MB/s, ${(megabytes / cpuSeconds).toFixed(0)} MB per second of CPU time`,
  );
}

for (const compress of [false, true]) {
  const directory = await mkdtemp(join(process.env["WAL_BENCH_DIRECTORY"] ?? tmpdir(), "otlp-ring-wal-"));
  try {
    const stored = compress ? "zstd" : "plain";
    let log = await open(directory, compress);
    await measure(`append and sync, ${stored}`, () => appendAll(log));
    await log.close();
    await measure(`open again, ${stored}`, async () => {
      log = await open(directory, compress);
    });
    await measure(`read back, ${stored}`, () => readAll(log));
    await log.close();
  } finally {
    await rm(directory, { recursive: true });
  }
}
