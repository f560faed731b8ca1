import { beforeEach, describe, expect, test } from "vitest";
import { HealthModel, healthMetrics } from "../../../src/admin/health.ts";
import { availabilityReport, goDuration, statusReport } from "../../../src/admin/health-report.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";

let logged: unknown[][];
let metrics: MetricRegistry;
let health: HealthModel;

beforeEach(() => {
  logged = [];
  metrics = new MetricRegistry();
  const logger = {
    ...silentLogger,
    info: (...line: unknown[]) => void logged.push(line),
    warn: (...line: unknown[]) => void logged.push(line),
  };
  health = new HealthModel({ logger, metrics });
});

describe("readiness", () => {
  test("comes when every needed component is ok, goes with any of them, and comes back", () => {
    expect(health.ready).toBe(false);
    const receiver = health.add("receiver:otlp", { group: "pipeline:traces" });
    const ring = health.add("ring:traces", { group: "pipeline:traces" });
    const zpages = health.add("extension:zpages", { group: "extensions", needed: false });
    expect(health.ready).toBe(false);
    receiver.report("ok");
    expect(health.ready).toBe(false);
    ring.report("ok");
    expect(health.ready).toBe(true);
    zpages.report("failed", "the port is taken");
    expect(health.ready).toBe(true);
    ring.report("failed", "no backend answers");
    expect(health.ready).toBe(false);
    ring.report("ok");
    expect(health.ready).toBe(true);
    receiver.report("draining");
    expect(health.ready).toBe(false);
    ring.report("draining");
    receiver.report("ok");
    expect(health.obstacles().map(({ name }) => name)).toEqual(["ring:traces"]);
    ring.remove();
    expect(health.ready).toBe(true);
  });

  test("is logged once for each change, with the reason, and shown as a gauge", () => {
    const ready = metrics.gauge(healthMetrics.ready);
    const ring = health.add("ring:traces", { group: "pipeline:traces" });
    expect(ready.value).toBe(0);
    ring.report("ok");
    ring.report("ok");
    expect(ready.value).toBe(1);
    ring.report("failed", "no backend answers");
    ring.report("failed", "still none");
    expect(ready.value).toBe(0);
    expect(logged).toEqual([
      [{}, "ready"],
      [{ because: ["ring:traces is failed: no backend answers"] }, "not ready"],
    ]);
  });

  test("keeps the time of a status while only its message changes", () => {
    const ring = health.add("ring:traces", { group: "pipeline:traces" });
    ring.report("failed", "one");
    const [before] = health.components();
    ring.report("failed", "two");
    const [after] = health.components();
    expect(after).toMatchObject({ status: "failed", message: "two" });
    expect(after?.since).toBe(before?.since);
  });

  test("has no two components of one name, and hears nothing of a removed one", () => {
    const ring = health.add("ring:traces", { group: "pipeline:traces" });
    expect(() => health.add("ring:traces", { group: "other" })).toThrow(/added twice/);
    ring.remove();
    ring.report("ok");
    expect(health.components()).toEqual([]);
    expect(health.ready).toBe(false);
  });
});

describe("the report of health_check", () => {
  test("is zero in Go's way until the gateway is ready", () => {
    expect(availabilityReport(health)).toEqual({
      status: "Server not available",
      upSince: "0001-01-01T00:00:00Z",
      uptime: "",
    });
  });

  test("tells since when it is ready", () => {
    health.add("ring:traces", { group: "pipeline:traces" }).report("ok");
    const since = health.readySince!;
    expect(availabilityReport(health, new Date(since.getTime() + 61_500))).toEqual({
      status: "Server available",
      upSince: since.toISOString(),
      uptime: "1m1.5s",
    });
  });

  test.each([
    [-5, "0s"],
    [0, "0s"],
    [250, "250ms"],
    [1000, "1s"],
    [59_999, "59.999s"],
    [60_000, "1m0s"],
    [3_600_000, "1h0m0s"],
    [90_061_001, "25h1m1.001s"],
  ])("writes %d ms as %s", (milliseconds, written) => {
    expect(goDuration(milliseconds)).toBe(written);
  });
});

describe("the report of healthcheckv2", () => {
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT/);

  test("nests components in groups, and the worst stands for the whole", () => {
    health.add("receiver:otlp", { group: "pipeline:traces" }).report("ok");
    health.add("ring:traces", { group: "pipeline:traces" }).report("failed", "no backend answers");
    health.add("extension:zpages", { group: "extensions", needed: false });
    expect(statusReport(health, true)).toEqual({
      start_time: time,
      healthy: false,
      status: "StatusRecoverableError",
      error: "no backend answers",
      status_time: time,
      components: {
        "pipeline:traces": {
          healthy: false,
          status: "StatusRecoverableError",
          error: "no backend answers",
          status_time: time,
          components: {
            "receiver:otlp": { healthy: true, status: "StatusOK", status_time: time },
            "ring:traces": {
              healthy: false,
              status: "StatusRecoverableError",
              error: "no backend answers",
              status_time: time,
            },
          },
        },
        extensions: {
          healthy: true,
          status: "StatusStarting",
          status_time: time,
          components: { "extension:zpages": { healthy: true, status: "StatusStarting", status_time: time } },
        },
      },
    });
  });

  test("is healthy when only something that is not needed has failed", () => {
    health.add("receiver:otlp", { group: "pipeline:traces" }).report("ok");
    health
      .add("extension:zpages", { group: "extensions", needed: false })
      .report("failed", "the port is taken");
    expect(statusReport(health, false)).toEqual({
      start_time: time,
      healthy: true,
      status: "StatusRecoverableError",
      error: "the port is taken",
      status_time: time,
    });
  });

  test.each([
    ["starting", "StatusStarting"],
    ["ok", "StatusOK"],
    ["draining", "StatusStopping"],
    ["failed", "StatusRecoverableError"],
  ] as const)("calls %s %s", (status, word) => {
    health.add("receiver:otlp", { group: "pipeline:traces" }).report(status);
    expect(statusReport(health, false).status).toBe(word);
  });

  test("is not healthy before anything is there", () => {
    expect(statusReport(health, true)).toMatchObject({ healthy: false, components: {} });
  });
});
