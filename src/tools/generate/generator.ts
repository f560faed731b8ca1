/** Generates load until it is enough, and keeps the accounts of it. */
import { monotonicMs } from "../../base/clock.ts";
import { highestSequence } from "../item-identity.ts";
import { signals as allSignals, type Signal } from "../otlp-proto.ts";
import { Random } from "../random.ts";
import { type Accounts, createAccounts } from "./accounts.ts";
import type { Batch, Workload } from "./batch.ts";
import { LogWorkload } from "./log-workload.ts";
import { MetricWorkload } from "./metric-workload.ts";
import { Pacer } from "./pacer.ts";
import { defaultRetry, type RetryOptions, Sender } from "./sender.ts";
import { createServices, serviceNames } from "./shop.ts";
import { TraceWorkload } from "./trace-workload.ts";

export interface GeneratorOptions {
  /** host:port of the gateways or sinks; requests are spread over all. */
  readonly endpoints: readonly string[];
  /** Default: all three, with as many items of each. */
  readonly signals?: readonly Signal[];
  /** Items a second, of all signals together. Default: as fast as it goes. */
  readonly itemsPerSecond?: number;
  /** Ends after this long; default: never. */
  readonly durationMs?: number;
  /** Ends after so many items, of all signals together; the batches that were begun are sent. Default: never. */
  readonly count?: number;
  /** Items a request. Default 512, as the SDKs' batch processors have it. */
  readonly batchSize?: number;
  /** Default: the thirteen of one shop. */
  readonly services?: number;
  /** To each endpoint. Default 1. */
  readonly connections?: number;
  /** Requests in flight on each connection. Default 4. */
  readonly concurrency?: number;
  readonly compression?: "none" | "gzip";
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Of an attempt. Default 10 s, as OTLP exporters have it. */
  readonly timeoutMs?: number;
  readonly retry?: RetryOptions;
  /** The same seed gives the same run, items and shapes. Default: another one each time. */
  readonly seed?: number;
  /** Sequence numbers of a run that are told apart. */
  readonly sequenceLimit?: number;
  /** Wall clock in milliseconds since 1970, for the items' times. */
  readonly now?: () => number;
}

/** An SDK sends what it has at least this often, so a slow rate makes smaller batches. */
const scheduleDelayMs = 1000;

/** Requests that may wait for another attempt while others are sent; then their senders wait, too. */
const backingOffMax = 256;

export class Generator {
  /** Marks every item of this run. */
  readonly run: number;
  readonly seed: number;
  readonly accounts: Accounts;
  readonly #options: GeneratorOptions;
  readonly #random: Random;
  readonly #workloads: readonly { readonly signal: Signal; readonly workload: Workload; items: number }[];
  readonly #unfinished = new Set<Promise<void>>();
  #startedMs = 0;
  #endedMs: number | undefined;

  constructor(options: GeneratorOptions) {
    this.#options = options;
    this.seed = options.seed ?? Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
    this.#random = new Random(this.seed);
    this.run = this.#random.word() || 1;
    this.accounts = createAccounts(options.sequenceLimit);
    this.#workloads = createWorkloads(options, this.run, this.#random);
  }

  get elapsedMs(): number {
    return this.#startedMs === 0 ? 0 : (this.#endedMs ?? monotonicMs()) - this.#startedMs;
  }

  /** How far it is, from 0 to 1; undefined where it goes on until it is stopped. */
  get progress(): number | undefined {
    const { durationMs, count } = this.#options;
    const shares = [
      ...(durationMs === undefined ? [] : [this.elapsedMs / durationMs]),
      ...(count === undefined ? [] : [this.#generatedItems / count]),
    ];
    return shares.length === 0 ? undefined : Math.min(1, Math.max(...shares));
  }

  /** Sends until the duration or the count is over or `abort` is aborted; then what was begun is sent. */
  async generate(abort: AbortSignal): Promise<void> {
    const { endpoints, connections = 1, concurrency = 4, durationMs } = this.#options;
    const stop = durationMs === undefined ? abort : AbortSignal.any([abort, AbortSignal.timeout(durationMs)]);
    const pacer = new Pacer(this.#options.itemsPerSecond);
    const senders = endpoints.flatMap((endpoint) =>
      Array.from({ length: connections }, () => this.#createSender(endpoint)),
    );
    this.#startedMs = monotonicMs();
    // Endpoints take turns, so that a few workers already reach all of them.
    const workers = Array.from({ length: concurrency }, () =>
      senders.map((sender) => this.#work(sender, pacer, stop, abort)),
    ).flat();
    await Promise.all(workers);
    await Promise.all(this.#unfinished);
    this.#endedMs = monotonicMs();
    for (const sender of senders) sender.close();
  }

  async #work(sender: Sender, pacer: Pacer, stop: AbortSignal, abort: AbortSignal): Promise<void> {
    while (!stop.aborted && !this.#isEnough()) {
      const batch = this.#next();
      await pacer.wait(batch.sequences.length, stop);
      await this.#deliver(sender, batch, abort);
    }
    for (let batch = this.#drain(); batch !== undefined; batch = this.#drain()) {
      await this.#deliver(sender, batch, abort);
    }
  }

  /** Comes back when the request is done, or else waits for another attempt: others are sent meanwhile. */
  async #deliver(sender: Sender, batch: Batch, abort: AbortSignal): Promise<void> {
    const account = this.accounts[batch.signal];
    const backsOff = Promise.withResolvers<void>();
    account.begin(batch);
    const delivery = sender.send(batch.signal, batch.payload, abort, backsOff.resolve).then((outcome) => {
      account.end(batch, outcome);
      this.#unfinished.delete(delivery);
    });
    this.#unfinished.add(delivery);
    const isCrowded = this.#unfinished.size > backingOffMax;
    await (isCrowded ? delivery : Promise.race([delivery, backsOff.promise]));
  }

  get #generatedItems(): number {
    return this.#workloads.reduce((total, { items }) => total + items, 0);
  }

  #isEnough(): boolean {
    const { count = Number.POSITIVE_INFINITY } = this.#options;
    // A run ends before its sequence numbers do; a million leaves room for what is in the buffers.
    return (
      this.#generatedItems >= count ||
      this.#workloads.some(({ items }) => items > highestSequence - 1_000_000)
    );
  }

  /** A batch of the signal that has had the fewest items. */
  #next(): Batch {
    const turn = this.#workloads.reduce((fewest, each) => (each.items < fewest.items ? each : fewest));
    const batch = turn.workload.next();
    turn.items += batch.sequences.length;
    return batch;
  }

  #drain(): Batch | undefined {
    for (const { workload } of this.#workloads) {
      const batch = workload.drain();
      if (batch !== undefined) return batch;
    }
    return undefined;
  }

  #createSender(endpoint: string): Sender {
    const { compression = "none", headers = [], timeoutMs = 10_000, retry = defaultRetry } = this.#options;
    return new Sender({ endpoint, compression, headers, timeoutMs, retry }, this.#random);
  }
}

function createWorkloads(
  options: GeneratorOptions,
  run: number,
  random: Random,
): { readonly signal: Signal; readonly workload: Workload; items: number }[] {
  const { signals = allSignals, services: serviceCount = serviceNames.length, now = Date.now } = options;
  const services = createServices(serviceCount, random);
  const workloadOptions = { run, now, batchSize: batchSize(options, signals.length * serviceCount) };
  const traces = new TraceWorkload(workloadOptions, services, random);
  const create: Readonly<Record<Signal, () => Workload>> = {
    traces: () => traces,
    metrics: () => new MetricWorkload(workloadOptions, services, random),
    logs: () => new LogWorkload(workloadOptions, services, random, () => traces.traces),
  };
  return signals.map((signal) => ({ signal, workload: create[signal](), items: 0 }));
}

/** As asked for, or fewer where an SDK of one of so many would not gather as many within its delay. */
function batchSize(options: GeneratorOptions, sdks: number): number {
  const { batchSize: asked = 512, itemsPerSecond } = options;
  if (itemsPerSecond === undefined) return asked;
  const itemsPerDelay = ((itemsPerSecond / sdks) * scheduleDelayMs) / 1000;
  return Math.max(1, Math.min(asked, Math.ceil(itemsPerDelay)));
}
