/** Sinks and a gateway before them, as every scenario begins. */
import { freePort, type Running, until, type Workplace } from "./processes.ts";

export interface Sinks {
  readonly process: Running;
  readonly ports: readonly number[];
  readonly reportUrl: string;
}

export async function startSinks(
  workplace: Workplace,
  count: number,
  options: readonly string[] = [],
  ports?: readonly number[],
): Promise<Sinks> {
  const endpoints = ports ?? (await Promise.all(Array.from({ length: count }, freePort)));
  const reportPort = await freePort();
  const process = workplace.start([
    "sink",
    ...endpoints.flatMap((port) => ["--endpoint", `127.0.0.1:${port}`]),
    "--report-endpoint",
    `127.0.0.1:${reportPort}`,
    ...options,
  ]);
  const reportUrl = `http://127.0.0.1:${reportPort}/report`;
  await until("the sinks answer", () => answers(reportUrl));
  return { process, ports: endpoints, reportUrl };
}

export interface GatewayProcess {
  readonly process: Running;
  readonly endpoint: string;
  readonly metricsUrl: string;
  readonly healthUrl: string;
}

export interface GatewayPlan {
  /** Exporters by name: the members of each, and the routing key if it is not the default. */
  readonly exporters: Readonly<
    Record<string, { readonly ports: readonly number[]; readonly routingKey?: string }>
  >;
  readonly signals?: readonly string[];
}

export async function startGateway(workplace: Workplace, plan: GatewayPlan): Promise<GatewayProcess> {
  const [port, metricsPort, healthPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const file = workplace.file("gateway.yaml", configuration(plan, port, metricsPort, healthPort));
  const process = workplace.start(["--config", file]);
  const healthUrl = `http://127.0.0.1:${healthPort}/`;
  await until(
    () => `the gateway is ready; it says: ${process.output()}`,
    () => answers(healthUrl),
  );
  return {
    process,
    endpoint: `127.0.0.1:${port}`,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    healthUrl,
  };
}

function configuration(plan: GatewayPlan, port: number, metricsPort: number, healthPort: number): string {
  const names = Object.keys(plan.exporters);
  const exporters = Object.entries(plan.exporters).map(([name, { ports, routingKey }]) => {
    const hostnames = ports.map((member) => `"127.0.0.1:${member}"`).join(", ");
    const key = routingKey === undefined ? "" : `routing_key: ${routingKey}, `;
    return `  ${name}: { ${key}resolver: { static: { hostnames: [${hostnames}] } }, protocol: { otlp: { tls: { insecure: true } } } }`;
  });
  const pipelines = (plan.signals ?? ["traces", "metrics", "logs"]).map(
    (signal) => `    ${signal}: { receivers: [otlp], exporters: [${names.join(", ")}] }`,
  );
  return `
receivers: { otlp: { protocols: { grpc: { endpoint: "127.0.0.1:${port}" } } } }
exporters:
${exporters.join("\n")}
extensions: { health_check: { endpoint: "127.0.0.1:${healthPort}" } }
service:
  extensions: [health_check]
  shutdown: { delay: 0s, drain_timeout: 10s }
  telemetry: { metrics: { readers: [{ pull: { exporter: { prometheus: { host: 127.0.0.1, port: ${metricsPort} } } } }] } }
  pipelines:
${pipelines.join("\n")}
`;
}

/** Whether the URL answers 200. */
export async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

/** The sum of a metric's series that have all of these labels. */
export async function metric(
  url: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const text = await (await fetch(url)).text();
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
