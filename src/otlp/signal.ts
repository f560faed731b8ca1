/** The signals that OTLP carries, and what the protocol calls their parts. */

/** Those whose messages no longer change. */
export const stableSignals = ["traces", "metrics", "logs"] as const;
export type StableSignal = (typeof stableSignals)[number];

/** Profiles are in development: passed on in protobuf, as far as their envelopes are known. */
export const signals = [...stableSignals, "profiles"] as const;
export type Signal = (typeof signals)[number];

interface SignalFacts {
  /** The HTTP/2 `:path` of the unary Export method. */
  readonly grpcPath: string;
  /** The default path of OTLP/HTTP. */
  readonly httpPath: string;
  /** What is counted: the name in metrics and messages. */
  readonly items: "spans" | "metric_points" | "log_records" | "profiles";
}

export const signalFacts: Readonly<Record<Signal, SignalFacts>> = {
  traces: {
    grpcPath: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    httpPath: "/v1/traces",
    items: "spans",
  },
  metrics: {
    grpcPath: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    httpPath: "/v1/metrics",
    items: "metric_points",
  },
  logs: {
    grpcPath: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    httpPath: "/v1/logs",
    items: "log_records",
  },
  profiles: {
    grpcPath: "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
    httpPath: "/v1development/profiles",
    items: "profiles",
  },
};
