/** Appends as fast as it can, and says of each record on its standard output when it is durable. */
import { writeSync } from "node:fs";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import { openLevelStore } from "../../../src/wal/level-store.ts";
import { nodeDisk } from "../../../src/wal/node-disk.ts";
import { WriteAheadLog } from "../../../src/wal/write-ahead-log.ts";
import { makeRecord } from "../../support/wal.ts";

const [directory, cycle] = process.argv.slice(2);
const log = await WriteAheadLog.open(
  { directory: directory!, worker: "0", maxBytes: 1e9, freeBytesMin: 0, segmentBytesMax: 100_000 },
  { disk: nodeDisk, openLedgerStore: openLevelStore, metrics: new MetricRegistry(), logger: silentLogger },
);
let next = 0;
async function appendForEver(): Promise<never> {
  for (;;) {
    const name = `${cycle}/${next}`;
    next += 1;
    await log.append("a:4317", [makeRecord(name.padEnd(500))]);
    writeSync(1, `${name}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, appendForEver));
