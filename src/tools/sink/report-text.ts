/** The sinks' report for people. */
import { signalFacts, signals } from "../otlp-proto.ts";
import { type Column, formatCount, renderTable } from "../text.ts";
import type { SinkReport } from "./sink.ts";

const servicesShown = 20;

/** A table of what every sink took in, one of the services, and a line for whatever went wrong. */
export function renderSinks(reports: readonly SinkReport[]): string {
  return [renderSignals(reports), renderServices(reports), renderTroubles(reports)]
    .filter((part) => part !== "")
    .join("\n\n");
}

function renderSignals(reports: readonly SinkReport[]): string {
  const columns: Column[] = [
    { title: "sink", align: "left" },
    { title: "signal", align: "left" },
    { title: "requests", align: "right" },
    { title: "items", align: "right" },
    { title: "resources", align: "right" },
    { title: "MB", align: "right" },
    { title: "traces", align: "right" },
  ];
  const rows = reports.flatMap((report) =>
    signals.map((signal) => {
      const counts = report.signals[signal];
      return [
        report.endpoint,
        signal,
        formatCount(counts.requests),
        `${formatCount(counts.items)} ${signalFacts[signal].items}`,
        formatCount(counts.resources),
        (counts.bytes / 1e6).toFixed(1),
        signal === "traces" ? formatCount(traceCount(report)) : "",
      ];
    }),
  );
  return renderTable(columns, rows);
}

function renderServices(reports: readonly SinkReport[]): string {
  const totals = new Map<string, number>();
  for (const report of reports) {
    for (const [service, counts] of Object.entries(report.services)) {
      const items = counts.traces + counts.metrics + counts.logs;
      totals.set(service, (totals.get(service) ?? 0) + items);
    }
  }
  if (totals.size === 0) return "";
  const largest = [...totals].sort(([, a], [, b]) => b - a).slice(0, servicesShown);
  const columns: Column[] = [
    { title: "service", align: "left" },
    ...reports.map(({ endpoint }): Column => ({ title: endpoint, align: "right" })),
  ];
  const rows = largest.map(([service]) => [
    service === "" ? "(no service.name)" : service,
    ...reports.map((report) => {
      const counts = report.services[service];
      return counts === undefined ? "-" : formatCount(counts.traces + counts.metrics + counts.logs);
    }),
  ]);
  const more = totals.size - largest.length;
  return renderTable(columns, rows) + (more > 0 ? `\nand ${formatCount(more)} more services` : "");
}

function renderTroubles(reports: readonly SinkReport[]): string {
  const lines = reports.flatMap((report) => {
    const troubles: (readonly [number, string])[] = [
      [report.failedRequests, "requests refused, as it was told to"],
      [report.malformedRequests, "requests that could not be decoded"],
      ...signals.map((signal) => {
        const { items } = signalFacts[signal];
        return [report.signals[signal].rejectedItems, `${items} rejected, as it was told to`] as const;
      }),
      [duplicatedItems(report), "items that came more than once"],
      [report.traces.invalidIds, "spans without valid ids"],
      [report.traces.spansBeyondLimit, "spans beyond the traces that are kept"],
      [report.itemsOfOtherServices, "items beyond the services that are kept"],
      [report.itemsOfOtherRuns, "generated items beyond the runs that are kept"],
    ];
    return troubles
      .filter(([count]) => count > 0)
      .map(([count, what]) => `${report.endpoint}: ${formatCount(count)} ${what}`);
  });
  return lines.join("\n");
}

function traceCount(report: SinkReport): number {
  return report.runs.reduce((total, run) => total + run.traceCount, report.traces.count);
}

function duplicatedItems(report: SinkReport): number {
  return report.runs.reduce(
    (total, run) => signals.reduce((sum, signal) => sum + run.signals[signal].duplicated, total),
    report.traces.duplicatedSpans,
  );
}
