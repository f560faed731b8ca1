/** The real log on a simulated disk beside what it has promised, and a look at every crash that might happen. */
import { setImmediate as turn } from "node:timers/promises";
import { expect } from "vitest";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import type { RecordHandle } from "../../../src/wal/segment.ts";
import type { WriteAheadLog } from "../../../src/wal/write-ahead-log.ts";
import {
  type DiskOperation,
  type SimulatedDisk,
  seededRandom,
  systemError,
} from "../../support/simulated-disk.ts";
import { makeRecord, metricValue, openLog, readAll } from "../../support/wal.ts";

/** Small, so that short histories have many segments, and a shared chain. */
const options = { segmentBytesMax: 600, ownChainsMax: 2 };

export interface Fault {
  readonly operation: DiskOperation;
  readonly code: string;
}

interface Entry {
  readonly id: number;
  readonly payload: string;
  state: "submitted" | "promised" | "done";
  handle?: RecordHandle;
}

interface Image {
  readonly disk: SimulatedDisk;
  /** What a client had been promised by then. */
  readonly promised: readonly Entry[];
}

export class Rig {
  disk: SimulatedDisk;
  log: WriteAheadLog;
  readonly random: () => number;
  /** What the next operations of a kind fail with. */
  readonly faults: Fault[] = [];
  verifiedImages = 0;
  /** Kinds of operations before which a crash was looked at. */
  readonly crashPoints = new Set<DiskOperation>();
  #entries: Entry[] = [];
  #images: Image[] = [];
  #metrics: MetricRegistry;

  private constructor(disk: SimulatedDisk, log: WriteAheadLog, seed: number, metrics: MetricRegistry) {
    this.#metrics = metrics;
    this.disk = disk;
    this.log = log;
    this.random = seededRandom(seed);
  }

  static async open(disk: SimulatedDisk, seed: number): Promise<Rig> {
    const metrics = new MetricRegistry();
    const rig = new Rig(disk, await openLog(disk, options, metrics), seed, metrics);
    rig.#watch();
    return rig;
  }

  get promised(): readonly Entry[] {
    return this.#entries.filter(({ state }) => state === "promised");
  }

  /** Appends one record each, at the same time. Whatever becomes of it, it may turn up again; once promised, it must. */
  async append(destination: string, payloadSizesBytes: readonly number[]): Promise<void> {
    const entries = payloadSizesBytes.map((sizeBytes): Entry => {
      const id = this.#entries.length;
      const entry: Entry = { id, payload: `${id} `.padEnd(sizeBytes, "."), state: "submitted" };
      this.#entries.push(entry);
      return entry;
    });
    await Promise.all(
      entries.map(async (entry) => {
        const record = makeRecord(entry.payload, { destination, epoch: entry.id });
        try {
          const [handle] = await this.log.append(destination, [record]);
          entry.handle = handle!;
          entry.state = "promised";
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^wal_(full|io)$/) });
        }
      }),
    );
    this.disk.capacityBytes = Number.POSITIVE_INFINITY;
    await this.log.checkSpace();
  }

  /** Marks promised records done, as they are delivered by whoever reads them. */
  async markDone(share: number): Promise<void> {
    for (const entry of this.promised) {
      if (this.random() >= share || entry.handle === undefined) continue;
      entry.state = "done";
      this.log.markDone([entry.handle]);
    }
    await turn();
  }

  async reopen(): Promise<void> {
    await this.log.close();
    await this.#continueOn(this.disk);
  }

  /** The process dies here, and the machine with it. */
  async crash(): Promise<void> {
    await this.#continueOn(this.disk.crashImage(this.random));
  }

  /** What is on disk now, and what every crash so far would have left, holds all that was promised. */
  async verify(): Promise<void> {
    const images = this.#images.splice(0);
    for (const { disk, promised } of images) {
      await this.#verifyImage(disk, promised);
      this.verifiedImages += 1;
    }
    await this.#verifyLog(this.log, this.promised);
  }

  /** The accounts balance, whatever has happened since the log was opened. */
  async close(): Promise<void> {
    await this.log.close();
    expect(imbalance(this.#metrics)).toBe(0);
  }

  async #continueOn(disk: SimulatedDisk): Promise<void> {
    this.disk.onOperation = () => undefined;
    this.disk = disk;
    this.faults.length = 0;
    this.#watch();
    this.#metrics = new MetricRegistry();
    this.log = await openLog(disk, options, this.#metrics);
    // Handles are of the log that gave them; reading gives new ones.
    for (const entry of this.#entries) delete entry.handle;
    for (const chain of this.log.chains()) {
      const reader = this.log.read(chain.name);
      for (let read = await reader.next(); read !== undefined; read = await reader.next()) {
        this.#entries[read.record.epoch]!.handle = read.handle;
      }
    }
  }

  #watch(): void {
    const { disk } = this;
    disk.onOperation = (operation, path) => {
      this.crashPoints.add(operation);
      this.#images.push({ disk: disk.crashImage(this.random), promised: this.promised });
      const at = this.faults.findIndex((fault) => fault.operation === operation);
      if (at >= 0) throw systemError(this.faults.splice(at, 1)[0]!.code, path);
    };
  }

  /** Recovers, is killed on the way, and recovers again. */
  async #verifyImage(disk: SimulatedDisk, promised: readonly Entry[]): Promise<void> {
    const killed: SimulatedDisk[] = [];
    disk.onOperation = () => {
      killed.push(disk.crashImage(this.random));
    };
    const metrics = new MetricRegistry();
    const log = await openLog(disk, options, metrics);
    const recordsFound = await this.#verifyLog(log, promised);
    // What it counts is what it can read, or it has counted what it could not.
    expect(imbalance(metrics)).toBe(0);
    expect(metricValue(metrics, "otlpring_wal_items")).toBe(recordsFound);
    for (const again of killed.slice(0, 2)) await this.#verifyLog(await openLog(again, options), promised);
  }

  /** Answers how many records it found. */
  async #verifyLog(log: WriteAheadLog, promised: readonly Entry[]): Promise<number> {
    const found = new Set<number>();
    const isPromised = new Set(promised.map(({ id }) => id));
    let records = 0;
    for (const { name } of log.chains()) {
      const newest = new Map<string, number>();
      for (const record of await readAll(log, name)) {
        const id = record.epoch;
        // None is invented, none is altered.
        expect(record.payload.toString()).toBe(this.#entries[id]?.payload);
        // What was written twice after a failure may come twice. Nothing that was promised comes before what is
        // older; what was refused, and came back after a crash, has no place in the order.
        if (isPromised.has(id) && !found.has(id)) {
          expect(id).toBeGreaterThan(newest.get(record.destination) ?? -1);
          newest.set(record.destination, id);
        }
        found.add(id);
        records += 1;
      }
    }
    const lost = promised.filter(({ id }) => !found.has(id)).map(({ id }) => id);
    expect(lost).toEqual([]);
    return records;
  }
}

/** appended + recovered = done + dropped + on disk. */
export function imbalance(metrics: MetricRegistry): number {
  const of = (name: string): number => metricValue(metrics, name);
  return (
    of("otlpring_wal_appended_items_total") +
    of("otlpring_wal_recovered_items_total") -
    of("otlpring_wal_replayed_items_total") -
    of("otlpring_wal_dropped_items_total") -
    of("otlpring_wal_items")
  );
}
