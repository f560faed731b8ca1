/**
 * Metrics in the Prometheus text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format), in an order that never changes.
 */
import { type Gauge, Histogram, type LabelValues, type MetricFamily } from "../base/metrics.ts";

export const EXPOSITION_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** All families that have series, sorted by name; each family's series sorted by their label values. */
export function renderExposition(families: readonly MetricFamily[]): string {
  return families
    .filter(({ series }) => series.length > 0)
    .toSorted((a, b) => compare(a.definition.name, b.definition.name))
    .map(renderFamily)
    .join("");
}

function renderFamily({ definition, series }: MetricFamily): string {
  const { name, type, help, labels } = definition;
  let text = `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
  for (const { labelValues, instrument } of series.toSorted(bySeries)) {
    const pairs = labels.map((label, index) => `${label}="${escapeLabelValue(labelValues[index] ?? "")}"`);
    text +=
      instrument instanceof Histogram
        ? renderHistogram(name, pairs, instrument)
        : sample(name, pairs, readValue(instrument));
  }
  return text;
}

function renderHistogram(name: string, pairs: readonly string[], { bounds, counts, sum }: Histogram): string {
  let text = "";
  let cumulated = 0;
  for (const [index, count] of counts.entries()) {
    cumulated += count;
    const bound = bounds[index] ?? Number.POSITIVE_INFINITY;
    text += sample(`${name}_bucket`, [...pairs, `le="${formatNumber(bound)}"`], cumulated);
  }
  return `${text}${sample(`${name}_sum`, pairs, sum)}${sample(`${name}_count`, pairs, cumulated)}`;
}

function sample(name: string, pairs: readonly string[], value: number): string {
  const labels = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
  return `${name}${labels} ${formatNumber(value)}\n`;
}

/** A gauge whose reading fails is not a number; the others are still told. */
function readValue(instrument: Pick<Gauge, "value">): number {
  try {
    return instrument.value;
  } catch {
    return Number.NaN;
  }
}

function formatNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabelValue(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

function bySeries(a: { labelValues: LabelValues }, b: { labelValues: LabelValues }): number {
  for (const [index, value] of a.labelValues.entries()) {
    const order = compare(value, b.labelValues[index] ?? "");
    if (order !== 0) return order;
  }
  return 0;
}

/** By code units: the same on every machine, whatever its locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
