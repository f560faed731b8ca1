/** What exporters and their backends count. The names are the Collector's where it has one. */
import type { Counter, Histogram, MetricDefinition, MetricRegistry } from "../base/metrics.ts";
import { type Signal, signalFacts, signals } from "../otlp/signal.ts";
import type { ShardOutcome } from "./delivery.ts";

function itemCounter(name: string, help: string): MetricDefinition {
  return { name, type: "counter", help, labels: ["exporter"] };
}

export const exportMetricDefinitions = {
  sent_spans: itemCounter("otelcol_exporter_sent_spans_total", "Spans that backends accepted."),
  sent_metric_points: itemCounter(
    "otelcol_exporter_sent_metric_points_total",
    "Metric data points that backends accepted.",
  ),
  sent_log_records: itemCounter(
    "otelcol_exporter_sent_log_records_total",
    "Log records that backends accepted.",
  ),
  send_failed_spans: itemCounter(
    "otelcol_exporter_send_failed_spans_total",
    "Spans that a backend refused or did not take, once an attempt.",
  ),
  send_failed_metric_points: itemCounter(
    "otelcol_exporter_send_failed_metric_points_total",
    "Metric data points that a backend refused or did not take, once an attempt.",
  ),
  send_failed_log_records: itemCounter(
    "otelcol_exporter_send_failed_log_records_total",
    "Log records that a backend refused or did not take, once an attempt.",
  ),
  sent_profiles: itemCounter("otelcol_exporter_sent_profiles_total", "Profiles that backends accepted."),
  send_failed_profiles: itemCounter(
    "otelcol_exporter_send_failed_profiles_total",
    "Profiles that a backend refused or did not take, once an attempt.",
  ),
  in_flight_requests: {
    name: "otelcol_exporter_in_flight_requests",
    type: "gauge",
    help: "Calls to backends that wait for an answer.",
    labels: ["exporter"],
  },
  unconfirmed_items: {
    name: "otlpring_exporter_unconfirmed_items_total",
    type: "counter",
    help: "Spans, points and records that a backend may have taken although no answer says so: sent again, they may be there twice.",
    labels: ["exporter"],
  },
  backend_latency: {
    name: "otelcol_loadbalancer_backend_latency_milliseconds",
    type: "histogram",
    help: "Time from a call to its answer.",
    labels: ["endpoint"],
    buckets: [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000],
  },
  backend_outcome: {
    name: "otelcol_loadbalancer_backend_outcome_total",
    type: "counter",
    help: "Calls by whether the backend accepted them.",
    labels: ["endpoint", "success"],
  },
  backend_up: {
    name: "otlpring_backend_up",
    type: "gauge",
    help: "1 while the backend can be reached: with OTLP/gRPC there is a connection, with OTLP/HTTP the last one could be made.",
    labels: ["exporter", "endpoint"],
  },
} as const satisfies Record<string, MetricDefinition>;

interface ExporterState {
  inFlightRequests: number;
}

/**
 * The metrics of all exporters of a process. There is one of it, since backends that several exporters have in
 * common share their series, which go when the last lane has left.
 */
export class ExportMetrics {
  readonly #registry: MetricRegistry;
  readonly #exporters = new Map<string, ExporterState>();
  /** How many lanes share the series of an endpoint, and those of an exporter's endpoint. */
  readonly #lanesByEndpoint = new Map<string, number>();
  readonly #lanesOfExporter = new Map<string, number>();

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
  }

  /** @param isUp asked when metrics are read. */
  openLane(exporter: string, endpoint: string, isUp: () => boolean): LaneMetrics {
    addOne(this.#lanesByEndpoint, endpoint);
    addOne(this.#lanesOfExporter, `${exporter}\n${endpoint}`);
    const definitions = exportMetricDefinitions;
    this.#registry.gauge(definitions.backend_up, exporter, endpoint).observe(() => (isUp() ? 1 : 0));
    const release = (): void => this.#closeLane(exporter, endpoint);
    return new LaneMetrics(this.#registry, this.#exporterState(exporter), exporter, endpoint, release);
  }

  #exporterState(exporter: string): ExporterState {
    let state = this.#exporters.get(exporter);
    if (state === undefined) {
      const created: ExporterState = { inFlightRequests: 0 };
      const gauge = this.#registry.gauge(exportMetricDefinitions.in_flight_requests, exporter);
      gauge.observe(() => created.inFlightRequests);
      this.#exporters.set(exporter, created);
      state = created;
    }
    return state;
  }

  #closeLane(exporter: string, endpoint: string): void {
    const { backend_up, backend_latency, backend_outcome } = exportMetricDefinitions;
    // A member that has come back has a new lane while the old one still drains.
    if (takeOne(this.#lanesOfExporter, `${exporter}\n${endpoint}`)) {
      this.#registry.remove(backend_up, exporter, endpoint);
    }
    if (!takeOne(this.#lanesByEndpoint, endpoint)) return;
    this.#registry.remove(backend_latency, endpoint);
    this.#registry.remove(backend_outcome, endpoint, "true");
    this.#registry.remove(backend_outcome, endpoint, "false");
  }
}

function addOne(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** True when that was the last one. */
function takeOne(counts: Map<string, number>, key: string): boolean {
  const left = counts.get(key)! - 1;
  if (left === 0) counts.delete(key);
  else counts.set(key, left);
  return left === 0;
}

/** What one lane counts. */
export class LaneMetrics {
  readonly #exporter: ExporterState;
  readonly #sent: Record<Signal, Counter>;
  readonly #failed: Record<Signal, Counter>;
  readonly #unconfirmed: Counter;
  readonly #latency: Histogram;
  readonly #succeeded: Counter;
  readonly #notSucceeded: Counter;
  readonly #release: () => void;

  constructor(
    registry: MetricRegistry,
    exporterState: ExporterState,
    exporter: string,
    endpoint: string,
    release: () => void,
  ) {
    const definitions = exportMetricDefinitions;
    const perSignal = (prefix: "sent" | "send_failed"): Record<Signal, Counter> =>
      Object.fromEntries(
        signals.map((signal) => [
          signal,
          registry.counter(definitions[`${prefix}_${signalFacts[signal].items}`], exporter),
        ]),
      ) as Record<Signal, Counter>;
    this.#exporter = exporterState;
    this.#sent = perSignal("sent");
    this.#failed = perSignal("send_failed");
    this.#unconfirmed = registry.counter(definitions.unconfirmed_items, exporter);
    this.#latency = registry.histogram(definitions.backend_latency, endpoint);
    this.#succeeded = registry.counter(definitions.backend_outcome, endpoint, "true");
    this.#notSucceeded = registry.counter(definitions.backend_outcome, endpoint, "false");
    this.#release = release;
  }

  callStarted(): void {
    this.#exporter.inFlightRequests += 1;
  }

  callEnded(durationMs: number, isSuccess: boolean): void {
    this.#exporter.inFlightRequests -= 1;
    this.#latency.record(durationMs);
    (isSuccess ? this.#succeeded : this.#notSucceeded).add(1);
  }

  /** Counts the items of a shard, once, by what its client will hear. */
  shardEnded(signal: Signal, itemCount: number, outcome: ShardOutcome): void {
    if (outcome.kind === "delivered") {
      this.#sent[signal].add(itemCount - outcome.rejectedItems);
      if (outcome.rejectedItems > 0) this.#failed[signal].add(outcome.rejectedItems);
      return;
    }
    this.#failed[signal].add(itemCount);
    if (outcome.kind === "undelivered" && outcome.mayHaveArrived === true) this.#unconfirmed.add(itemCount);
  }

  /** Takes away the series that are this backend's alone. */
  close(): void {
    this.#release();
  }
}
