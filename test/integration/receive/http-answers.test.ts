import * as zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import { grpcCode } from "../../../src/otlp/status.ts";
import { messageCodec } from "../../../src/tools/otlp-proto.ts";
import {
  expectHealthy,
  http2Session,
  jsonType,
  protobufType,
  request,
  request2,
  startHttpReceiver,
  statusOf,
} from "./http-harness.ts";

const payload = Buffer.from("opaque to the receiver ".repeat(2000));
const requestsTotal = "otlpring_receiver_requests_total";

describe("answers", () => {
  const warning = { kind: "partial", rejectedItems: 0, message: "deprecated" } as const;
  const partial = { kind: "partial", rejectedItems: 3, message: "three were bad" } as const;

  it.each([
    ["traces", "rejectedSpans", "trace.v1.ExportTraceServiceResponse"],
    ["metrics", "rejectedDataPoints", "metrics.v1.ExportMetricsServiceResponse"],
    ["logs", "rejectedLogRecords", "logs.v1.ExportLogsServiceResponse"],
  ] as const)("a partial success of %s says how many of what were refused", async (signal, field, type) => {
    const harness = await startHttpReceiver();
    harness.sink.answer = () => partial;
    const options = { path: `/v1/${signal}` };
    const inJson = await request(harness, { ...options, headers: { "content-type": jsonType }, body: "{}" });
    expect(inJson).toMatchObject({ status: 200, headers: { "content-type": jsonType } });
    expect(JSON.parse(inJson.body.toString())).toEqual({
      partialSuccess: { [field]: "3", errorMessage: "three were bad" },
    });
    const inProtobuf = await request(harness, options);
    const codec = messageCodec(`opentelemetry.proto.collector.${type}`);
    expect(JSON.parse(JSON.stringify(codec.decode(inProtobuf.body)))).toEqual({
      partialSuccess: { [field]: "3", errorMessage: "three were bad" },
    });
  });

  it("a warning has a message and no count, and without either there is no partial success", async () => {
    const harness = await startHttpReceiver();
    const headers = { "content-type": jsonType };
    harness.sink.answer = () => warning;
    const answer = await request(harness, { headers, body: "{}" });
    expect(JSON.parse(answer.body.toString())).toEqual({ partialSuccess: { errorMessage: "deprecated" } });
    harness.sink.answer = () => ({ kind: "partial", rejectedItems: 0, message: "" });
    expect((await request(harness, { headers, body: "{}" })).body.toString()).toBe("{}");
  });

  it.each([
    ["INVALID_ARGUMENT", 400],
    ["UNAUTHENTICATED", 401],
    ["PERMISSION_DENIED", 403],
    ["UNIMPLEMENTED", 404],
    ["NOT_FOUND", 404],
    ["ALREADY_EXISTS", 409],
    ["FAILED_PRECONDITION", 400],
    ["RESOURCE_EXHAUSTED", 413],
    ["INTERNAL", 500],
    ["UNKNOWN", 500],
    ["CANCELLED", 503],
    ["ABORTED", 503],
    ["OUT_OF_RANGE", 503],
    ["UNAVAILABLE", 503],
    ["DATA_LOSS", 503],
    ["DEADLINE_EXCEEDED", 504],
  ] as const)("%s is HTTP %i with a Status in the format of the request", async (name, httpStatus) => {
    const harness = await startHttpReceiver();
    const status = { code: grpcCode[name], message: "because" };
    harness.sink.answer = () => ({ kind: "failure", status });
    const inProtobuf = await request(harness, { body: payload });
    const inJson = await request(harness, { headers: { "content-type": jsonType }, body: "{}" });
    for (const answer of [inProtobuf, inJson]) {
      expect(answer.status).toBe(httpStatus);
      expect(answer.headers["retry-after"]).toBeUndefined();
      expect(statusOf(answer)).toEqual({ ...status, details: [] });
    }
    expect(inProtobuf.headers["content-type"]).toBe(protobufType);
    expect(inJson.headers["content-type"]).toBe(jsonType);
    expect(harness.metric(requestsTotal, "http", "traces", name)).toBe(2);
    await expectHealthy(harness);
  });

  it.each([
    ["UNAVAILABLE", 1200, 503, "2", { seconds: "1", nanos: 200_000_000 }, "1.200s"],
    ["UNAVAILABLE", 1, 503, "1", { nanos: 1_000_000 }, "0.001s"],
    ["RESOURCE_EXHAUSTED", 30_000, 429, "30", { seconds: "30" }, "30s"],
  ] as const)(
    "%s with a delay of %i ms is HTTP %i with Retry-After",
    async (name, retryDelayMs, httpStatus, retryAfter, duration, text) => {
      const harness = await startHttpReceiver();
      harness.sink.answer = () => ({
        kind: "failure",
        status: { code: grpcCode[name], message: "", retryDelayMs },
      });
      const inProtobuf = await request(harness, { body: payload });
      const inJson = await request(harness, { headers: { "content-type": jsonType }, body: "{}" });
      expect([inProtobuf.status, inJson.status]).toEqual([httpStatus, httpStatus]);
      expect([inProtobuf.headers["retry-after"], inJson.headers["retry-after"]]).toEqual([
        retryAfter,
        retryAfter,
      ]);
      expect(statusOf(inProtobuf).details).toEqual([{ type: "google.rpc.RetryInfo", retryDelay: duration }]);
      expect(statusOf(inJson).details).toEqual([
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: text },
      ]);
    },
  );

  it("a fault of the sink is INTERNAL, without its words", async () => {
    const harness = await startHttpReceiver();
    harness.sink.answer = () => Promise.reject(new Error("a secret"));
    const answer = await request(harness, { body: payload });
    expect(answer.status).toBe(500);
    expect(statusOf(answer)).toEqual({ code: grpcCode.INTERNAL, message: "internal error", details: [] });
    await expectHealthy(harness);
  });

  it.each([
    ["gzip", true],
    ["br;q=1.0, gzip;q=0.8, *;q=0.1", true],
    ["*", true],
    ["gzip;q=0", false],
    ["gzip;q=0.000, *", false],
    ["br", false],
    ["", false],
  ])("a long one is compressed where Accept-Encoding is '%s': %s", async (accepted, isCompressed) => {
    const harness = await startHttpReceiver();
    const message = "what is wrong with it, at length; ".repeat(100);
    harness.sink.answer = () => ({ kind: "partial", rejectedItems: 1, message });
    const headers = { "content-type": jsonType, "accept-encoding": accepted };
    for (const answer of [
      await request(harness, { headers, body: "{}" }),
      await request2(http2Session(harness), { headers, body: "{}" }),
    ]) {
      expect(answer.headers["content-encoding"]).toBe(isCompressed ? "gzip" : undefined);
      const body = isCompressed ? zlib.gunzipSync(answer.body) : answer.body;
      expect(JSON.parse(body.toString()).partialSuccess.errorMessage).toBe(message);
    }
  });

  it("a short one is not compressed", async () => {
    const harness = await startHttpReceiver();
    harness.sink.answer = () => warning;
    const answer = await request(harness, { headers: { "accept-encoding": "gzip" } });
    expect(answer.headers["content-encoding"]).toBeUndefined();
  });

  it("a message beyond reason is cut at a whole character", async () => {
    const harness = await startHttpReceiver();
    const message = "grüße ".repeat(20_000);
    harness.sink.answer = () => ({ kind: "failure", status: { code: grpcCode.INTERNAL, message } });
    const told = statusOf(await request(harness)).message;
    expect(Buffer.byteLength(told)).toBeLessThanOrEqual(65_536);
    expect(message.startsWith(told)).toBe(true);
    expect(told.length).toBeGreaterThan(49_000);
  });
});
