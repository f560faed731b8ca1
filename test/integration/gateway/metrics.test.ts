import { describe, expect, it } from "vitest";
import { metricTables } from "../../../src/gateway/metric-tables.ts";
import { Generator } from "../../../src/tools/generate/generator.ts";
import { startGateway, startSink } from "../../support/gateway.ts";

describe("the metrics of a gateway", () => {
  it("are all in the tables that docs/metrics.md is made from, each once", async () => {
    const sink = await startSink();
    const { gateway, endpoints } = await startGateway(`
receivers: { otlp: { protocols: { grpc: { endpoint: "127.0.0.1:0" } } } }
exporters:
  load_balancing:
    resolver: { static: { hostnames: ["${sink.endpoint}"] } }
    protocol: { otlp: { tls: { insecure: true } } }
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [load_balancing] }
    logs: { receivers: [otlp], exporters: [load_balancing] }
`);
    await new Generator({
      endpoints: [endpoints["otlp/grpc"]!],
      signals: ["traces", "logs"],
      count: 500,
    }).generate(new AbortController().signal);
    const documented = metricTables.flatMap(({ definitions }) => definitions.map(({ name }) => name));
    expect(new Set(documented).size).toBe(documented.length);
    const shown = gateway.metrics.families().map(({ definition }) => definition.name);
    expect(shown.filter((name) => !documented.includes(name))).toEqual([]);
    expect(shown.length).toBeGreaterThan(30);
  });
});
