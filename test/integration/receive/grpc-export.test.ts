import * as zlib from "node:zlib";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, it, vi } from "vitest";
import { compress } from "../../../src/base/compression.ts";
import { encodeMessageFrame } from "../../../src/grpc/framing.ts";
import { decodeStatus } from "../../../src/grpc/status-details.ts";
import type { ExportResult } from "../../../src/otlp/export-request.ts";
import { decodeExportResponse } from "../../../src/otlp/export-response.ts";
import { signals } from "../../../src/otlp/signal.ts";
import {
  expectHealthy,
  exportBytes,
  grpcClient,
  rawExchange,
  rawRequest,
  rawSession,
  startReceiver,
} from "./grpc-harness.ts";
import { expectNothingHeld } from "./receiver-harness.ts";

const payload = Buffer.from("an export request, bytes as far as the receiver is concerned");
const requestsTotal = "otlpring_receiver_requests_total";

/** A promise and what settles it. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  return Promise.withResolvers<T>();
}

describe("a request that succeeds", () => {
  it.each(signals)("of %s is handed on byte for byte and answered with nothing in it", async (signal) => {
    const harness = await startReceiver();
    const answer = await exportBytes(grpcClient(harness.port), payload, { signal });
    expect(answer).toMatchObject({ code: grpc.status.OK, response: Buffer.alloc(0) });
    expect(harness.sink.requests).toEqual([
      { signal, payload, forwardedHeaders: { key: "", entries: [] }, deadlineMs: Number.POSITIVE_INFINITY },
    ]);
    expect(harness.metric(requestsTotal, "grpc", signal, "OK")).toBe(1);
    await expectNothingHeld(harness);
  });

  it("may be empty", async () => {
    const harness = await startReceiver();
    const answer = await exportBytes(grpcClient(harness.port), Buffer.alloc(0));
    expect(answer.code).toBe(grpc.status.OK);
    expect(harness.sink.requests[0]?.payload).toEqual(Buffer.alloc(0));
  });

  it("may be compressed by grpc-js", async () => {
    const harness = await startReceiver();
    const client = grpcClient(harness.port, {
      "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip,
    });
    const large = Buffer.alloc(1_000_000, payload);
    expect((await exportBytes(client, large)).code).toBe(grpc.status.OK);
    expect(harness.sink.requests[0]?.payload.equals(large)).toBe(true);
    await expectNothingHeld(harness);
  });

  it.each(["gzip", "zstd", "deflate"] as const)("may be compressed with %s", async (coding) => {
    const harness = await startReceiver();
    const session = rawSession(harness.port);
    const large = Buffer.alloc(1_000_000, payload);
    const body = encodeMessageFrame([compress(coding, large)], true);
    const answer = await rawExchange(session, { "grpc-encoding": coding }, body);
    expect(answer).toMatchObject({ httpStatus: 200, grpcStatus: "0", body: Buffer.alloc(5) });
    expect(harness.sink.requests[0]?.payload.equals(large)).toBe(true);
    await expectNothingHeld(harness);
  });

  it("may be uncompressed although it names an encoding", async () => {
    const harness = await startReceiver();
    const body = encodeMessageFrame([payload], false);
    const answer = await rawExchange(rawSession(harness.port), { "grpc-encoding": "gzip" }, body);
    expect(answer.grpcStatus).toBe("0");
    expect(harness.sink.requests[0]?.payload).toEqual(payload);
  });

  it.each(["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"])(
    "may have the content type %s",
    async (contentType) => {
      const harness = await startReceiver();
      const body = encodeMessageFrame([payload], false);
      const answer = await rawExchange(rawSession(harness.port), { "content-type": contentType }, body);
      expect(answer).toMatchObject({ httpStatus: 200, grpcStatus: "0" });
    },
  );

  it("may arrive a byte at a time", async () => {
    const harness = await startReceiver();
    const stream = rawRequest(rawSession(harness.port));
    for (const byte of encodeMessageFrame([payload], false)) stream.write(Buffer.from([byte]));
    stream.end();
    await vi.waitFor(() => expect(harness.sink.requests[0]?.payload).toEqual(payload));
  });

  it("is one of many large ones on one connection, none of which is reset", async () => {
    const harness = await startReceiver({}, 600 * 1024 * 1024);
    const client = grpcClient(harness.port);
    const large = Buffer.alloc(3_400_000, payload);
    const answers = await Promise.all(Array.from({ length: 64 }, () => exportBytes(client, large)));
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([grpc.status.OK]));
    expect(harness.sink.requests.every((request) => request.payload.equals(large))).toBe(true);
    expect(harness.sink.requests).toHaveLength(64);
    await expectNothingHeld(harness);
  });

  it("carries the headers that are to be forwarded, sorted, and no others", async () => {
    const harness = await startReceiver({ forwardHeaders: ["x-tenant", "authorization", "x-absent"] });
    const metadata = { "x-tenant": "blue", authorization: "Bearer t", "x-other": "no" };
    await exportBytes(grpcClient(harness.port), payload, { metadata });
    await exportBytes(grpcClient(harness.port), payload, { metadata: { "x-other": "no" } });
    const [first, second] = harness.sink.requests.map(({ forwardedHeaders }) => forwardedHeaders);
    expect(first?.entries).toEqual([
      ["authorization", "Bearer t"],
      ["x-tenant", "blue"],
    ]);
    expect(first?.key).not.toBe("");
    expect(second).toEqual({ key: "", entries: [] });
  });
});

describe("an answer", () => {
  it("of partial success tells the count and the message", async () => {
    const harness = await startReceiver();
    harness.sink.answer = () => ({ kind: "partial", rejectedItems: 7, message: "too old" });
    const { code, response } = await exportBytes(grpcClient(harness.port), payload);
    expect(code).toBe(grpc.status.OK);
    expect(decodeExportResponse(response!)).toEqual({ rejectedItems: 7, message: "too old" });
  });

  it("is kept below 4 MiB by cutting the message, at a whole character", async () => {
    const harness = await startReceiver();
    harness.sink.answer = () => ({ kind: "partial", rejectedItems: 1, message: "€".repeat(2_000_000) });
    const { code, response } = await exportBytes(grpcClient(harness.port), payload);
    expect(code).toBe(grpc.status.OK);
    expect(response!.length).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(decodeExportResponse(response!)?.message).toMatch(/^€+$/);
    await expectNothingHeld(harness);
  });

  it("of failure carries code, message and details", async () => {
    const status = {
      code: grpc.status.UNAVAILABLE as 14,
      message: "später, 100 %",
      retryDelayMs: 2500,
      fieldViolations: [{ field: "resource_spans[3]", description: "no" }],
    };
    const harness = await startReceiver();
    harness.sink.answer = () => ({ kind: "failure", status });
    const answer = await exportBytes(grpcClient(harness.port), payload);
    expect(answer).toMatchObject({ code: grpc.status.UNAVAILABLE, message: "später, 100 %" });
    const details = answer.metadata.get("grpc-status-details-bin")[0] as Buffer;
    expect(decodeStatus(details)).toEqual(status);
    expect(harness.metric(requestsTotal, "grpc", "traces", "UNAVAILABLE")).toBe(1);
    await expectNothingHeld(harness);
  });

  it("keeps RetryInfo where other details would make the trailers too large", async () => {
    const fieldViolations = [{ field: "f", description: "x".repeat(20_000) }];
    const status = { code: grpc.status.UNAVAILABLE as 14, message: "m", retryDelayMs: 100, fieldViolations };
    const harness = await startReceiver();
    harness.sink.answer = () => ({ kind: "failure", status });
    const answer = await exportBytes(grpcClient(harness.port), payload);
    const details = answer.metadata.get("grpc-status-details-bin")[0] as Buffer;
    expect(answer.message).toBe("m");
    expect(decodeStatus(details)?.retryDelayMs).toBe(100);
  });

  it("is INTERNAL, without the cause, when the sink breaks its promise", async () => {
    const harness = await startReceiver();
    harness.sink.answer = () => Promise.reject(new Error("a secret"));
    const answer = await exportBytes(grpcClient(harness.port), payload);
    expect(answer).toMatchObject({ code: grpc.status.INTERNAL, message: "internal error" });
    await expectHealthy(harness);
  });
});

describe("a deadline", () => {
  it("reaches the sink as a time on the monotonic clock", async () => {
    const harness = await startReceiver();
    const beforeMs = performance.now();
    await exportBytes(grpcClient(harness.port), payload, { deadlineMs: 5000 });
    const deadlineMs = harness.sink.requests[0]!.deadlineMs;
    expect(deadlineMs).toBeGreaterThan(beforeMs);
    expect(deadlineMs).toBeLessThanOrEqual(performance.now() + 5000);
  });

  it("is answered when the sink is late, and the payload stays accounted for until the sink is done", async () => {
    const harness = await startReceiver();
    const sinkDone = deferred<ExportResult>();
    harness.sink.answer = () => sinkDone.promise;
    const body = encodeMessageFrame([Buffer.alloc(100_000)], false);
    const answer = await rawExchange(rawSession(harness.port), { "grpc-timeout": "50m" }, body);
    expect(answer).toMatchObject({ httpStatus: 200, grpcStatus: "4" });
    expect(harness.budget.usedBytes).toBeGreaterThanOrEqual(100_000);
    sinkDone.resolve({ kind: "success" });
    await expectHealthy(harness);
    expect(harness.metric(requestsTotal, "grpc", "traces", "DEADLINE_EXCEEDED")).toBe(1);
  });

  it("that has passed is answered at once", async () => {
    const harness = await startReceiver();
    const answer = await rawExchange(rawSession(harness.port), { "grpc-timeout": "0m" }, Buffer.alloc(5));
    expect(answer.grpcStatus).toBe("4");
    expect(harness.sink.requests).toEqual([]);
    await expectHealthy(harness);
  });

  it.each(["", "soon", "123456789m", "-1S"])("of %j is malformed", async (timeout) => {
    const harness = await startReceiver();
    const answer = await rawExchange(rawSession(harness.port), { "grpc-timeout": timeout }, Buffer.alloc(5));
    expect(answer.grpcStatus).toBe("13");
    expect(harness.sink.requests).toEqual([]);
    await expectHealthy(harness);
  });
});

describe("a client that goes away", () => {
  it("by cancelling while the sink has its request leaves nothing behind", async () => {
    const harness = await startReceiver();
    const sinkDone = deferred<ExportResult>();
    harness.sink.answer = () => sinkDone.promise;
    const calls: grpc.ClientUnaryCall[] = [];
    const answer = exportBytes(grpcClient(harness.port), Buffer.alloc(50_000), {
      onCall: (call) => calls.push(call),
    });
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(1));
    calls[0]!.cancel();
    expect((await answer).code).toBe(grpc.status.CANCELLED);
    expect(harness.budget.usedBytes).toBeGreaterThanOrEqual(50_000);
    sinkDone.resolve({ kind: "success" });
    await expectHealthy(harness);
  });

  it("with its connection while the sink has its request leaves nothing behind", async () => {
    const harness = await startReceiver();
    const sinkDone = deferred<ExportResult>();
    harness.sink.answer = () => sinkDone.promise;
    const session = rawSession(harness.port);
    rawRequest(session).end(encodeMessageFrame([Buffer.alloc(50_000)], false));
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(1));
    session.destroy();
    const openConnections = () => harness.metric("otlpring_receiver_open_connections", "grpc");
    await vi.waitFor(() => expect(openConnections()).toBe(0));
    expect(harness.budget.usedBytes).toBeGreaterThanOrEqual(50_000);
    sinkDone.resolve({ kind: "success" });
    await expectHealthy(harness);
  });

  it("in the middle of its message leaves nothing behind", async () => {
    const harness = await startReceiver();
    const session = rawSession(harness.port);
    const stream = rawRequest(session);
    stream.write(encodeMessageFrame([Buffer.alloc(900_000)], false).subarray(0, 500_000));
    await vi.waitFor(() => expect(harness.budget.usedBytes).toBeGreaterThan(900_000));
    session.destroy();
    await expectHealthy(harness);
    expect(harness.sink.requests).toHaveLength(1);
    expect(harness.metric(requestsTotal, "grpc", "traces", "CANCELLED")).toBe(1);
  });
});

describe("the budget", () => {
  it("refuses a message that does not fit, before it arrives, and says when to come again", async () => {
    const harness = await startReceiver({}, 1_000_000);
    const stream = rawRequest(rawSession(harness.port));
    const answer = new Promise<grpc.Metadata>((resolve) => {
      stream.on("response", (headers) => resolve(grpc.Metadata.fromHttp2Headers(headers)));
    });
    stream.write(Buffer.from([0, 0, 0x20, 0, 0]));
    const metadata = await answer;
    expect(metadata.get("grpc-status")).toEqual(["14"]);
    expect(decodeStatus(metadata.get("grpc-status-details-bin")[0] as Buffer)?.retryDelayMs).toBe(1000);
    expect(harness.metric("otlpring_receiver_refused_requests_total", "grpc", "over_budget")).toBe(1);
    await expectHealthy(harness);
  });

  it("refuses a small message that would be too much when decompressed", async () => {
    const harness = await startReceiver({}, 1_000_000);
    const body = encodeMessageFrame([zlib.gzipSync(Buffer.alloc(2_000_000))], true);
    const answer = await rawExchange(rawSession(harness.port), { "grpc-encoding": "gzip" }, body);
    expect(answer.grpcStatus).toBe("14");
    await expectHealthy(harness);
  });

  it("refuses calls when it is used up, and takes them again when it is not", async () => {
    const harness = await startReceiver({}, 1_000_000);
    const sinkDone = deferred<ExportResult>();
    harness.sink.answer = () => sinkDone.promise;
    const client = grpcClient(harness.port);
    const first = exportBytes(client, Buffer.alloc(980_000));
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(1));
    expect((await exportBytes(client, Buffer.alloc(20_000))).code).toBe(grpc.status.UNAVAILABLE);
    sinkDone.resolve({ kind: "success" });
    expect((await first).code).toBe(grpc.status.OK);
    await expectHealthy(harness);
  });
});

describe("an authenticator", () => {
  const byToken = (headers: { authorization?: string }) => headers.authorization === "Bearer good";

  it.each([
    ["at once", { authenticate: byToken }],
    ["later", { authenticate: async (headers: { authorization?: string }) => byToken(headers) }],
  ])("that decides %s lets good credentials pass and no others", async (_when, authenticator) => {
    const harness = await startReceiver({ authenticator });
    const client = grpcClient(harness.port);
    const send = (token: string) => exportBytes(client, payload, { metadata: { authorization: token } });
    expect((await send("Bearer good")).code).toBe(grpc.status.OK);
    expect((await send("Bearer bad")).code).toBe(grpc.status.UNAUTHENTICATED);
    expect((await exportBytes(client, payload)).code).toBe(grpc.status.UNAUTHENTICATED);
    expect(harness.sink.requests).toHaveLength(1);
    await expectNothingHeld(harness);
    expect(harness.metric("otlpring_receiver_refused_requests_total", "grpc", "unauthenticated")).toBe(2);
  });

  it("refuses before the body has arrived", async () => {
    const harness = await startReceiver({ authenticator: { authenticate: () => false } });
    const stream = rawRequest(rawSession(harness.port));
    const status = new Promise((resolve) =>
      stream.on("response", (headers) => resolve(headers["grpc-status"])),
    );
    expect(await status).toBe("16");
    await expectNothingHeld(harness);
  });

  it("that is asked for a client which leaves meanwhile is not waited for", async () => {
    const verdict = deferred<boolean>();
    const harness = await startReceiver({ authenticator: { authenticate: () => verdict.promise } });
    const session = rawSession(harness.port);
    const stream = rawRequest(session);
    stream.write(Buffer.alloc(100));
    await vi.waitFor(() => expect(harness.budget.usedBytes).toBeGreaterThan(0));
    session.destroy();
    await expectNothingHeld(harness);
    verdict.resolve(true);
    await expectHealthy(harness);
  });
});
