/** The counters of a gRPC receiver, looked up once so that counting a request is one addition. */
import type { Counter, MetricRegistry } from "../base/metrics.ts";
import { type Signal, signals } from "../otlp/signal.ts";
import { type GrpcCode, grpcCode } from "../otlp/status.ts";
import { receiverMetrics } from "./receiver-metrics.ts";

const transport = "grpc";

export type RefusalReason =
  | "unknown_method"
  | "not_grpc"
  | "unauthenticated"
  | "unknown_encoding"
  | "malformed_timeout"
  | "over_budget"
  | "too_large"
  | "malformed_body"
  | "receive_timeout";

export type CloseReason =
  | "max_age"
  | "idle"
  | "no_preface"
  | "too_many_pings"
  | "too_many_resets"
  | "ping_unanswered"
  | "answer_unread";

export class GrpcReceiverMetrics {
  readonly #registry: MetricRegistry;
  readonly #requests: Readonly<Record<Signal, readonly Counter[]>>;

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
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
    this.#registry.gauge(receiverMetrics.openConnections, transport).observe(openConnections);
    this.#registry.gauge(receiverMetrics.inFlightBytes).observe(inFlightBytes);
  }

  countRequest(signal: Signal, code: GrpcCode): void {
    this.#requests[signal][code]!.add(1);
  }

  countRefusal(reason: RefusalReason): void {
    this.#registry.counter(receiverMetrics.refusedRequests, transport, reason).add(1);
  }

  countClosedConnection(reason: CloseReason): void {
    this.#registry.counter(receiverMetrics.closedConnections, transport, reason).add(1);
  }
}
