/**
 * What the log counts. Per exporter and signal, at every moment
 *
 *     appended + recovered = done + dropped + on disk
 */
import type { Counter, Histogram, MetricDefinition, MetricRegistry } from "../base/metrics.ts";
import type { RecordSignal } from "./format.ts";
import type { ItemTally } from "./item-tally.ts";

const byAccount = ["exporter", "signal"] as const;

export const walMetrics = {
  bytes: {
    name: "otlpring_wal_bytes",
    type: "gauge",
    help: "Bytes of the write-ahead log on disk.",
    labels: [],
  },
  bytesLimit: {
    name: "otlpring_wal_limit_bytes",
    type: "gauge",
    help: "Bytes that the write-ahead log may take (max_size).",
    labels: [],
  },
  reservedBytes: {
    name: "otlpring_wal_reserved_bytes",
    type: "gauge",
    help: "Bytes set aside for requests in flight, in case they cannot be delivered.",
    labels: [],
  },
  full: {
    name: "otlpring_wal_full",
    type: "gauge",
    help: "1 while the write-ahead log takes nothing: max_size is reached, or the volume is short of space.",
    labels: [],
  },
  items: {
    name: "otlpring_wal_items",
    type: "gauge",
    help: "Spans, points and records on disk that are not done.",
    labels: byAccount,
  },
  oldestAge: {
    name: "otlpring_wal_oldest_age_seconds",
    type: "gauge",
    help: "Age of the oldest record that is not done; 0 when there is none.",
    labels: [],
  },
  chains: {
    name: "otlpring_wal_chains",
    type: "gauge",
    help: "Destinations with a backlog on disk.",
    labels: [],
  },
  segments: {
    name: "otlpring_wal_segments",
    type: "gauge",
    help: "Files of the write-ahead log.",
    labels: [],
  },
  fsyncSeconds: {
    name: "otlpring_wal_fsync_seconds",
    type: "histogram",
    help: "How long the disk took to make an append durable.",
    labels: [],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  },
  appendedItems: {
    name: "otlpring_wal_appended_items_total",
    type: "counter",
    help: "Items made durable.",
    labels: byAccount,
  },
  recoveredItems: {
    name: "otlpring_wal_recovered_items_total",
    type: "counter",
    help: "Items found on disk at the start, or in the chains of a worker that is gone.",
    labels: byAccount,
  },
  doneItems: {
    name: "otlpring_wal_replayed_items_total",
    type: "counter",
    help: "Items on disk that need no further attempt: delivered, refused for good, or kept elsewhere.",
    labels: byAccount,
  },
  droppedItems: {
    name: "otlpring_wal_dropped_items_total",
    type: "counter",
    help: "Items lost: damaged on disk (corrupt), a file gone (missing), or to make room (drop_oldest).",
    labels: [...byAccount, "reason"],
  },
  corruptRecords: {
    name: "otlpring_wal_corrupt_records_total",
    type: "counter",
    help: "Stretches of a file that were skipped because their checksums are wrong.",
    labels: [],
  },
  tornTails: {
    name: "otlpring_wal_torn_tails_total",
    type: "counter",
    help: "Files that ended in an unfinished write, which is what a crash leaves.",
    labels: [],
  },
  failures: {
    name: "otlpring_wal_failures_total",
    type: "counter",
    help: "Operations on the volume that failed.",
    labels: ["operation"],
  },
} as const satisfies Record<string, MetricDefinition>;

export type DropReason = "corrupt" | "missing" | "drop_oldest";
export type FailedOperation = "append" | "read" | "unlink" | "ledger" | "space";

interface Account {
  readonly appended: Counter;
  readonly recovered: Counter;
  readonly done: Counter;
  onDisk: number;
}

/** What `observeLog` asks of a log. */
interface Observed {
  readonly usedBytes: number;
  readonly reservedBytes: number;
  readonly state: { readonly kind: "ok" | "full" };
}

/** Gauges that ask the log when they are read. */
export function observeLog(
  metrics: MetricRegistry,
  maxBytes: number,
  space: Observed,
  chains: () => readonly { readonly segments: number; readonly oldestWrittenAtMs: number | undefined }[],
): void {
  metrics.gauge(walMetrics.bytes).observe(() => space.usedBytes);
  metrics.gauge(walMetrics.bytesLimit).set(maxBytes);
  metrics.gauge(walMetrics.reservedBytes).observe(() => space.reservedBytes);
  metrics.gauge(walMetrics.full).observe(() => (space.state.kind === "full" ? 1 : 0));
  metrics.gauge(walMetrics.chains).observe(() => chains().length);
  metrics.gauge(walMetrics.segments).observe(() => chains().reduce((sum, { segments }) => sum + segments, 0));
  metrics.gauge(walMetrics.oldestAge).observe(() => {
    const nowMs = Date.now();
    const oldestMs = chains().reduce((min, chain) => Math.min(min, chain.oldestWrittenAtMs ?? nowMs), nowMs);
    return (nowMs - oldestMs) / 1000;
  });
}

/** The instruments of one log. */
export class WalMeter {
  readonly #metrics: MetricRegistry;
  readonly #accounts = new Map<string, Account>();
  readonly corruptRecords: Counter;
  readonly tornTails: Counter;
  readonly fsyncSeconds: Histogram;

  constructor(metrics: MetricRegistry) {
    this.#metrics = metrics;
    this.corruptRecords = metrics.counter(walMetrics.corruptRecords);
    this.tornTails = metrics.counter(walMetrics.tornTails);
    this.fsyncSeconds = metrics.histogram(walMetrics.fsyncSeconds);
  }

  appended(exporter: string, signal: RecordSignal, items: number): void {
    const account = this.#account(exporter, signal);
    account.appended.add(items);
    account.onDisk += items;
  }

  recovered(tally: ItemTally): void {
    for (const { exporter, signal, items } of tally.entries()) {
      const account = this.#account(exporter, signal);
      account.recovered.add(items);
      account.onDisk += items;
    }
  }

  done(exporter: string, signal: RecordSignal, items: number): void {
    const account = this.#account(exporter, signal);
    account.done.add(items);
    account.onDisk -= items;
  }

  dropped(tally: ItemTally, reason: DropReason): void {
    for (const { exporter, signal, items } of tally.entries()) {
      if (items === 0) continue;
      this.#account(exporter, signal).onDisk -= items;
      this.#metrics.counter(walMetrics.droppedItems, exporter, signal, reason).add(items);
    }
  }

  failed(operation: FailedOperation): void {
    this.#metrics.counter(walMetrics.failures, operation).add(1);
  }

  #account(exporter: string, signal: RecordSignal): Account {
    const key = `${signal} ${exporter}`;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      const created: Account = {
        appended: this.#metrics.counter(walMetrics.appendedItems, exporter, signal),
        recovered: this.#metrics.counter(walMetrics.recoveredItems, exporter, signal),
        done: this.#metrics.counter(walMetrics.doneItems, exporter, signal),
        onDisk: 0,
      };
      this.#metrics.gauge(walMetrics.items, exporter, signal).observe(() => created.onDisk);
      this.#accounts.set(key, created);
      account = created;
    }
    return account;
  }
}
