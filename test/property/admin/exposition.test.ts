import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { renderExposition } from "../../../src/admin/exposition.ts";
import { type Histogram, MetricRegistry } from "../../../src/base/metrics.ts";

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format by its grammar, character by character where labels are concerned. */
function parse(text: string): Sample[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map(parseSample);
}

function parseSample(line: string): Sample {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0] ?? "";
  const labels: Record<string, string> = {};
  let rest = line.slice(name.length);
  while (rest.startsWith("{") || rest.startsWith(",")) {
    const label = /^[{,]([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"/.exec(rest);
    expect(label, line).not.toBeNull();
    labels[label![1]!] = label![2]!.replace(/\\(.)/g, (_escape, letter: string) =>
      letter === "n" ? "\n" : letter,
    );
    rest = rest.slice(label![0].length);
  }
  rest = rest.replace(/^\}/, "");
  expect(rest, line).toMatch(/^ \S+$/);
  const value = rest.slice(1).replace("Inf", "Infinity");
  return { name, labels, value: Number(value) };
}

const labelValue = fc.string({ unit: "binary", maxLength: 12 });
const name = fc.stringMatching(/^[a-z_]{1,8}$/);

describe("the exposition", () => {
  test.prop([
    fc.uniqueArray(
      fc.record({ name, help: fc.string({ unit: "binary" }), value: fc.double(), label: labelValue }),
      {
        selector: (metric) => metric.name,
      },
    ),
  ])("of gauges parses back to what was set", (metrics) => {
    const registry = new MetricRegistry();
    for (const metric of metrics) {
      const definition = { name: metric.name, type: "gauge", help: metric.help, labels: ["x"] } as const;
      registry.gauge(definition, metric.label).set(metric.value);
    }
    const parsed = parse(renderExposition(registry.families()));
    const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
    const expected = metrics
      .toSorted(byName)
      // The format knows one zero.
      .map((metric) => ({ name: metric.name, labels: { x: metric.label }, value: metric.value + 0 }));
    expect(parsed).toEqual(expected);
  });

  test.prop([
    fc.uniqueArray(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 0, maxLength: 8 }),
    fc.array(fc.double({ noNaN: true }), { maxLength: 30 }),
    labelValue,
  ])(
    "of a histogram has buckets that never fall, and the last counts everything",
    (bounds, values, label) => {
      const registry = new MetricRegistry();
      const buckets = bounds.map((bound) => bound + 0).toSorted((a, b) => a - b);
      const histogram: Histogram = registry.histogram(
        { name: "h", type: "histogram", help: "", labels: ["x"], buckets },
        label,
      );
      for (const value of values) histogram.record(value);
      const parsed = parse(renderExposition(registry.families()));
      expect(parsed.map((sample) => sample.name)).toEqual([
        ...buckets.map(() => "h_bucket"),
        "h_bucket",
        "h_sum",
        "h_count",
      ]);
      expect(parsed.every((sample) => sample.labels["x"] === label)).toBe(true);
      const counts = parsed.slice(0, buckets.length + 1);
      expect(counts.map((sample) => Number(sample.labels["le"]?.replace("+Inf", "Infinity")))).toEqual([
        ...buckets,
        Number.POSITIVE_INFINITY,
      ]);
      expect(counts.map((sample) => sample.value)).toEqual([
        ...buckets.map((bound) => values.filter((value) => value <= bound).length),
        values.length,
      ]);
      expect(parsed.at(-1)?.value).toBe(values.length);
    },
  );
});
