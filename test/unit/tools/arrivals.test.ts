/** What a sink counts, from messages written by hand. */
import { describe, expect, it } from "vitest";
import type { KeyValue, Span } from "../../../src/tools/otlp-messages.ts";
import { logsRequest, metricsRequest, tracesRequest } from "../../../src/tools/otlp-proto.ts";
import { Arrivals } from "../../../src/tools/sink/arrivals.ts";

const accept = (): boolean => false;
const service = (name: string): { attributes: KeyValue[] } => ({
  attributes: [{ key: "service.name", value: { stringValue: name } }],
});
const traceId = (digit: string): Buffer => Buffer.from(digit.repeat(32), "hex");
const span = (trace: string, id: string): Span => ({
  traceId: traceId(trace),
  spanId: Buffer.from(id.repeat(16), "hex"),
});
const report = (arrivals: Arrivals): ReturnType<Arrivals["report"]> => arrivals.report({ latestTraces: 10 });

function traces(...resources: { readonly name: string; readonly spans: Span[] }[]): Buffer {
  return tracesRequest().encode({
    resourceSpans: resources.map(({ name, spans }) => ({ resource: service(name), scopeSpans: [{ spans }] })),
  });
}

describe("a sink's counts", () => {
  it("tell requests, items, resources, bytes and services of a signal", () => {
    const arrivals = new Arrivals();
    const payload = traces(
      { name: "cart", spans: [span("a", "1"), span("a", "2")] },
      { name: "ad", spans: [span("b", "1")] },
    );
    expect(arrivals.take("traces", payload, accept)).toBe(0);
    expect(report(arrivals).signals.traces).toEqual({
      requests: 1,
      items: 3,
      resources: 2,
      bytes: payload.length,
      rejectedItems: 0,
    });
    expect(report(arrivals).services).toEqual({
      cart: { traces: 2, metrics: 0, logs: 0 },
      ad: { traces: 1, metrics: 0, logs: 0 },
    });
  });

  it("tell traces with their spans and services, and spans that come again", () => {
    const arrivals = new Arrivals();
    arrivals.take("traces", traces({ name: "cart", spans: [span("a", "1"), span("b", "1")] }), accept);
    arrivals.take("traces", traces({ name: "ad", spans: [span("a", "2"), span("a", "2")] }), accept);
    expect(report(arrivals).traces).toEqual({
      count: 2,
      spans: 3,
      duplicatedSpans: 1,
      invalidIds: 0,
      spansBeyondLimit: 0,
      latest: [
        { traceId: "a".repeat(32), spans: 2, services: ["cart", "ad"] },
        { traceId: "b".repeat(32), spans: 1, services: ["cart"] },
      ],
    });
    expect(arrivals.spanIds("a".repeat(32))).toEqual(new Set(["1".repeat(16), "2".repeat(16)]));
  });

  it("tell spans without valid ids, and still count them", () => {
    const arrivals = new Arrivals();
    arrivals.take(
      "traces",
      traces({
        name: "x",
        spans: [span("0", "1"), { ...span("a", "1"), traceId: Buffer.alloc(8, 1) }, span("a", "0"), {}],
      }),
      accept,
    );
    expect(report(arrivals).traces).toMatchObject({ count: 0, invalidIds: 4 });
    expect(report(arrivals).signals.traces.items).toBe(4);
  });

  it("count points, not metrics, of every kind", () => {
    const dataPoints = [{}, {}];
    const payload = metricsRequest().encode({
      resourceMetrics: [
        {
          resource: service("cart"),
          scopeMetrics: [
            {
              metrics: [
                { name: "a", gauge: { dataPoints } },
                { name: "b", sum: { dataPoints } },
                { name: "c", histogram: { dataPoints } },
                { name: "d", exponentialHistogram: { dataPoints } },
                { name: "e", summary: { dataPoints } },
                { name: "none" },
              ],
            },
          ],
        },
      ],
    });
    const arrivals = new Arrivals();
    arrivals.take("metrics", payload, accept);
    expect(report(arrivals).signals.metrics.items).toBe(10);
    expect(report(arrivals).services["cart"]?.metrics).toBe(10);
  });

  it("put records of a resource without a service's name, or with a number for one, under no name", () => {
    const payload = logsRequest().encode({
      resourceLogs: [
        { scopeLogs: [{ logRecords: [{}] }] },
        {
          resource: { attributes: [{ key: "service.name", value: { intValue: 5 } }] },
          scopeLogs: [{ logRecords: [{}, {}] }],
        },
      ],
    });
    const arrivals = new Arrivals();
    arrivals.take("logs", payload, accept);
    expect(report(arrivals).services).toEqual({ "": { traces: 0, metrics: 0, logs: 3 } });
  });

  it("leave out what is rejected, and say how much that is", () => {
    const arrivals = new Arrivals();
    let turn = 0;
    const everySecond = (): boolean => turn++ % 2 === 1;
    const payload = traces({ name: "cart", spans: [span("a", "1"), span("a", "2"), span("a", "3")] });
    expect(arrivals.take("traces", payload, everySecond)).toBe(1);
    expect(report(arrivals).signals.traces).toMatchObject({ items: 2, rejectedItems: 1 });
    expect(arrivals.spanIds("a".repeat(32))).toEqual(new Set(["1".repeat(16), "3".repeat(16)]));
  });

  it("stay as they are when a message cannot be decoded", () => {
    const arrivals = new Arrivals();
    const whole = traces({ name: "cart", spans: [span("a", "1")] });
    expect(() => arrivals.take("traces", whole.subarray(0, -3), accept)).toThrow();
    expect(report(arrivals).signals.traces).toMatchObject({ requests: 0, items: 0, bytes: 0 });
  });

  it("gather service names that are too long to keep", () => {
    const arrivals = new Arrivals();
    for (const letter of ["a", "b"]) {
      arrivals.take("traces", traces({ name: letter.repeat(256), spans: [span(letter, "1")] }), accept);
    }
    arrivals.take("traces", traces({ name: "c".repeat(255), spans: [span("c", "1")] }), accept);
    expect(Object.keys(report(arrivals).services)).toEqual(["(a longer name)", "c".repeat(255)]);
  });

  it("take names that JavaScript objects have as any other service", () => {
    const arrivals = new Arrivals();
    arrivals.take("traces", traces({ name: "__proto__", spans: [span("a", "1")] }), accept);
    expect(Object.keys(report(arrivals).services)).toEqual(["__proto__"]);
  });
});
