/** What every receiver counts, whatever the protocol. */
import type { MetricDefinition } from "../base/metrics.ts";

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
