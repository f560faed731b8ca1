/** The OpenTelemetry SDK for JavaScript, by each of its exporters, through a whole gateway to two collectors. */
import { context, type HrTime, SeverityNumber, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPLogExporter as GrpcLogExporter } from "@opentelemetry/exporter-logs-otlp-grpc";
import { OTLPLogExporter as JsonLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtobufLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter as GrpcMetricExporter } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPMetricExporter as JsonMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as ProtobufMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as GrpcTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchLogRecordProcessor,
  InMemoryLogRecordExporter,
  LoggerProvider,
  type LogRecordExporter,
  SimpleLogRecordProcessor,
} from "@opentelemetry/sdk-logs";
import {
  AggregationTemporality,
  AggregationType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from "@opentelemetry/sdk-metrics";
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type SpanExporter,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { describe, expect, it, onTestFinished } from "vitest";
import type { StableSignal as Signal } from "../../../src/otlp/signal.ts";
import { type StartedGateway, startGateway, startSink } from "../../support/gateway.ts";
import { requestType } from "../../support/random-otlp.ts";
import { startCollector } from "../export/backends.ts";

const protocols = ["grpc", "http/protobuf", "http/json"] as const;
type Protocol = (typeof protocols)[number];

function configuration(members: readonly string[], corsOrigin = "https://shop.example"): string {
  return `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: 127.0.0.1:0 }
      http: { endpoint: 127.0.0.1:0, cors: { allowed_origins: ["${corsOrigin}"] } }
exporters:
  load_balancing:
    resolver: { static: { hostnames: ${JSON.stringify(members)} } }
    protocol: { otlp: { tls: { insecure: true } } }
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [load_balancing] }
    metrics: { receivers: [otlp], exporters: [load_balancing] }
    logs: { receivers: [otlp], exporters: [load_balancing] }
`;
}

type Endpoints = StartedGateway["endpoints"];
const ofGrpc = (endpoints: Endpoints) => ({ url: `http://${endpoints["otlp/grpc"]}` });
const ofHttp = (endpoints: Endpoints, path: string) => ({ url: `http://${endpoints["otlp/http"]}${path}` });

const traceExporters: Record<Protocol, (endpoints: Endpoints) => SpanExporter> = {
  grpc: (endpoints) => new GrpcTraceExporter(ofGrpc(endpoints)),
  "http/protobuf": (endpoints) => new ProtobufTraceExporter(ofHttp(endpoints, "/v1/traces")),
  "http/json": (endpoints) => new JsonTraceExporter(ofHttp(endpoints, "/v1/traces")),
};
const metricExporters: Record<Protocol, (endpoints: Endpoints) => PushMetricExporter> = {
  grpc: (endpoints) => new GrpcMetricExporter(ofGrpc(endpoints)),
  "http/protobuf": (endpoints) => new ProtobufMetricExporter(ofHttp(endpoints, "/v1/metrics")),
  "http/json": (endpoints) => new JsonMetricExporter(ofHttp(endpoints, "/v1/metrics")),
};
const logExporters: Record<Protocol, (endpoints: Endpoints) => LogRecordExporter> = {
  grpc: (endpoints) => new GrpcLogExporter(ofGrpc(endpoints)),
  "http/protobuf": (endpoints) => new ProtobufLogExporter(ofHttp(endpoints, "/v1/logs")),
  "http/json": (endpoints) => new JsonLogExporter(ofHttp(endpoints, "/v1/logs")),
};

const resource = resourceFromAttributes({
  "service.name": "shop",
  "process.pid": 4711,
  "a.double": 0.25,
  "a.list": ["one", "two", "grüße \u2028 🎉"],
});

async function startTwoSinks() {
  const sinks = [await startSink(), await startSink()];
  const { endpoints } = await startGateway(configuration(sinks.map(({ endpoint }) => endpoint)));
  return { sinks, endpoints };
}

describe.each(protocols)("by %s", (protocol) => {
  it("traces arrive whole, each on one collector", async () => {
    const { sinks, endpoints } = await startTwoSinks();
    const exporter = traceExporters[protocol](endpoints);
    const provider = new TracerProvider({ resource, spanProcessors: [new BatchSpanProcessor({ exporter })] });
    const tracer = provider.getTracer("test");
    const spansOf = new Map<string, string[]>();
    for (let number = 0; number < 40; number += 1) {
      const root = tracer.startSpan("request");
      const child = tracer.startSpan("query", {}, trace.setSpan(context.active(), root));
      const { traceId, spanId } = root.spanContext();
      spansOf.set(traceId, [spanId, child.spanContext().spanId].sort());
      child.end();
      root.end();
    }
    // Flushes, while there still is a gateway.
    await provider.shutdown();
    const arrived = [...spansOf.keys()].map((traceId) =>
      sinks.map((sink) => [...(sink.spanIds(traceId) ?? [])].sort()).filter((ids) => ids.length > 0),
    );
    expect(arrived).toEqual([...spansOf.values()].map((ids) => [ids]));
    expect(sinks.every((sink) => sink.report().signals.traces.items > 0)).toBe(true);
    expect(sinks.map((sink) => sink.report().malformedRequests)).toEqual([0, 0]);
  });

  it("metrics of a service arrive on one collector", async () => {
    const { sinks, endpoints } = await startTwoSinks();
    const reader = new PeriodicExportingMetricReader({ exporter: metricExporters[protocol](endpoints) });
    const provider = new MeterProvider({ resource, readers: [reader] });
    const meter = provider.getMeter("test");
    meter.createCounter("orders").add(3, { region: "eu" });
    meter.createHistogram("duration").record(1.5, { region: "eu" });
    meter.createUpDownCounter("open").add(-2, { region: "us" });
    // Flushes, while there still is a gateway.
    await provider.shutdown();
    const items = sinks.map((sink) => sink.report().signals.metrics.items);
    expect(items.sort((a, b) => a - b)).toEqual([0, 3]);
  });

  it("logs of a service arrive on one collector", async () => {
    const { sinks, endpoints } = await startTwoSinks();
    const exporter = logExporters[protocol](endpoints);
    const provider = new LoggerProvider({
      resource,
      processors: [new BatchLogRecordProcessor({ exporter })],
    });
    const logger = provider.getLogger("test");
    for (let number = 0; number < 20; number += 1) logger.emit({ body: `log ${number}` });
    // Flushes, while there still is a gateway.
    await provider.shutdown();
    const items = sinks.map((sink) => sink.report().signals.logs.items);
    expect(items.sort((a, b) => a - b)).toEqual([0, 20]);
  });
});

/** What one collector received of each protocol, decoded by protobufjs. */
async function arrivals<Items>(
  signal: Signal,
  items: Items,
  exporters: Record<
    Protocol,
    (endpoints: Endpoints) => {
      export(items: Items, done: (result: { code: number }) => void): void;
      shutdown(): Promise<void>;
    }
  >,
): Promise<unknown[]> {
  const collector = await startCollector();
  onTestFinished(() => collector.stop());
  const { endpoints } = await startGateway(configuration([collector.member]));
  for (const protocol of protocols) {
    const exporter = exporters[protocol](endpoints);
    onTestFinished(() => exporter.shutdown());
    const code = await new Promise((resolve) => {
      exporter.export(items, (result) => resolve(result.code));
    });
    expect(code).toBe(0);
  }
  const type = requestType(signal);
  return collector.requests.map((request) =>
    type.toObject(type.decode(request), {
      longs: String,
      bytes: "hex" as never,
      enums: Number,
      defaults: true,
      oneofs: true,
    }),
  );
}

describe("the same telemetry arrives, whichever protocol brought it", () => {
  it("spans", async () => {
    const memory = new InMemorySpanExporter();
    const provider = new TracerProvider({
      resource,
      spanProcessors: [new SimpleSpanProcessor({ exporter: memory })],
    });
    const tracer = provider.getTracer("test", "1.2.3", {
      schemaUrl: "https://opentelemetry.io/schemas/1.30.0",
    });
    const startTime: HrTime = [1_700_000_000, 123_456_789];
    const root = tracer.startSpan("root", {
      kind: SpanKind.SERVER,
      startTime,
      attributes: { text: 'a "b" \\ \n', yes: true, no: false },
    });
    const child = tracer.startSpan(
      "child",
      {
        links: [{ context: root.spanContext(), attributes: { number: 2 ** 53 - 1 } }],
        attributes: { list: [1, 2.5, -3], empty: "" },
      },
      trace.setSpan(context.active(), root),
    );
    child.addEvent("event", { "event.size": 12 }, [1_700_000_000, 1]);
    child.recordException(new Error("failed"));
    child.setStatus({ code: SpanStatusCode.ERROR, message: "failed" });
    child.end();
    root.end();
    const [grpc, protobuf, json] = await arrivals("traces", memory.getFinishedSpans(), traceExporters);
    expect(JSON.stringify(grpc)).toContain("1700000000123456789");
    expect(protobuf).toEqual(grpc);
    expect(json).toEqual(grpc);
  });

  it("metrics", async () => {
    const memory = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter: memory });
    const provider = new MeterProvider({
      resource,
      readers: [reader],
      views: [
        { instrumentName: "exponential", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } },
      ],
    });
    onTestFinished(() => provider.shutdown());
    const meter = provider.getMeter("test");
    meter.createCounter("count", { unit: "{order}", description: "Orders." }).add(7, { region: "eu" });
    meter.createUpDownCounter("open").add(-7.5);
    meter.createGauge("temperature").record(-0.1, { room: "ü" });
    const histogram = meter.createHistogram("duration");
    const exponential = meter.createHistogram("exponential");
    for (const value of [0, 0.001, 3, 99.9, 12_345.678]) {
      histogram.record(value);
      exponential.record(value);
    }
    await provider.forceFlush();
    const [grpc, protobuf, json] = await arrivals("metrics", memory.getMetrics()[0]!, metricExporters);
    expect(JSON.stringify(grpc)).toContain("exponentialHistogram");
    expect(protobuf).toEqual(grpc);
    expect(json).toEqual(grpc);
  });

  it("log records", async () => {
    const memory = new InMemoryLogRecordExporter();
    const provider = new LoggerProvider({
      resource,
      processors: [new SimpleLogRecordProcessor({ exporter: memory })],
    });
    const logger = provider.getLogger("test");
    const spanContext = {
      traceId: "5b8efff798038103d269b633813fc60c",
      spanId: "eee19b7ec3c1b174",
      traceFlags: 1,
    };
    logger.emit({
      severityNumber: SeverityNumber.WARN,
      severityText: "WARN",
      eventName: "session.start",
      body: { nested: { list: [1, "two", [3.5, null]], bytes: new Uint8Array([0, 255, 63]) }, text: "grüße" },
      attributes: { size: 4294967296, ratio: 1e-9 },
      timestamp: [1_700_000_000, 999_999_999],
      context: trace.setSpanContext(context.active(), spanContext),
    });
    logger.emit({ body: "a second one" });
    const [grpc, protobuf, json] = await arrivals("logs", memory.getFinishedLogRecords(), logExporters);
    expect(JSON.stringify(grpc)).toContain("session.start");
    expect(protobuf).toEqual(grpc);
    expect(json).toEqual(grpc);
  });
});
