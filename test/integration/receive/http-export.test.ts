import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as zlib from "node:zlib";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import { loadServerTls } from "../../../src/base/tls.ts";
import type { ExportResult } from "../../../src/otlp/export-request.ts";
import { signals } from "../../../src/otlp/signal.ts";
import { grpcCode } from "../../../src/otlp/status.ts";
import { messageCodec } from "../../../src/tools/otlp-proto.ts";
import { certificates } from "../../support/certificates/paths.ts";
import {
  expectHealthy,
  expectNothingHeld,
  http2Session,
  jsonType,
  megabyte,
  protobufType,
  rawConnection,
  request,
  request2,
  startHttpReceiver,
  statusOf,
} from "./http-harness.ts";

const payload = Buffer.from("opaque to the receiver ".repeat(2000));
const json = Buffer.from('{"resourceSpans":[{"schemaUrl":"https://example.com"}]}');
const transcodedJson = Buffer.concat([Buffer.from([10, 21, 26, 19]), Buffer.from("https://example.com")]);
const requestsTotal = "otlpring_receiver_requests_total";

describe("protobuf", () => {
  it.each(signals)("of %s reaches the sink as it came, over HTTP/1.1 and HTTP/2", async (signal) => {
    const harness = await startHttpReceiver();
    const answers = [
      await request(harness, { path: `/v1/${signal}`, body: payload }),
      await request2(http2Session(harness), { path: `/v1/${signal}`, body: payload }),
    ];
    for (const answer of answers) {
      expect(answer).toMatchObject({
        status: 200,
        headers: { "content-type": protobufType, "content-length": "0" },
      });
      expect(answer.body).toHaveLength(0);
    }
    const expected = { signal, payload, deadlineMs: Number.POSITIVE_INFINITY };
    expect(harness.sink.requests).toEqual([
      expect.objectContaining(expected),
      expect.objectContaining(expected),
    ]);
    expect(harness.metric(requestsTotal, "http", signal, "OK")).toBe(2);
    await expectNothingHeld(harness);
  });

  it("comes over TLS, HTTP/2 or HTTP/1.1 as ALPN has it", async () => {
    const modules = { logger: silentLogger, metrics: new MetricRegistry() };
    const { cert, key } = certificates.serverOne;
    const tls = loadServerTls({ certFile: cert, keyFile: key }, modules);
    onTestFinished(() => tls.close());
    const harness = await startHttpReceiver({ tls });
    const ca = readFileSync(certificates.authorityOne);
    const session = http2Session(harness, { ca });
    expect(await request2(session, { body: payload })).toMatchObject({ status: 200 });
    expect(session.alpnProtocol).toBe("h2");
    const https = await import("node:https");
    const answered = new Promise<http.IncomingMessage>((resolve) => {
      const sent = https.request({
        port: harness.port,
        host: "127.0.0.1",
        ca,
        method: "POST",
        path: "/v1/logs",
        agent: false,
      });
      sent.setHeader("content-type", protobufType);
      sent.on("response", resolve);
      sent.end(payload);
    });
    expect(await answered).toMatchObject({ statusCode: 200, httpVersion: "1.1" });
    expect(harness.sink.requests.map(({ payload: taken }) => taken)).toEqual([payload, payload]);
  });

  it.each([
    ["one byte", Buffer.from("x")],
    ["more than is allocated at once", Buffer.alloc(3 * megabyte, "abc")],
    ["exactly the limit", Buffer.alloc(4 * megabyte, "abc")],
  ])("of %s is put together, whether its length is told or not", async (_name, body) => {
    const harness = await startHttpReceiver();
    const half = Math.ceil(body.length / 2);
    const chunks = [body.subarray(0, half), body.subarray(half)];
    expect((await request(harness, { body })).status).toBe(200);
    expect((await request(harness, { body: chunks })).status).toBe(200);
    expect((await request2(http2Session(harness), { body })).status).toBe(200);
    expect(harness.sink.requests.map(({ payload: taken }) => taken.equals(body))).toEqual([true, true, true]);
    await expectNothingHeld(harness);
  });

  it("of nothing is a request too", async () => {
    const harness = await startHttpReceiver();
    expect((await request(harness)).status).toBe(200);
    expect((await request2(http2Session(harness))).status).toBe(200);
    expect(harness.sink.requests.map(({ payload: taken }) => taken.length)).toEqual([0, 0]);
  });

  it("of a thousand chunks of a byte", async () => {
    const harness = await startHttpReceiver();
    const body = Array.from({ length: 1000 }, (_, index) => Buffer.from([index]));
    expect((await request(harness, { body })).status).toBe(200);
    expect(harness.sink.requests[0]?.payload).toEqual(Buffer.concat(body));
  });
});

describe("JSON", () => {
  it.each([[jsonType], ["application/json; charset=utf-8"], ["Application/JSON ;charset=UTF-8"]])(
    "as %s becomes protobuf, and the answer is JSON",
    async (contentType) => {
      const harness = await startHttpReceiver();
      const headers = { "content-type": contentType };
      for (const answer of [
        await request(harness, { headers, body: json }),
        await request2(http2Session(harness), { headers, body: json }),
      ]) {
        expect(answer).toMatchObject({ status: 200, headers: { "content-type": jsonType } });
        expect(answer.body.toString()).toBe("{}");
      }
      expect(harness.sink.requests.map(({ payload: taken }) => taken)).toEqual([
        transcodedJson,
        transcodedJson,
      ]);
      await expectNothingHeld(harness);
    },
  );

  it("that is at fault is told where", async () => {
    const harness = await startHttpReceiver();
    const headers = { "content-type": jsonType };
    const body = '{"resourceSpans":[{"scopeSpans":[{"spans":[{},{"traceId":"xyz"}]}]}]}';
    const answer = await request(harness, { headers, body });
    const field = "resourceSpans[0].scopeSpans[0].spans[1].traceId";
    const description = "expected 32 hexadecimal digits, at byte 57";
    expect(answer.status).toBe(400);
    expect(statusOf(answer)).toEqual({
      code: grpcCode.INVALID_ARGUMENT,
      message: `${field}: ${description}`,
      details: [
        { "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [{ field, description }] },
      ],
    });
    await expectHealthy(harness);
  });
});

describe("content encodings", () => {
  const codings: readonly [string, (bytes: Buffer) => Buffer][] = [
    ["gzip", zlib.gzipSync],
    ["x-gzip", zlib.gzipSync],
    ["GZip", zlib.gzipSync],
    ["zstd", zlib.zstdCompressSync],
    ["deflate", zlib.deflateSync],
    ["identity", (bytes) => bytes],
    ["", (bytes) => bytes],
  ];

  it.each(codings)("'%s' is undone, of protobuf and of JSON", async (coding, compress) => {
    const harness = await startHttpReceiver();
    const headers = { "content-encoding": coding };
    expect((await request(harness, { headers, body: compress(payload) })).status).toBe(200);
    const answer = await request(harness, {
      headers: { ...headers, "content-type": jsonType },
      body: compress(json),
    });
    expect(answer.status).toBe(200);
    expect((await request(harness, { headers, body: [compress(payload)] })).status).toBe(200);
    expect(harness.sink.requests.map(({ payload: taken }) => taken)).toEqual([
      payload,
      transcodedJson,
      payload,
    ]);
    await expectNothingHeld(harness);
  });
});

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

describe("headers", () => {
  it("those that are forwarded reach the sink, and no others", async () => {
    const harness = await startHttpReceiver({ forwardHeaders: ["x-scope-orgid", "x-a"] });
    const headers = { "X-Scope-OrgID": "tenant", "x-b": "b" };
    await request(harness, { headers, body: payload });
    await request2(http2Session(harness), { headers, body: payload });
    const entries = harness.sink.requests.map(({ forwardedHeaders }) => forwardedHeaders.entries);
    expect(entries).toEqual([[["x-scope-orgid", "tenant"]], [["x-scope-orgid", "tenant"]]]);
  });

  it.each([
    ["in a moment", async () => true],
    ["at once", () => true],
  ])("credentials that are good %s let the request in", async (_name, authenticate) => {
    const harness = await startHttpReceiver({ authenticator: { authenticate } });
    expect((await request(harness, { body: payload })).status).toBe(200);
    expect((await request2(http2Session(harness), { body: payload })).status).toBe(200);
    await expectNothingHeld(harness);
  });

  it.each([
    ["in a moment", async () => false],
    ["at once", () => false],
  ])("credentials that are bad %s are refused before the body is read", async (_name, authenticate) => {
    const harness = await startHttpReceiver({
      authenticator: { challenge: 'Basic realm="x"', authenticate },
    });
    const connection = rawConnection(harness);
    connection.socket.write(
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: 4000000\r\ncontent-type: application/json\r\n\r\n",
    );
    await vi.waitFor(() => expect(connection.received()).toContain('"code":16'));
    expect(connection.received()).toMatch(/^HTTP\/1.1 401 Unauthorized\r\n/);
    expect(connection.received()).toContain('www-authenticate: Basic realm="x"\r\n');
    expect(harness.budget.usedBytes).toBeLessThan(100_000);
    const overHttp2 = await request2(http2Session(harness), { body: payload });
    expect(overHttp2).toMatchObject({ status: 401, headers: { "www-authenticate": 'Basic realm="x"' } });
    expect(harness.sink.requests).toEqual([]);
    await connection.closed;
    await expectNothingHeld(harness);
  });

  it("a preflight needs no credentials, and everything else does", async () => {
    const cors = { allowedOrigins: ["https://shop.example"], allowedHeaders: [], maxAgeSeconds: 0 };
    const harness = await startHttpReceiver({ cors, authenticator: { authenticate: () => false } });
    const headers = { origin: "https://shop.example", "access-control-request-method": "POST" };
    expect((await request(harness, { method: "OPTIONS", headers })).status).toBe(204);
    const answer = await request(harness, { headers });
    expect(answer).toMatchObject({
      status: 401,
      headers: { "access-control-allow-origin": "https://shop.example" },
    });
  });
});

describe("paths", () => {
  it("are those that are configured, with a query or without", async () => {
    const paths = { traces: "/otlp/traces", metrics: "/otlp/metrics", logs: "/otlp/logs" };
    const harness = await startHttpReceiver({ paths });
    expect((await request(harness, { path: "/otlp/metrics?a=/v1/traces" })).status).toBe(200);
    expect((await request(harness, { path: `http://127.0.0.1:${harness.port}/otlp/logs` })).status).toBe(200);
    expect((await request(harness, { path: "/v1/metrics" })).status).toBe(404);
    expect(harness.sink.requests.map(({ signal }) => signal)).toEqual(["metrics", "logs"]);
  });
});

describe("connections", () => {
  it("carry one request after the other, and several at a time over HTTP/2", async () => {
    const harness = await startHttpReceiver();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    for (let round = 0; round < 5; round += 1) {
      const answer = await request(harness, { agent, body: payload });
      expect(answer).toMatchObject({
        status: 200,
        headers: { connection: "keep-alive", "keep-alive": "timeout=60" },
      });
    }
    const session = http2Session(harness);
    const answers = await Promise.all(Array.from({ length: 20 }, () => request2(session, { body: payload })));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(harness.metric("otlpring_receiver_open_connections", "http")).toBe(2);
  });

  it("carry one request only, where they are not to be kept", async () => {
    const harness = await startHttpReceiver({ keepAlivesEnabled: false });
    const answer = await request(harness, { headers: { connection: "keep-alive" } });
    expect(answer).toMatchObject({ status: 200, headers: { connection: "close" } });
  });

  it("answer requests in their order, although those that come later are done earlier", async () => {
    const harness = await startHttpReceiver();
    const results: ((result: ExportResult) => void)[] = [];
    harness.sink.answer = () => new Promise((resolve) => results.push(resolve));
    const connection = rawConnection(harness);
    const post =
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    connection.socket.write(post + post);
    await vi.waitFor(() => expect(results).toHaveLength(2));
    results[1]!({ kind: "partial", rejectedItems: 0, message: "second" });
    results[0]!({ kind: "partial", rejectedItems: 0, message: "first" });
    await vi.waitFor(() => expect(connection.received()).toContain("second"));
    expect(connection.received()).toMatch(/first.*second/s);
    await expectNothingHeld(harness);
  });

  it("that say one byte at a time are understood", async () => {
    const harness = await startHttpReceiver();
    const connection = rawConnection(harness);
    connection.socket.setNoDelay(true);
    const text =
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    for (const character of text) {
      await new Promise<void>((resolve) => {
        connection.socket.write(character, () => resolve());
      });
    }
    await vi.waitFor(() => expect(connection.received()).toMatch(/^HTTP\/1.1 200 OK/));
  });

  it("whose client closes its half after the request get their answer", async () => {
    const harness = await startHttpReceiver();
    const connection = rawConnection(harness);
    connection.socket.end(
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    );
    expect(await connection.closed).toMatch(/^HTTP\/1.1 200 OK/);
    await vi.waitFor(() => expect(harness.metric("otlpring_receiver_open_connections", "http")).toBe(0));
  });

  it("whose client waits to be told get 100 Continue, or why not", async () => {
    const harness = await startHttpReceiver();
    const head = (length: number): string =>
      `POST /v1/traces HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
    const good = rawConnection(harness);
    good.socket.write(head(2));
    await vi.waitFor(() => expect(good.received()).toBe("HTTP/1.1 100 Continue\r\n\r\n"));
    good.socket.write("{}");
    await vi.waitFor(() => expect(good.received()).toContain("HTTP/1.1 200 OK"));
    const tooLarge = rawConnection(harness);
    tooLarge.socket.write(head(5_000_000));
    expect(await tooLarge.closed).toMatch(/^HTTP\/1.1 413 /);
    await expectNothingHeld(harness);
  });
});

describe("clients that go away", () => {
  it("in the middle of a request, over either version, leave nothing behind", async () => {
    const harness = await startHttpReceiver();
    const connection = rawConnection(harness);
    connection.socket.write(
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 100000\r\n\r\nhalf",
    );
    const session = http2Session(harness);
    const stream = session.request({
      ":method": "POST",
      ":path": "/v1/traces",
      "content-type": protobufType,
    });
    stream.on("error", () => undefined);
    stream.write("half");
    await vi.waitFor(() => expect(harness.budget.usedBytes).toBeGreaterThan(170_000));
    connection.socket.destroy();
    stream.destroy();
    await expectNothingHeld(harness);
    expect(harness.metric(requestsTotal, "http", "traces", "CANCELLED")).toBe(2);
    expect(harness.sink.requests).toEqual([]);
    await expectHealthy(harness);
  });

  it("while they wait give back what they held when the sink is done with it", async () => {
    const harness = await startHttpReceiver();
    let finish: (result: ExportResult) => void = () => undefined;
    harness.sink.answer = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const connection = rawConnection(harness);
    connection.socket.write(
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 5\r\n\r\nwhole",
    );
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(1));
    connection.socket.destroy();
    await vi.waitFor(() => expect(harness.metric(requestsTotal, "http", "traces", "CANCELLED")).toBe(1));
    expect(harness.budget.usedBytes).toBeGreaterThan(0);
    finish({ kind: "success" });
    await expectNothingHeld(harness);
  });

  it("with requests in a queue behind the one that is dealt with leave nothing of those", async () => {
    const harness = await startHttpReceiver();
    const results: ((result: ExportResult) => void)[] = [];
    harness.sink.answer = () => new Promise((resolve) => results.push(resolve));
    const connection = rawConnection(harness);
    const post =
      "POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 2\r\n\r\nab";
    connection.socket.write(post.repeat(3));
    await vi.waitFor(() => expect(results).toHaveLength(3));
    connection.socket.destroy();
    for (const finish of results) finish({ kind: "success" });
    await expectHealthy(harness);
  });
});

describe("an end", () => {
  it("lets what is in flight finish, tells its client to go, and closes idle connections", async () => {
    const harness = await startHttpReceiver();
    let finish: (result: ExportResult) => void = () => undefined;
    harness.sink.answer = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const agent = new http.Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const idle = rawConnection(harness);
    idle.socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    await vi.waitFor(() => expect(idle.received()).toContain("HTTP/1.1 404"));
    const silent = rawConnection(harness);
    const answer = request(harness, { agent, body: payload });
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(1));
    const session = http2Session(harness);
    const wentAway = new Promise((resolve) => {
      session.on("goaway", resolve);
    });
    await new Promise((resolve) => {
      session.on("remoteSettings", resolve);
    });
    const closed = harness.receiver.close(20_000);
    await Promise.all([idle.closed, silent.closed, wentAway]);
    finish({ kind: "success" });
    expect(await answer).toMatchObject({ status: 200, headers: { connection: "close" } });
    await closed;
    await expect(request(harness)).rejects.toThrow();
    await expectNothingHeld(harness);
  });

  it("comes when its time is over, whatever is in flight", async () => {
    const harness = await startHttpReceiver();
    harness.sink.answer = () => new Promise(() => undefined);
    const lost = expect(request(harness, { body: payload })).rejects.toThrow();
    const lostToo = request2(http2Session(harness), { body: payload });
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(2));
    await harness.receiver.close(50);
    await lost;
    expect((await lostToo).status).toBe(0);
  });

  it("without a beginning is one too", async () => {
    const { receiver } = await startHttpReceiver();
    await receiver.close(0);
    await receiver.close(0);
    await expect(receiver.listen()).rejects.toThrow("closed");
  });
});

it("a port that is taken is told with what to do", async () => {
  const { port } = await startHttpReceiver();
  await expect(startHttpReceiver({ port })).rejects.toThrow(`cannot listen on 127.0.0.1:${port}`);
});
