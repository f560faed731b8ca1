import { readFileSync } from "node:fs";
import type * as http from "node:http";
import * as zlib from "node:zlib";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import { loadServerTls } from "../../../src/base/tls.ts";
import { signalFacts, signals } from "../../../src/otlp/signal.ts";
import { grpcCode } from "../../../src/otlp/status.ts";
import { certificates } from "../../support/certificates/paths.ts";
import {
  expectHealthy,
  http2Session,
  jsonType,
  protobufType,
  rawConnection,
  request,
  request2,
  startHttpReceiver,
  statusOf,
} from "./http-harness.ts";
import { expectNothingHeld, megabyte } from "./receiver-harness.ts";

const payload = Buffer.from("opaque to the receiver ".repeat(2000));
const json = Buffer.from('{"resourceSpans":[{"schemaUrl":"https://example.com"}]}');
const transcodedJson = Buffer.concat([Buffer.from([10, 21, 26, 19]), Buffer.from("https://example.com")]);
const requestsTotal = "otlpring_receiver_requests_total";

describe("protobuf", () => {
  it.each(signals)("of %s reaches the sink as it came, over HTTP/1.1 and HTTP/2", async (signal) => {
    const harness = await startHttpReceiver();
    const answers = [
      await request(harness, { path: signalFacts[signal].httpPath, body: payload }),
      await request2(http2Session(harness), { path: signalFacts[signal].httpPath, body: payload }),
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
    const paths = {
      traces: "/otlp/traces",
      metrics: "/otlp/metrics",
      logs: "/otlp/logs",
      profiles: "/otlp/profiles",
    };
    const harness = await startHttpReceiver({ paths });
    expect((await request(harness, { path: "/otlp/metrics?a=/v1/traces" })).status).toBe(200);
    expect((await request(harness, { path: `http://127.0.0.1:${harness.port}/otlp/logs` })).status).toBe(200);
    expect((await request(harness, { path: "/v1/metrics" })).status).toBe(404);
    expect(harness.sink.requests.map(({ signal }) => signal)).toEqual(["metrics", "logs"]);
  });
});
