import { describe, expect, it } from "vitest";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import { ExportMetrics, exportMetricDefinitions } from "../../../src/export/metrics.ts";

describe("the metrics of lanes", () => {
  const seriesOf = (registry: MetricRegistry, name: string): number =>
    registry.families().find(({ definition }) => definition.name === name)?.series.length ?? 0;
  const { backend_up, backend_latency } = exportMetricDefinitions;

  it("keep the series of a member that came back while its old lane still drains", () => {
    const registry = new MetricRegistry();
    const metrics = new ExportMetrics(registry);
    const old = metrics.openLane("a", "10.0.0.1:4317", () => false);
    const current = metrics.openLane("a", "10.0.0.1:4317", () => true);
    old.close();
    expect(seriesOf(registry, backend_up.name)).toBe(1);
    expect(registry.gauge(backend_up, "a", "10.0.0.1:4317").value).toBe(1);
    current.close();
    expect(seriesOf(registry, backend_up.name)).toBe(0);
    expect(seriesOf(registry, backend_latency.name)).toBe(0);
  });

  it("keep an endpoint's series while another exporter has it", () => {
    const registry = new MetricRegistry();
    const metrics = new ExportMetrics(registry);
    const one = metrics.openLane("a", "10.0.0.1:4317", () => true);
    metrics.openLane("b", "10.0.0.1:4317", () => true);
    one.close();
    expect(seriesOf(registry, backend_up.name)).toBe(1);
    expect(seriesOf(registry, backend_latency.name)).toBe(1);
  });
});
