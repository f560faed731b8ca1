/** One exporter of one signal: which keys it routes by, and what of a request goes where. */
import type { Counter, Histogram, MetricDefinition, MetricRegistry } from "../base/metrics.ts";
import type { Lane, Shard } from "../export/delivery.ts";
import { type ExportRequest, type ForwardedHeaders, noForwardedHeaders } from "../otlp/export-request.ts";
import { createKeying } from "../otlp/keying.ts";
import type { RoutingKey } from "../otlp/routing-key.ts";
import type { Signal } from "../otlp/signal.ts";
import { Splitter } from "../otlp/split.ts";
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

export type PlannedExport =
  | { readonly kind: "no_backends"; readonly itemCount: number; readonly status: RpcStatus }
  | {
      readonly kind: "shards";
      readonly itemCount: number;
      readonly account: Account;
      readonly shards: readonly { readonly lane: Lane; readonly shard: Shard }[];
    };

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

  /** Splits the request over the pool as it stands now. Sends nothing. Throws WireError, SplitTooLargeError. */
  plan(request: ExportRequest): PlannedExport {
    const view = this.pool.view;
    if (view === undefined) {
      const status: RpcStatus = {
        code: grpcCode.UNAVAILABLE,
        message: `${this.pool.name} knows no backends yet`,
        retryDelayMs: noBackendsRetryMs,
      };
      return { kind: "no_backends", itemCount: 0, status };
    }
    const split = this.#splitter.split(request.payload, view, request.memory);
    this.#unroutable?.add(split.unroutableItemCount);
    this.#fanout.record(split.parts.length);
    const forwardedHeaders = this.#forwarded(request.forwardedHeaders);
    const shards = split.parts.map(({ owner, payload, itemCount }) => ({
      lane: view.lanes[owner]!,
      shard: { signal: this.signal, payload, itemCount, forwardedHeaders },
    }));
    return { kind: "shards", itemCount: split.itemCount, account: this.account, shards };
  }

  #forwarded(received: ForwardedHeaders): ForwardedHeaders {
    if (received.key === "" || this.#forwardHeaders.size === 0) return noForwardedHeaders;
    const entries = received.entries.filter(([name]) => this.#forwardHeaders.has(name));
    if (entries.length === received.entries.length) return received;
    return forwardedHeaders(entries);
  }
}

/** The headers in their canonical form: `entries` sorted by name, and a key that is equal for equal entries. */
export function forwardedHeaders(entries: readonly (readonly [string, string])[]): ForwardedHeaders {
  if (entries.length === 0) return noForwardedHeaders;
  return { key: JSON.stringify(entries), entries };
}
