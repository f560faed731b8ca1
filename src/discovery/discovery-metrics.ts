/** What discovery counts; names and `resolver` label are those of the Collector's load-balancing exporter. */
import type { Counter, Gauge, MetricDefinition, MetricRegistry } from "../base/metrics.ts";

export const discoveryMetrics = {
  backends: {
    name: "otelcol_loadbalancer_num_backends",
    type: "gauge",
    help: "Members of the exporter's ring.",
    labels: ["resolver", "exporter"],
  },
  resolutions: {
    name: "otelcol_loadbalancer_num_resolutions_total",
    type: "counter",
    help: "Looks for members; with success=false the last good list was kept.",
    labels: ["resolver", "success", "exporter"],
  },
  backendUpdates: {
    name: "otelcol_loadbalancer_num_backend_updates_total",
    type: "counter",
    help: "Changes of the list of members.",
    labels: ["resolver", "exporter"],
  },
} as const satisfies Record<string, MetricDefinition>;

/** One source's instruments. */
export class DiscoveryInstruments {
  readonly succeeded: Counter;
  readonly failed: Counter;
  readonly updates: Counter;
  readonly #backends: Gauge;
  readonly #close: () => void;

  constructor(metrics: MetricRegistry, resolver: string, exporter: string) {
    this.#backends = metrics.gauge(discoveryMetrics.backends, resolver, exporter);
    this.succeeded = metrics.counter(discoveryMetrics.resolutions, resolver, "true", exporter);
    this.failed = metrics.counter(discoveryMetrics.resolutions, resolver, "false", exporter);
    this.updates = metrics.counter(discoveryMetrics.backendUpdates, resolver, exporter);
    this.#close = () => metrics.remove(discoveryMetrics.backends, resolver, exporter);
  }

  observeBackends(read: () => number): void {
    this.#backends.observe(read);
  }

  /** Takes the gauge out; counters stay, since they have counted. */
  close(): void {
    this.#close();
  }
}
