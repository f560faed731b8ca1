/** Payloads that mean harm, over HTTP through a whole gateway: each is answered, and the next good one is taken. */
import { beforeEach, describe, expect, it } from "vitest";
import { receiverMetrics } from "../../../src/receive/receiver-metrics.ts";
import { tracesRequest } from "../../../src/tools/otlp-proto.ts";
import type { Sink } from "../../../src/tools/sink/sink.ts";
import { writeVarint } from "../../../src/wire/writer.ts";
import { type StartedGateway, startGateway, startSink } from "../../support/gateway.ts";

let sink: Sink;
let started: StartedGateway;

beforeEach(async () => {
  sink = await startSink();
  started = await startGateway(`
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:0 } } } }
exporters:
  load_balancing:
    resolver: { static: { hostnames: ["${sink.endpoint}"] } }
    protocol: { otlp: { tls: { insecure: true } } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [load_balancing] } } }
`);
});

async function post(body: Buffer | string, contentType = "application/x-protobuf", path = "/v1/traces") {
  const url = `http://${started.endpoints["otlp/http"]}${path}`;
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": contentType },
    body: new Uint8Array(Buffer.from(body)),
  });
  return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
}

const requestOf = (span: object): Buffer =>
  tracesRequest().encode({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
const traceId = Buffer.alloc(16, 7);
const goodJson =
  '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"07070707070707070707070707070707","spanId":"0808080808080808"}]}]}]}';

/** An attribute's value in so many arrays, written from its end to its beginning. */
function requestWithNestedValue(levels: number): Buffer {
  const bytes = Buffer.alloc(1000 + levels * 10);
  let start = bytes.length;
  const wrap = (fieldNumber: number): void => {
    const length = bytes.length - start;
    const head = Buffer.alloc(6);
    const headBytes = writeVarint(head, 1, length);
    head[0] = fieldNumber * 8 + 2;
    start -= headBytes;
    head.copy(bytes, start, 0, headBytes);
  };
  // AnyValue.array_value, ArrayValue.values
  for (let level = 0; level < levels; level += 1) for (const field of [5, 1]) wrap(field);
  // KeyValue.value, Span.attributes, ScopeSpans.spans, ResourceSpans.scope_spans, resource_spans
  for (const field of [2, 9, 2, 2, 1]) wrap(field);
  return bytes.subarray(start);
}

/** A span of this trace arrives, and the budget holds nothing more. */
async function expectHealthy(): Promise<void> {
  const before = sink.report().signals.traces.items;
  expect((await post(goodJson, "application/json")).status).toBe(200);
  expect(sink.report().signals.traces.items).toBe(before + 1);
  const inFlight = started.gateway.metrics.gauge(receiverMetrics.inFlightBytes);
  await expect.poll(() => inFlight.value).toBe(0);
}

describe("protobuf that is none is 400 with the place", () => {
  it.each([
    ["a varint of eleven bytes", Buffer.from("0affffffffffffffffffff01", "hex")],
    ["a length past the end", Buffer.from("0a7f0102", "hex")],
    ["field 0", Buffer.from("020100", "hex")],
    ["a resource that is a varint", Buffer.from("0801", "hex")],
    ["a group that is never closed", Buffer.from("0b", "hex")],
    ["text", Buffer.from("this is no protobuf")],
  ])("%s", async (_name, body) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(answer.body.toString("latin1")).toContain("type.googleapis.com/google.rpc.BadRequest");
    expect(sink.report().signals.traces.requests).toBe(0);
    await expectHealthy();
  });
});

describe("what is odd is routed all the same", () => {
  it.each([
    ["a trace id of no bytes", { traceId: Buffer.alloc(0) }],
    ["a trace id of 8 bytes", { traceId: Buffer.alloc(8, 1) }],
    ["a trace id of 17 bytes", { traceId: Buffer.alloc(17, 1) }],
    ["a trace id of zeros", { traceId: Buffer.alloc(16) }],
    [
      "an attribute of a megabyte",
      { traceId, attributes: [{ key: "k", value: { stringValue: "x".repeat(1_000_000) } }] },
    ],
  ])("%s", async (_name, span) => {
    expect((await post(requestOf(span))).status).toBe(200);
    expect(sink.report().signals.traces.items).toBe(1);
    await expectHealthy();
  });

  it.each([101, 1_000_000])(
    "a value within %i others reaches the backend, which refuses it",
    async (levels) => {
      const answer = await post(requestWithNestedValue(levels));
      expect(answer.status).toBe(400);
      expect(sink.report().malformedRequests).toBe(1);
      await expectHealthy();
    },
  );

  it("a million empty resources", async () => {
    const answer = await post(Buffer.alloc(2_000_000, Buffer.from("0a00", "hex")));
    expect(answer.status).toBe(200);
    await expectHealthy();
  });

  it("a signal that no pipeline takes is 404", async () => {
    expect((await post("{}", "application/json", "/v1/logs")).status).toBe(404);
    await expectHealthy();
  });
});
