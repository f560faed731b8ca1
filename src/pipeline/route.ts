/** One exporter of one signal: which keys it routes by, and what of a request goes where. */
import type { Counter, Histogram, MetricDefinition, MetricRegistry } from "../base/metrics.ts";
import type { Lane, Shard, ShardOutcome } from "../export/delivery.ts";
import {
  type ExportRequest,
  type ForwardedHeaders,
  forwardedHeadersOf,
  noForwardedHeaders,
} from "../otlp/export-request.ts";
import { createKeying } from "../otlp/keying.ts";
import type { RoutingKey } from "../otlp/routing-key.ts";
import type { Signal } from "../otlp/signal.ts";
import { type KeyOwners, Splitter } from "../otlp/split.ts";
import { grpcCode, type RpcStatus } from "../otlp/status.ts";
import { Account } from "./account.ts";
import type { BackendPool } from "./backend-pool.ts";

export const routeMetrics = {
  unroutable: {
    name: "otlpring_unroutable_items_total",
    type: "counter",
    help: "Spans, points and records without a routing key, sent to the owner of their resource instead.",
    labels: ["ring", "reason"],
  },
  fanout: {
    name: "otlpring_request_fanout",
    type: "histogram",
    help: "Backends that the parts of one request went to.",
    labels: ["ring"],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
  },
} as const satisfies Record<string, MetricDefinition>;

/** How long a client is asked to wait when no backend is known. */
const noBackendsRetryMs = 1000;
/** Counts what is in a request that cannot go anywhere. */
const nobody: KeyOwners = { ownerCount: 1, ownerOf: () => 0 };

export interface PlannedShards {
  readonly kind: "shards";
  readonly itemCount: number;
  /** Of them, those that had no key of their own. */
  readonly unroutableItemCount: number;
  readonly shards: readonly { readonly lane: Lane; readonly shard: Shard }[];
}

export type PlannedExport =
  | { readonly kind: "no_backends"; readonly itemCount: number; readonly status: RpcStatus }
  | PlannedShards;

export interface RouteOptions {
  readonly signal: Signal;
  readonly routingKey: RoutingKey;
  /** For the routing key `attributes`. */
  readonly routingAttributes: readonly string[];
  /** Of the headers that receivers keep, those that this exporter forwards: lower-case names. */
  readonly forwardHeaders: readonly string[];
}

export class Route {
  readonly pool: BackendPool;
  readonly signal: Signal;
  readonly routingKey: RoutingKey;
  readonly account: Account;
  readonly #splitter: Splitter;
  readonly #forwardHeaders: ReadonlySet<string>;
  readonly #unroutable: Counter | undefined;
  readonly #fanout: Histogram;

  constructor(
    options: RouteOptions,
    modules: { readonly pool: BackendPool; readonly metrics: MetricRegistry },
  ) {
    const { signal, routingKey } = options;
    const keying = createKeying(signal, routingKey, options.routingAttributes);
    this.pool = modules.pool;
    this.signal = signal;
    this.routingKey = routingKey;
    this.account = new Account(modules.pool.name, signal, modules.metrics);
    this.#splitter = new Splitter(signal, keying);
    this.#forwardHeaders = new Set(options.forwardHeaders);
    this.#unroutable =
      keying.unroutableReason &&
      modules.metrics.counter(routeMetrics.unroutable, this.pool.name, keying.unroutableReason);
    this.#fanout = modules.metrics.histogram(routeMetrics.fanout, this.pool.name);
  }

  /** Splits the request over the pool as it stands now. Sends and counts nothing. Throws WireError, SplitTooLargeError. */
  plan(request: ExportRequest): PlannedExport {
    const view = this.pool.view;
    if (view === undefined) {
      const status: RpcStatus = {
        code: grpcCode.UNAVAILABLE,
        message: `${this.pool.name} knows no backends yet`,
        retryDelayMs: noBackendsRetryMs,
      };
      return {
        kind: "no_backends",
        itemCount: this.#splitter.split(request.payload, nobody).itemCount,
        status,
      };
    }
    const split = this.#splitter.split(request.payload, view, request.memory);
    const forwardedHeaders = this.#forwarded(request.forwardedHeaders);
    const shards = split.parts.map(({ owner, payload, itemCount }) => ({
      lane: view.lanes[owner]!,
      shard: { signal: this.signal, payload, itemCount, forwardedHeaders },
    }));
    const { itemCount, unroutableItemCount } = split;
    return { kind: "shards", itemCount, unroutableItemCount, shards };
  }

  /** Sends what was planned, all at once; answers the outcomes in the order of the shards. */
  async deliver({ itemCount, unroutableItemCount, shards }: PlannedShards): Promise<ShardOutcome[]> {
    this.account.receive(itemCount);
    this.#unroutable?.add(unroutableItemCount);
    this.#fanout.record(shards.length);
    const outcomes = await Promise.all(shards.map(({ lane, shard }) => lane.send(shard)));
    for (const [index, outcome] of outcomes.entries()) this.account.settle(shards[index]!.shard, outcome);
    return outcomes;
  }

  #forwarded(received: ForwardedHeaders): ForwardedHeaders {
    if (received.key === "" || this.#forwardHeaders.size === 0) return noForwardedHeaders;
    const entries = received.entries.filter(([name]) => this.#forwardHeaders.has(name));
    if (entries.length === received.entries.length) return received;
    return forwardedHeadersOf(entries);
  }
}
