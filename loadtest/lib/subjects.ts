/** The programs that the end-to-end benchmark measures, each configured to do the same. */
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Subject {
  readonly program: string;
  readonly args: readonly string[];
  /** Receives OTLP on `port` and spreads traces by trace id over the backends at `ports`. */
  configuration(plan: SubjectPlan): string;
}

export interface SubjectPlan {
  readonly receiver: "grpc" | "http";
  readonly port: number;
  readonly ports: readonly number[];
  /** Of calls to the backends, which are gRPC. */
  readonly compression: string;
}

/** The Collector's limits are below OTLP's recommendation unless they are raised. */
const limit = { grpc: ", max_recv_msg_size_mib: 64", http: "" };

const hostnames = (ports: readonly number[]): string => ports.map((port) => `"127.0.0.1:${port}"`).join(", ");

/** What both understand: the Collector's file is ours. */
function configuration(plan: SubjectPlan, telemetry: string, delivery = ""): string {
  const { receiver, port, ports, compression } = plan;
  return `
receivers: { otlp: { protocols: { ${receiver}: { endpoint: "127.0.0.1:${port}"${limit[receiver]} } } } }
exporters:
  load_balancing:
    resolver: { static: { hostnames: [${hostnames(ports)}] } }
    protocol: { otlp: { compression: "${compression}", tls: { insecure: true }${delivery} } }
service:
  telemetry: { metrics: { level: none }, logs: { level: ${telemetry} } }
  pipelines: { traces: { receivers: [otlp], exporters: [load_balancing] } }
`;
}

const collector = `${root}.tools/otelcol-0.158.0`;

export const subjects = {
  "otlp-ring": {
    program: `${root}bin/otlp-ring`,
    args: ["run"],
    configuration: (plan) => configuration(plan, "warn"),
  },
  /** The Collector as it comes, with the exporter that this project stands in the place of. */
  otelcol: { program: collector, args: [], configuration: (plan) => configuration(plan, "fatal") },
  /** The same without the queue before each backend, so that an answer means delivery, as ours does. */
  "otelcol without queue": {
    program: collector,
    args: [],
    configuration: (plan) => configuration(plan, "fatal", ", sending_queue: { enabled: false }"),
  },
} as const satisfies Record<string, Subject>;

export type SubjectName = keyof typeof subjects;
