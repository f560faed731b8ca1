/** What `otlp-ring demo` prints: where each new trace went, and what each sink has. */

import type { Sink, SinkReport } from "../tools/sink/sink.ts";
import { renderTable } from "../tools/text.ts";

/** New traces shown a tick; under load the rest is only counted. */
const tracesShownMax = 8;
/** Traces remembered as shown; a demo is looked at for minutes. */
const tracesRememberedMax = 100_000;

export class DemoView {
  readonly #sinks: readonly Sink[];
  readonly #write: (text: string) => void;
  readonly #shown = new Set<string>();
  #totals = "";

  constructor(sinks: readonly Sink[], write: (text: string) => void) {
    this.#sinks = sinks;
    this.#write = write;
  }

  /** Prints what is new since the last time; nothing when nothing is. */
  refresh(): void {
    const reports = this.#sinks.map((sink) => sink.report());
    const lines = reports.flatMap((report, index) => this.#newTraces(report, index + 1));
    const hidden = lines.length - tracesShownMax;
    for (const line of lines.slice(0, tracesShownMax)) this.#write(`${line}\n`);
    if (hidden > 0) this.#write(`… and ${hidden} more traces\n`);
    const totals = totalsTable(reports);
    if (totals === this.#totals) return;
    this.#totals = totals;
    this.#write(`${totals}\n\n`);
  }

  #newTraces(report: SinkReport, number: number): string[] {
    const lines: string[] = [];
    for (const { traceId, spans, services } of report.traces.latest) {
      if (this.#shown.has(traceId)) continue;
      if (this.#shown.size === tracesRememberedMax) this.#shown.clear();
      this.#shown.add(traceId);
      lines.push(
        `trace ${traceId} -> sink ${number} (${spans} spans of ${services.join(", ") || "no service"})`,
      );
    }
    return lines;
  }
}

function totalsTable(reports: readonly SinkReport[]): string {
  const rows = reports.map(({ endpoint, signals, services, traces, runs }, index) => [
    `sink ${index + 1}`,
    endpoint,
    String(signals.traces.items),
    String(runs.reduce((count, run) => count + run.traceCount, traces.count)),
    String(signals.metrics.items),
    String(signals.logs.items),
    shorten(Object.keys(services).sort()),
  ]);
  return renderTable(
    [
      { title: "", align: "left" },
      { title: "endpoint", align: "left" },
      { title: "spans", align: "right" },
      { title: "traces", align: "right" },
      { title: "points", align: "right" },
      { title: "records", align: "right" },
      { title: "services", align: "left" },
    ],
    rows,
  );
}

function shorten(services: readonly string[]): string {
  const shown = services.slice(0, 5).join(", ");
  return services.length > 5 ? `${shown}, … (${services.length})` : shown;
}
