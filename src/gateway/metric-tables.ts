/** Every metric that a gateway may show, for docs/metrics.md and for the test that finds one missing. */
import { healthMetrics } from "../admin/health.ts";
import { processMetrics } from "../admin/process-metrics.ts";
import type { MetricDefinition } from "../base/metrics.ts";
import { tlsMetrics } from "../base/tls.ts";
import { discoveryMetrics } from "../discovery/discovery-metrics.ts";
import { exportMetricDefinitions } from "../export/metrics.ts";
import { accountMetrics } from "../pipeline/account.ts";
import { backendPoolMetrics } from "../pipeline/backend-pool.ts";
import { dispatcherMetrics } from "../pipeline/dispatcher.ts";
import { routeMetrics } from "../pipeline/route.ts";
import { receiverMetrics } from "../receive/receiver-metrics.ts";

interface MetricTable {
  readonly title: string;
  readonly definitions: readonly MetricDefinition[];
}

const table = (title: string, definitions: Readonly<Record<string, MetricDefinition>>): MetricTable => ({
  title,
  definitions: Object.values(definitions),
});

export const metricTables: readonly MetricTable[] = [
  table("Accounts of an exporter", accountMetrics),
  {
    title: "Items at a receiver",
    definitions: [dispatcherMetrics.accepted, dispatcherMetrics.refused].flatMap((bySignal) =>
      Object.values(bySignal),
    ),
  },
  table("Requests at a receiver", receiverMetrics),
  table("Routing", routeMetrics),
  table("Ring", backendPoolMetrics),
  table("Discovery", discoveryMetrics),
  table("Backends", exportMetricDefinitions),
  table("Certificates", tlsMetrics),
  table("Health", healthMetrics),
  table("Process", processMetrics),
];

/** docs/metrics.md. */
export function metricsMarkdown(): string {
  const sections = metricTables.map(({ title, definitions }) => {
    const rows = definitions.map(
      ({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.join(", ")} | ${help} |`,
    );
    return [`## ${title}`, "", "| name | type | labels | |", "|---|---|---|---|", ...rows].join("\n");
  });
  return `# Metrics

Served in the Prometheus text format at \`service.telemetry.metrics\` (port 8888). Names that begin with
\`otelcol_\` are the Collector's and mean what they mean there, so that its dashboards and alerts work;
\`otlpring_\` are our own. This page is made from the program by \`npm run docs\`.

${sections.join("\n\n")}
`;
}
