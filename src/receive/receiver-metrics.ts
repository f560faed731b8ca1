/** What every receiver counts, whatever the protocol. */
import type { Counter, MetricDefinition, MetricRegistry } from "../base/metrics.ts";
import { type Signal, signals } from "../otlp/signal.ts";
import { type GrpcCode, grpcCode } from "../otlp/status.ts";

export const receiverMetrics = {
  requests: {
    name: "otlpring_receiver_requests_total",
    type: "counter",
    help: "Export requests answered, by gRPC status code; CANCELLED where the client did not wait for the answer.",
    labels: ["transport", "signal", "code"],
  },
  refusedRequests: {
    name: "otlpring_receiver_refused_requests_total",
    type: "counter",
    help: "Requests that the receiver itself refused, before anything of them was handed on.",
    labels: ["transport", "reason"],
  },
  closedConnections: {
    name: "otlpring_receiver_closed_connections_total",
    type: "counter",
    help: "Connections that the receiver closed, by reason.",
    labels: ["transport", "reason"],
  },
  openConnections: {
    name: "otlpring_receiver_open_connections",
    type: "gauge",
    help: "Connections that are open now.",
    labels: ["transport"],
  },
  inFlightBytes: {
    name: "otlpring_receiver_in_flight_bytes",
    type: "gauge",
    help: "Bytes that requests in flight hold of the budget, over all receivers.",
    labels: [],
  },
} as const satisfies Record<string, MetricDefinition>;

export type CloseReason =
  | "max_age"
  | "idle"
  | "no_preface"
  | "too_many_pings"
  | "too_many_resets"
  | "ping_unanswered"
  | "answer_unread";

/** The counters of a receiver, looked up once so that counting a request is one addition. */
export class ReceiverMetrics<RefusalReason extends string> {
  readonly #registry: MetricRegistry;
  readonly #transport: string;
  readonly #requests: Readonly<Record<Signal, readonly Counter[]>>;

  constructor(registry: MetricRegistry, transport: "grpc" | "http") {
    this.#registry = registry;
    this.#transport = transport;
    const codeNames = Object.keys(grpcCode);
    this.#requests = Object.fromEntries(
      signals.map((signal) => [
        signal,
        codeNames.map((name) => registry.counter(receiverMetrics.requests, transport, signal, name)),
      ]),
    ) as Record<Signal, Counter[]>;
  }

  /** What is read when the metrics are. */
  observe(openConnections: () => number, inFlightBytes: () => number): void {
    this.#registry.gauge(receiverMetrics.openConnections, this.#transport).observe(openConnections);
    this.#registry.gauge(receiverMetrics.inFlightBytes).observe(inFlightBytes);
  }

  countRequest(signal: Signal, code: GrpcCode): void {
    this.#requests[signal][code]!.add(1);
  }

  countRefusal(reason: RefusalReason): void {
    this.#registry.counter(receiverMetrics.refusedRequests, this.#transport, reason).add(1);
  }

  countClosedConnection(reason: CloseReason): void {
    this.#registry.counter(receiverMetrics.closedConnections, this.#transport, reason).add(1);
  }
}
