/** What a request can be routed by, and for which signals (the Collector's names). */
import type { Signal } from "./signal.ts";

export const routingKeys = {
  traces: ["traceID", "service", "resource", "attributes"],
  metrics: ["service", "resource", "metric", "streamID", "attributes"],
  logs: ["service", "traceID", "resource", "attributes"],
  profiles: ["service", "resource"],
} as const satisfies Record<Signal, readonly string[]>;

export type RoutingKey = (typeof routingKeys)[Signal][number];

export const defaultRoutingKey: Readonly<Record<Signal, RoutingKey>> = {
  traces: "traceID",
  metrics: "service",
  logs: "service",
  profiles: "service",
};
