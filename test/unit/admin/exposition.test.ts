import { describe, expect, test } from "vitest";
import { renderExposition } from "../../../src/admin/exposition.ts";
import { type MetricDefinition, MetricRegistry } from "../../../src/base/metrics.ts";

const requests: MetricDefinition = {
  name: "b_requests_total",
  type: "counter",
  help: "Requests,\nby \\ path.",
  labels: ["path", "code"],
};
const temperature: MetricDefinition = { name: "a_temperature", type: "gauge", help: "How warm.", labels: [] };
const latency: MetricDefinition = {
  name: "c_latency_seconds",
  type: "histogram",
  help: "How long.",
  labels: ["endpoint"],
  buckets: [0.1, 1, 10],
};

describe("the exposition", () => {
  test("is this text, whatever the order in which metrics were made", () => {
    const registry = new MetricRegistry();
    const histogram = registry.histogram(latency, "10.0.0.1:4317");
    for (const value of [0.05, 0.1, 0.5, 100]) histogram.record(value);
    registry.counter(requests, "/v1/traces", "503").add(1e21);
    registry.counter(requests, '/a"b\\c\nd', "200").add(2);
    registry.counter(requests, "/v1/traces", "200").add(0.5);
    registry.gauge(temperature).set(-1.5);

    expect(renderExposition(registry.families())).toBe(
      [
        "# HELP a_temperature How warm.",
        "# TYPE a_temperature gauge",
        "a_temperature -1.5",
        "# HELP b_requests_total Requests,\\nby \\\\ path.",
        "# TYPE b_requests_total counter",
        'b_requests_total{path="/a\\"b\\\\c\\nd",code="200"} 2',
        'b_requests_total{path="/v1/traces",code="200"} 0.5',
        'b_requests_total{path="/v1/traces",code="503"} 1e+21',
        "# HELP c_latency_seconds How long.",
        "# TYPE c_latency_seconds histogram",
        'c_latency_seconds_bucket{endpoint="10.0.0.1:4317",le="0.1"} 2',
        'c_latency_seconds_bucket{endpoint="10.0.0.1:4317",le="1"} 3',
        'c_latency_seconds_bucket{endpoint="10.0.0.1:4317",le="10"} 3',
        'c_latency_seconds_bucket{endpoint="10.0.0.1:4317",le="+Inf"} 4',
        'c_latency_seconds_sum{endpoint="10.0.0.1:4317"} 100.65',
        'c_latency_seconds_count{endpoint="10.0.0.1:4317"} 4',
        "",
      ].join("\n"),
    );
  });

  test.each([
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "+Inf"],
    [Number.NEGATIVE_INFINITY, "-Inf"],
    [0, "0"],
    [1e-9, "1e-9"],
  ])("writes %d as %s", (value, written) => {
    const registry = new MetricRegistry();
    registry.gauge(temperature).set(value);
    expect(renderExposition(registry.families())).toContain(`\na_temperature ${written}\n`);
  });

  test("leaves out a family whose series have all been removed", () => {
    const registry = new MetricRegistry();
    registry.counter(requests, "/", "200").add(1);
    registry.remove(requests, "/", "200");
    expect(renderExposition(registry.families())).toBe("");
  });

  test("calls a gauge that cannot be read not a number, and tells the others", () => {
    const registry = new MetricRegistry();
    registry.gauge(temperature).observe(() => {
      throw new Error("no thermometer");
    });
    registry.counter(requests, "/", "200").add(1);
    const text = renderExposition(registry.families());
    expect(text).toContain("a_temperature NaN\n");
    expect(text).toContain('b_requests_total{path="/",code="200"} 1\n');
  });
});
