/** The configuration of `otlp-ring demo`: one gateway before backends on the same machine. */
import { formatYaml } from "./yaml.ts";

export interface DemoConfiguration {
  /** `host:port` each. */
  readonly backends: readonly string[];
  /** Where applications send to; default localhost:4317 and localhost:4318. */
  readonly grpcEndpoint?: string;
  readonly httpEndpoint?: string;
  /** Default localhost:8888. */
  readonly metricsPort?: number;
  /** Default localhost:13133. */
  readonly healthEndpoint?: string;
  /** Default localhost:55679. */
  readonly statusEndpoint?: string;
}

/** YAML for `loadSettings({ files: [{ name: "demo", text }] })`: traces by trace id, metrics and logs by service. */
export function demoConfiguration(options: DemoConfiguration): string {
  const {
    grpcEndpoint = "localhost:4317",
    httpEndpoint = "localhost:4318",
    metricsPort = 8888,
    healthEndpoint = "localhost:13133",
    statusEndpoint = "localhost:55679",
  } = options;
  const pipeline = { receivers: ["otlp"], exporters: ["load_balancing"] };
  return formatYaml({
    receivers: {
      otlp: {
        protocols: {
          grpc: { endpoint: grpcEndpoint },
          // Pages in a browser may send too: this is a laptop's gateway.
          http: { endpoint: httpEndpoint, cors: { allowed_origins: ["*"] } },
        },
      },
    },
    exporters: {
      load_balancing: {
        resolver: { static: { hostnames: options.backends } },
        protocol: { otlp: { tls: { insecure: true }, compression: "none" } },
      },
    },
    extensions: { health_check: { endpoint: healthEndpoint }, zpages: { endpoint: statusEndpoint } },
    service: {
      extensions: ["health_check", "zpages"],
      shutdown: { delay: "0s", drain_timeout: "5s" },
      telemetry: {
        metrics: {
          readers: [{ pull: { exporter: { prometheus: { host: "localhost", port: metricsPort } } } }],
        },
      },
      pipelines: { traces: pipeline, metrics: pipeline, logs: pipeline },
    },
  });
}
