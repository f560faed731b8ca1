/**
 * What became of everything that one exporter was given of one signal. At every moment
 *
 *     received = delivered + rejected + returned + in flight
 */
import type { Counter, MetricDefinition, MetricRegistry } from "../base/metrics.ts";
import type { Shard, ShardOutcome } from "../export/delivery.ts";
import type { Signal } from "../otlp/signal.ts";

function counter(name: string, help: string): MetricDefinition {
  return { name, type: "counter", help, labels: ["exporter", "signal"] };
}

export const accountMetrics = {
  received: counter("otlpring_received_items_total", "Spans, points and records handed to the exporter."),
  delivered: counter("otlpring_delivered_items_total", "Of the received: backends accepted them."),
  rejected: counter("otlpring_rejected_items_total", "Of the received: a backend refused them for good."),
  returned: counter(
    "otlpring_returned_items_total",
    "Of the received: not delivered, and the client was told so; it may send them again.",
  ),
  inFlight: {
    name: "otlpring_in_flight_items",
    type: "gauge",
    help: "Of the received: on their way.",
    labels: ["exporter", "signal"],
  },
} as const satisfies Record<string, MetricDefinition>;

export class Account {
  readonly signal: Signal;
  readonly #received: Counter;
  readonly #delivered: Counter;
  readonly #rejected: Counter;
  readonly #returned: Counter;

  constructor(exporter: string, signal: Signal, metrics: MetricRegistry) {
    this.signal = signal;
    this.#received = metrics.counter(accountMetrics.received, exporter, signal);
    this.#delivered = metrics.counter(accountMetrics.delivered, exporter, signal);
    this.#rejected = metrics.counter(accountMetrics.rejected, exporter, signal);
    this.#returned = metrics.counter(accountMetrics.returned, exporter, signal);
    metrics.gauge(accountMetrics.inFlight, exporter, signal).observe(() => this.inFlight);
  }

  get received(): number {
    return this.#received.value;
  }

  get delivered(): number {
    return this.#delivered.value;
  }

  get rejected(): number {
    return this.#rejected.value;
  }

  get returned(): number {
    return this.#returned.value;
  }

  get inFlight(): number {
    return this.received - this.delivered - this.rejected - this.returned;
  }

  receive(itemCount: number): void {
    this.#received.add(itemCount);
  }

  settle(shard: Shard, outcome: ShardOutcome): void {
    switch (outcome.kind) {
      case "delivered":
        this.#delivered.add(shard.itemCount - outcome.rejectedItems);
        this.#rejected.add(outcome.rejectedItems);
        break;
      case "rejected":
        this.#rejected.add(shard.itemCount);
        break;
      case "undelivered":
        this.#returned.add(shard.itemCount);
        break;
    }
  }
}
