import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import { openLevelStore } from "../../../src/wal/level-store.ts";
import { nodeDisk } from "../../../src/wal/node-disk.ts";
import { WriteAheadLog } from "../../../src/wal/write-ahead-log.ts";
import { metricValue, readNames } from "../../support/wal.ts";

const writer = fileURLToPath(new URL("killed-writer.ts", import.meta.url));

/** What a writer had made durable, by its own words, when it was killed after so many records. */
async function writeUntilKilled(directory: string, cycle: number, recordCount: number): Promise<string[]> {
  const child = spawn(process.execPath, [writer, directory, `${cycle}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const durable: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    durable.push(line);
    if (durable.length === recordCount) child.kill("SIGKILL");
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  expect(child.signalCode).toBe("SIGKILL");
  return durable;
}

test("W1 a writer that is killed again and again has lost nothing that it said was durable", async () => {
  const directory = await mkdtemp(join(tmpdir(), "otlp-ring-wal-"));
  try {
    const durable: string[] = [];
    for (let cycle = 0; cycle < 5; cycle += 1) {
      durable.push(...(await writeUntilKilled(directory, cycle, 50 + 137 * cycle)));
    }
    const metrics = new MetricRegistry();
    const log = await WriteAheadLog.open(
      { directory, worker: "0", maxBytes: 1e9, freeBytesMin: 0 },
      { disk: nodeDisk, openLedgerStore: openLevelStore, metrics, logger: silentLogger },
    );
    const found = (await readNames(log)).map((name) => name.trim());
    await log.close();
    expect(new Set(found).size).toBe(found.length);
    const missing = new Set(durable);
    for (const name of found) missing.delete(name);
    expect([...missing]).toEqual([]);
    expect(metricValue(metrics, "otlpring_wal_recovered_items_total")).toBe(found.length);
  } finally {
    await rm(directory, { recursive: true });
  }
});
