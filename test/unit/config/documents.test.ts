import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { staleDocuments } from "../../../scripts/generate-docs.ts";
import { configurationMarkdown } from "../../../src/config/document.ts";
import { configurationJsonSchema } from "../../../src/config/json-schema.ts";
import { printConfig } from "../../../src/config/print.ts";
import { complete } from "./complete.ts";
import { load, minimal, sourcesOf } from "./load.ts";

describe("the generated documents", () => {
  it("are up to date; npm run docs writes them", () => {
    expect(staleDocuments()).toEqual([]);
  });

  it("the example of the page is a configuration", () => {
    const [, example = ""] = /```yaml\n(.*?)```/s.exec(configurationMarkdown()) ?? [];
    expect(load(example).settings.exporters).toHaveLength(1);
  });

  it("every key of the complete example is in the page", () => {
    const page = configurationMarkdown();
    const keys = complete.matchAll(/([a-z_]+):/g);
    const missing = [...new Set(Array.from(keys, ([, key]) => key!))].filter((name) => !page.includes(name));
    expect(missing).toEqual([
      // Of sections that have no effect.
      "initial_interval",
      "max_interval",
      "max_elapsed_time",
      "spanmetrics",
    ]);
  });
});

describe("the JSON Schema", () => {
  const schema = z.fromJSONSchema(JSON.parse(configurationJsonSchema()));

  it.each([
    ["the complete example", complete.replaceAll(/\$\{env:[A-Z_]+:-([^}]*)\}/g, "$1")],
    ["a short file", minimal()],
    ["references where numbers stand", minimal({ grpc: '{ max_concurrent_streams: "${env:N}" }' })],
    ["an empty grpc", minimal({ grpc: "" })],
  ])("takes %s", (_name, text) => {
    expect(schema.safeParse(parse(text)).error?.issues).toBeUndefined();
  });

  it.each([
    ["a misspelt key", minimal({ grpc: "{ endpont: localhost:4317 }" })],
    ["a number without its unit", minimal({ service: "shutdown: { delay: 5 }" })],
    ["an exporter that there is not", minimal().replace("exporters:", "exporters:\n  debug: {}")],
    ["no pipelines", "receivers: { otlp: { protocols: {} } }\nexporters: {}\nservice: { pipelines: {} }\n"],
  ])("refuses %s", (_name, text) => {
    expect(schema.safeParse(parse(text)).success).toBe(false);
  });
});

describe("print-config", () => {
  it("shows what was merged and substituted, as YAML that loads again", () => {
    const sources = sourcesOf({
      files: [minimal({ grpc: "{ endpoint: ${env:HOST}:4317 }" }), "service: { workers: 2 }\n"],
      sets: ["service.shutdown.delay=1s"],
      env: { HOST: "10.0.0.1" },
    });
    const printed = printConfig(sources);
    expect(printed).toBe(`receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 10.0.0.1:4317
exporters:
  load_balancing:
    resolver:
      dns:
        hostname: tier2.obs
extensions: null
service:
  pipelines:
    traces:
      receivers:
        - otlp
      exporters:
        - load_balancing
  workers: 2
  shutdown:
    delay: 1s
`);
    expect(load(printed).settings.workers).toBe(2);
  });

  it("shows the complete example without its secrets", () => {
    const printed = printConfig(sourcesOf({ files: [complete] }));
    expect(printed).toContain("hostname: tier2-collector-headless.obs");
    expect(printed).toContain('x-api-key: "[REDACTED]"');
    expect(printed).not.toContain("hunter2");
  });
});

describe("the complete example", () => {
  it("loads, with warnings of what this version does not have", () => {
    const { settings, warnings } = load(complete);
    expect(settings.exporters.map(({ name }) => name)).toEqual([
      "load_balancing/traces",
      "load_balancing/spanmetrics",
    ]);
    expect(settings.exporters[0]).toMatchObject({
      routingKey: { traces: "traceID" },
      resolver: { type: "dns", records: ["A"] },
      protocol: { compression: "gzip", timeoutMs: 5000, headers: { "x-api-key": "hunter2" } },
      forwardHeaders: ["x-scope-orgid"],
      allowedCidrs: ["10.0.0.0/8"],
    });
    expect(warnings.map((warning) => warning.split(" ")[1])).toEqual([
      "exporters.load_balancing/traces.protocol.otlp.retry_on_failure:",
      "exporters.load_balancing/traces.handoff:",
      "exporters.load_balancing/traces.wal:",
      "service.cluster:",
    ]);
  });
});
