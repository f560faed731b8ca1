/** What is generated, decoded by protobufjs and looked at as OTLP and the semantic conventions have it. */
import { describe, expect, it } from "vitest";
import type { Batch, Workload } from "../../../src/tools/generate/batch.ts";
import { LogWorkload } from "../../../src/tools/generate/log-workload.ts";
import { MetricWorkload } from "../../../src/tools/generate/metric-workload.ts";
import { createServices } from "../../../src/tools/generate/shop.ts";
import { TraceWorkload } from "../../../src/tools/generate/trace-workload.ts";
import { readItemId, readItemIdHex, readSpanId } from "../../../src/tools/item-identity.ts";
import type { DataPoint, Span } from "../../../src/tools/otlp-messages.ts";
import { int64ToNumber, logsRequest, metricsRequest, tracesRequest } from "../../../src/tools/otlp-proto.ts";
import { Random } from "../../../src/tools/random.ts";
import { dataPoints, stringAttribute } from "../../../src/tools/sink/arrivals.ts";

const run = 0xab_cd_ef_01;
const nowMs = Date.parse("2026-02-03T04:05:06Z");
const options = { run, batchSize: 64, now: () => nowMs };

function createWorkloads(
  seed: number,
  serviceCount = 13,
): { traces: Workload; metrics: Workload; logs: Workload } {
  const random = new Random(seed);
  const services = createServices(serviceCount, random);
  return {
    traces: new TraceWorkload(options, services, random),
    metrics: new MetricWorkload(options, services, random),
    logs: new LogWorkload(options, services, random, () => 40),
  };
}

function take(workload: Workload, count: number): Batch[] {
  return Array.from({ length: count }, () => workload.next());
}

function takeAll(workload: Workload, count: number): Batch[] {
  const batches = take(workload, count);
  for (let batch = workload.drain(); batch !== undefined; batch = workload.drain()) batches.push(batch);
  return batches;
}

function sequencesOf(batches: readonly Batch[]): number[] {
  return batches.flatMap(({ sequences }) => [...sequences]);
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);
const ascending = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

describe("generated traces", () => {
  const batches = takeAll(createWorkloads(1).traces, 60);
  const requests = batches.map(({ payload }) => tracesRequest().decode(payload));
  const spansOf = (request: (typeof requests)[number]): Span[] =>
    (request.resourceSpans ?? []).flatMap(({ scopeSpans }) =>
      (scopeSpans ?? []).flatMap(({ spans }) => spans ?? []),
    );
  const spans = requests.flatMap(spansOf);
  const sequence = (span: Span): number | undefined => readSpanId(span.spanId, run);

  it("come one resource a request, with a service's name and no empty scope", () => {
    for (const { resourceSpans } of requests) {
      expect(resourceSpans).toHaveLength(1);
      expect(stringAttribute(resourceSpans?.[0]?.resource?.attributes, "service.name")).toMatch(/^[a-z-]+$/);
      expect(resourceSpans?.[0]?.scopeSpans?.every((scope) => scope.spans!.length > 0)).toBe(true);
      expect(resourceSpans?.[0]?.scopeSpans?.every((scope) => scope.scope!.name !== "")).toBe(true);
    }
  });

  it("number every span once, in the batch that says so", () => {
    expect(batches.map((batch) => [...batch.sequences])).toEqual(
      requests.map((request) => spansOf(request).map(sequence)),
    );
    expect(ascending(sequencesOf(batches))).toEqual(upTo(spans.length));
  });

  it("span several services, and several requests", () => {
    const requestsOfTrace = new Map<number, Set<number>>();
    requests.forEach((request, index) => {
      for (const span of spansOf(request)) {
        const trace = readItemId(span.traceId)!.sequence;
        requestsOfTrace.set(trace, (requestsOfTrace.get(trace) ?? new Set()).add(index));
      }
    });
    const counts = [...requestsOfTrace.values()].map((set) => set.size);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...counts)).toBeGreaterThanOrEqual(8);
  });

  it("are whole: one root, and every parent is a span of the same trace", () => {
    const bySequence = new Map(spans.map((span) => [sequence(span), span]));
    const roots = spans.filter((span) => span.parentSpanId!.length === 0);
    const traces = new Set(spans.map((span) => readItemId(span.traceId)?.sequence));
    expect(roots).toHaveLength(traces.size);
    for (const span of spans.filter(({ parentSpanId }) => parentSpanId!.length > 0)) {
      const parent = bySequence.get(readSpanId(span.parentSpanId, run));
      expect(parent?.traceId).toEqual(span.traceId);
    }
  });

  it("run forward in time, with their events within, near the clock", () => {
    for (const span of spans) {
      const times = [
        span.startTimeUnixNano,
        ...span.events!.map(({ timeUnixNano }) => timeUnixNano),
        span.endTimeUnixNano,
      ].map((time) => int64ToNumber(time!));
      expect(times).toEqual(ascending(times));
      expect(Math.abs(times[0]! / 1e6 - nowMs)).toBeLessThan(60_000);
    }
  });

  it("have errors with an exception, links from consumers to producers, and the kinds that instrumentations use", () => {
    const failed = spans.filter(({ status }) => status?.code === 2);
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThan(spans.length / 4);
    expect(failed.flatMap(({ events }) => events!).some(({ name }) => name === "exception")).toBe(true);
    const linked = spans.filter(({ links }) => links!.length > 0);
    expect(linked.length).toBeGreaterThan(0);
    expect(
      linked.every(
        ({ kind, links, parentSpanId }) =>
          kind === 5 && Buffer.compare(links![0]!.spanId!, parentSpanId!) === 0,
      ),
    ).toBe(true);
    expect(new Set(spans.map(({ kind }) => kind))).toEqual(new Set([1, 2, 3, 4, 5]));
    const keys = new Set(spans.flatMap(({ attributes }) => attributes!.map(({ key }) => key)));
    expect([...keys]).toEqual(
      expect.arrayContaining([
        "http.route",
        "db.system.name",
        "rpc.method",
        "messaging.destination.name",
        "error.type",
      ]),
    );
  });
});

describe("generated metrics", () => {
  const batches = takeAll(createWorkloads(2).metrics, 40);
  const metrics = batches
    .map(({ payload }) => metricsRequest().decode(payload).resourceMetrics!)
    .flatMap((resources) =>
      resources.flatMap(({ scopeMetrics }) => scopeMetrics!.flatMap((scope) => scope.metrics!)),
    );
  const identity = (point: DataPoint): number | undefined =>
    (point.exemplars?.[0] === undefined
      ? readItemIdHex(stringAttribute(point.attributes, "generate.item"))
      : readItemId(point.exemplars[0].traceId)
    )?.sequence;

  it("fill every batch exactly, and number every point once", () => {
    const points = metrics.flatMap(dataPoints);
    expect(batches.every(({ sequences }) => sequences.length === options.batchSize)).toBe(true);
    expect(ascending(points.map((point) => identity(point)!))).toEqual(upTo(40 * options.batchSize));
    expect(sequencesOf(batches)).toEqual(upTo(40 * options.batchSize));
  });

  it("are of all five kinds, each with its own unit and points", () => {
    const kinds = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"] as const;
    for (const kind of kinds) expect(metrics.some((metric) => metric[kind] !== null)).toBe(true);
    expect(metrics.every((metric) => kinds.filter((kind) => metric[kind] !== null).length === 1)).toBe(true);
    expect(
      metrics.every((metric) => metric.name !== "" && metric.unit !== "" && dataPoints(metric).length > 0),
    ).toBe(true);
  });

  it("have histograms whose buckets add up", () => {
    const points = metrics.flatMap(({ histogram }) => histogram?.dataPoints ?? []);
    for (const point of points) {
      expect(point.bucketCounts).toHaveLength(point.explicitBounds!.length + 1);
      expect(point.bucketCounts!.map(int64ToNumber).reduce((a, b) => a + b)).toBe(
        int64ToNumber(point.count!),
      );
    }
    expect(points.length).toBeGreaterThan(0);
  });

  it("begin before they end", () => {
    const points = metrics.flatMap(dataPoints);
    expect(
      points.every((point) => int64ToNumber(point.startTimeUnixNano!) <= int64ToNumber(point.timeUnixNano!)),
    ).toBe(true);
  });
});

describe("generated logs", () => {
  const batches = takeAll(createWorkloads(3).logs, 20);
  const records = batches
    .map(({ payload }) => logsRequest().decode(payload).resourceLogs!)
    .flatMap((resources) =>
      resources.flatMap(({ scopeLogs }) => scopeLogs!.flatMap((scope) => scope.logRecords!)),
    );

  it("number every record once", () => {
    const numbers = records.map(
      ({ attributes }) => readItemIdHex(stringAttribute(attributes, "log.record.uid"))!.sequence,
    );
    expect(ascending(numbers)).toEqual(upTo(20 * options.batchSize));
    expect(sequencesOf(batches)).toEqual(upTo(20 * options.batchSize));
  });

  it("belong to traces that were begun, or to none", () => {
    const inTrace = records.filter(({ traceId }) => traceId!.length > 0);
    expect(inTrace.length).toBeGreaterThan(records.length / 3);
    expect(inTrace.length).toBeLessThan(records.length);
    for (const record of inTrace) {
      expect(readItemId(record.traceId)?.sequence).toBeLessThanOrEqual(40);
      expect(record.spanId).toHaveLength(8);
    }
  });

  it("have a severity, and bodies that are text or structured", () => {
    expect(
      records.every(({ severityNumber, severityText }) => severityNumber! > 0 && severityText !== ""),
    ).toBe(true);
    expect(records.some(({ body }) => (body?.stringValue ?? "") !== "")).toBe(true);
    expect(records.some(({ body }) => (body?.kvlistValue?.values ?? []).length > 0)).toBe(true);
  });
});

describe("a seed", () => {
  it.each(["traces", "metrics", "logs"] as const)(
    "gives the same bytes of %s again, and another seed gives others",
    (signal) => {
      const bytes = (seed: number): Buffer[] =>
        take(createWorkloads(seed)[signal], 5).map(({ payload }) => payload);
      expect(bytes(9)).toEqual(bytes(9));
      expect(bytes(9)).not.toEqual(bytes(10));
    },
  );
});

describe("services", () => {
  it("may be fewer than the shop has, or several shops of them", () => {
    const names = (count: number): Set<string | undefined> =>
      new Set(
        takeAll(createWorkloads(4, count).traces, 200).map(({ payload }) =>
          stringAttribute(
            tracesRequest().decode(payload).resourceSpans?.[0]?.resource?.attributes,
            "service.name",
          ),
        ),
      );
    expect(names(2)).toEqual(new Set(["frontend", "checkout"]));
    expect(names(30).size).toBe(30);
  });
});
