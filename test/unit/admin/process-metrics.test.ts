import { afterEach, expect, test } from "vitest";
import { renderExposition } from "../../../src/admin/exposition.ts";
import { ProcessMetrics, processMetrics } from "../../../src/admin/process-metrics.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";

const metrics = new MetricRegistry();
const measured = new ProcessMetrics({ metrics });
afterEach(() => measured.close());

test("the process is measured under the names that dashboards ask for", () => {
  measured.collect();
  const text = renderExposition(metrics.families());
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);

  expect(value("otelcol_process_uptime_seconds_total")).toBeGreaterThan(0);
  expect(value("otelcol_process_cpu_seconds_total")).toBeGreaterThan(0);
  expect(value("otelcol_process_memory_rss_bytes")).toBeGreaterThan(value("nodejs_heap_size_used_bytes"));
  expect(value("nodejs_heap_size_total_bytes")).toBeGreaterThanOrEqual(value("nodejs_heap_size_used_bytes"));
  expect(value("nodejs_eventloop_lag_seconds")).toBeGreaterThanOrEqual(0);
  expect(value("nodejs_eventloop_lag_max_seconds")).toBeLessThan(60);
  expect(value("nodejs_eventloop_utilization_ratio")).toBeGreaterThanOrEqual(0);
  expect(value("nodejs_eventloop_utilization_ratio")).toBeLessThanOrEqual(1);
  expect(
    Math.abs(
      value("process_start_time_seconds") + value("otelcol_process_uptime_seconds_total") - Date.now() / 1000,
    ),
  ).toBeLessThan(60);
  expect(text).toContain('nodejs_gc_duration_seconds_count{kind="major"}');
  for (const { name } of Object.values(processMetrics)) expect(text).toContain(`# TYPE ${name} `);
});
