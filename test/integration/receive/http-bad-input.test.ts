import * as zlib from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { grpcCode } from "../../../src/otlp/status.ts";
import {
  expectHealthy,
  http2Session,
  jsonType,
  protobufType,
  type RequestOptions,
  rawConnection,
  request,
  request2,
  startHttpReceiver,
  statusOf,
} from "./http-harness.ts";
import { megabyte } from "./receiver-harness.ts";

const refusedTotal = "otlpring_receiver_refused_requests_total";
const content = Buffer.from("some content ".repeat(100));
const gzip = { "content-encoding": "gzip" };
const json = { "content-type": jsonType };
const zeros = Buffer.alloc(200_000_000);

interface Refused {
  readonly options: RequestOptions;
  readonly status: number;
  readonly code: number;
  readonly reason: string;
}

const refused = (
  status: number,
  code: keyof typeof grpcCode,
  reason: string,
  options: RequestOptions,
): Refused => ({ options, status, code: grpcCode[code], reason });

const bad: readonly [name: string, refused: Refused][] = [
  [
    "chunked beyond the limit",
    refused(413, "RESOURCE_EXHAUSTED", "too_large", {
      body: [Buffer.alloc(3 * megabyte), Buffer.alloc(2 * megabyte)],
    }),
  ],
  [
    "a length beyond the limit",
    refused(413, "RESOURCE_EXHAUSTED", "too_large", { body: Buffer.alloc(5 * megabyte) }),
  ],
  [
    "a gzip bomb",
    refused(413, "RESOURCE_EXHAUSTED", "too_large", { headers: gzip, body: zlib.gzipSync(zeros) }),
  ],
  [
    "a zstd bomb",
    refused(413, "RESOURCE_EXHAUSTED", "too_large", {
      headers: { "content-encoding": "zstd" },
      body: zlib.zstdCompressSync(zeros),
    }),
  ],
  [
    "gzip a thousand times",
    refused(415, "INVALID_ARGUMENT", "unknown_encoding", {
      headers: { "content-encoding": Array(1000).fill("gzip").join(", ") },
      body: content,
    }),
  ],
  [
    "gzip twice",
    refused(415, "INVALID_ARGUMENT", "unknown_encoding", {
      headers: { "content-encoding": "gzip, gzip" },
      body: content,
    }),
  ],
  [
    "an encoding that is not known",
    refused(415, "INVALID_ARGUMENT", "unknown_encoding", {
      headers: { "content-encoding": "br" },
      body: content,
    }),
  ],
  [
    "snappy that claims 4 GiB",
    refused(415, "INVALID_ARGUMENT", "unknown_encoding", {
      headers: { "content-encoding": "snappy" },
      body: Buffer.from([255, 255, 255, 255, 15]),
    }),
  ],
  ["garbage as gzip", refused(400, "INVALID_ARGUMENT", "malformed_body", { headers: gzip, body: content })],
  [
    "gzip that is cut off",
    refused(400, "INVALID_ARGUMENT", "malformed_body", {
      headers: gzip,
      body: zlib.gzipSync(content).subarray(0, -1),
    }),
  ],
  [
    "gzip with junk behind it",
    refused(400, "INVALID_ARGUMENT", "malformed_body", {
      headers: gzip,
      body: Buffer.concat([zlib.gzipSync(content), content]),
    }),
  ],
  [
    "garbage as zstd",
    refused(400, "INVALID_ARGUMENT", "malformed_body", {
      headers: { "content-encoding": "zstd" },
      body: content,
    }),
  ],
  [
    "garbage as deflate",
    refused(400, "INVALID_ARGUMENT", "malformed_body", {
      headers: { "content-encoding": "deflate" },
      body: content,
    }),
  ],
  ["GET", refused(405, "UNIMPLEMENTED", "wrong_method", { method: "GET" })],
  ["PUT", refused(405, "UNIMPLEMENTED", "wrong_method", { method: "PUT", body: content })],
  [
    "OPTIONS without CORS",
    refused(405, "UNIMPLEMENTED", "wrong_method", {
      method: "OPTIONS",
      headers: { origin: "https://a.example", "access-control-request-method": "POST" },
    }),
  ],
  ["an unknown path", refused(404, "NOT_FOUND", "unknown_path", { path: "/v1/profiles", body: content })],
  [
    "a path with a slash too many",
    refused(404, "NOT_FOUND", "unknown_path", { path: "/v1/traces/", body: content }),
  ],
  [
    "text/plain",
    refused(415, "INVALID_ARGUMENT", "unknown_content_type", {
      headers: { "content-type": "text/plain" },
      body: content,
    }),
  ],
  [
    "no content type",
    refused(415, "INVALID_ARGUMENT", "unknown_content_type", {
      headers: { "content-type": "" },
      body: content,
    }),
  ],
  [
    "gRPC",
    refused(415, "INVALID_ARGUMENT", "unknown_content_type", {
      headers: { "content-type": "application/grpc" },
      body: content,
    }),
  ],
  ["JSON that is nothing", refused(400, "INVALID_ARGUMENT", "malformed_body", { headers: json })],
  [
    "JSON that is cut off",
    refused(400, "INVALID_ARGUMENT", "malformed_body", { headers: json, body: '{"resourceSpans":[' }),
  ],
  [
    "JSON a million levels deep",
    refused(400, "INVALID_ARGUMENT", "malformed_body", { headers: json, body: "[".repeat(1_000_000) }),
  ],
  [
    "JSON a million levels deep in what is ignored",
    refused(400, "INVALID_ARGUMENT", "malformed_body", {
      headers: json,
      body: `{"a":${'[{"b":'.repeat(500_000)}`,
    }),
  ],
  [
    "an odd id",
    refused(400, "INVALID_ARGUMENT", "malformed_body", {
      headers: json,
      body: '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"abc"}]}]}]}',
    }),
  ],
  [
    "an enum by its name",
    refused(400, "INVALID_ARGUMENT", "malformed_body", {
      headers: json,
      body: '{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SPAN_KIND_SERVER"}]}]}]}',
    }),
  ],
  [
    "JSON that is not UTF-8",
    refused(400, "INVALID_ARGUMENT", "malformed_body", {
      headers: json,
      body: Buffer.from('{"a":"\xc3("}', "latin1"),
    }),
  ],
];

describe("requests that are refused with a Status, over HTTP/1.1 and HTTP/2", () => {
  it.each(bad)("%s", async (_name, { options, status, code, reason }) => {
    const harness = await startHttpReceiver();
    for (const answer of [await request(harness, options), await request2(http2Session(harness), options)]) {
      expect(answer.status).toBe(status);
      expect(statusOf(answer)).toMatchObject({ code, message: expect.stringMatching(/./) });
    }
    expect(harness.metric(refusedTotal, "http", reason)).toBe(2);
    expect(harness.sink.requests).toEqual([]);
    await expectHealthy(harness);
  });

  it("a Status is protobuf where the request was, JSON where it was JSON or neither", async () => {
    const harness = await startHttpReceiver();
    const typeOf = async (contentType: string) =>
      (await request(harness, { path: "/", headers: { "content-type": contentType } })).headers[
        "content-type"
      ];
    expect(await typeOf(protobufType)).toBe(protobufType);
    expect(await typeOf(jsonType)).toBe(jsonType);
    expect(await typeOf("text/html")).toBe(jsonType);
  });

  it("what is malformed has its place in the details, in either format", async () => {
    const harness = await startHttpReceiver();
    const description = "cannot be decompressed as content-encoding says";
    const inProtobuf = await request(harness, { headers: gzip, body: content });
    expect(statusOf(inProtobuf).details).toEqual([
      { type: "google.rpc.BadRequest", fieldViolations: [{ field: "body", description }] },
    ]);
    const inJson = await request(harness, { headers: { ...gzip, ...json }, body: content });
    expect(statusOf(inJson).details).toEqual([
      {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        fieldViolations: [{ field: "body", description }],
      },
    ]);
  });

  it("405 says what is allowed", async () => {
    const harness = await startHttpReceiver();
    expect((await request(harness, { method: "GET" })).headers.allow).toBe("POST");
    expect((await request2(http2Session(harness), { method: "HEAD" })).headers.allow).toBe("POST");
    const head = await request(harness, { method: "HEAD" });
    expect(head).toMatchObject({ status: 405, headers: { allow: "POST" } });
    expect(head.body).toHaveLength(0);
  });

  it("no room in the budget is 503 with Retry-After, before anything is read", async () => {
    const harness = await startHttpReceiver({}, megabyte);
    for (const body of [Buffer.alloc(2 * megabyte), [Buffer.alloc(megabyte), Buffer.alloc(megabyte)]]) {
      const answers = [await request(harness, { body }), await request2(http2Session(harness), { body })];
      for (const answer of answers) {
        expect(answer).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
        expect(statusOf(answer)).toMatchObject({
          code: grpcCode.UNAVAILABLE,
          details: [{ retryDelay: { seconds: "1" } }],
        });
      }
    }
    expect(harness.metric(refusedTotal, "http", "over_budget")).toBe(4);
    await expectHealthy(harness);
  });

  it("what grows beyond the budget when it is decompressed or converted is 503 too", async () => {
    const harness = await startHttpReceiver({}, megabyte);
    const compressed = await request(harness, {
      headers: gzip,
      body: zlib.gzipSync(Buffer.alloc(3 * megabyte)),
    });
    expect(compressed.status).toBe(503);
    const text = `{"a":"${"x".repeat(900_000)}"}`;
    expect((await request(harness, { headers: json, body: text })).status).toBe(503);
    await expectHealthy(harness);
  });

  it("a header named __proto__ is a header like any other", async () => {
    const harness = await startHttpReceiver();
    const connection = rawConnection(harness);
    connection.socket.write(
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\n__proto__: y\r\nconstructor: z\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    );
    await vi.waitFor(() => expect(connection.received()).toMatch(/^HTTP\/1.1 200 OK/));
    await expectHealthy(harness);
  });
});

describe("HTTP/1.1 that is none", () => {
  const post = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";

  it.each([
    ["no request at all", "hello\r\n\r\n", 400],
    ["a space before the colon", "POST / HTTP/1.1\r\nhost : x\r\n\r\n", 400],
    [
      "Content-Length and Transfer-Encoding",
      `${post}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ["two lengths", `${post}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`, 400],
    ["a length that is no number", `${post}content-length: two\r\n\r\n{}`, 400],
    ["a length below zero", `${post}content-length: -1\r\n\r\n{}`, 400],
    ["a chunk of no length", `${post}transfer-encoding: chunked\r\n\r\nzz\r\n{}`, 400],
    [
      "a chunk extension without end",
      `${post}transfer-encoding: chunked\r\n\r\n2;${"a".repeat(60_000)}`,
      413,
    ],
    ["headers of 20 KiB", `${post}x-large: ${"y".repeat(20 * 1024)}\r\n\r\n`, 431],
    ["a path of 20 KiB", `POST /${"y".repeat(20 * 1024)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431],
    ["a token of a megabyte", `${post}authorization: Bearer ${"y".repeat(1_000_000)}\r\n\r\n`, 431],
    ["no host", "POST /v1/traces HTTP/1.1\r\ncontent-length: 0\r\n\r\n", 400],
    ["a bare carriage return", "POST /v1/traces HTTP/1.1\r\nhost: x\r\rx: y\r\n\r\n", 400],
  ])("%s is answered, and its connection closed", async (_name, text, status) => {
    const harness = await startHttpReceiver();
    const connection = rawConnection(harness);
    connection.socket.write(text);
    const received = await connection.closed;
    expect(received).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(received.toLowerCase()).toContain("connection: close");
    expect(harness.sink.requests).toEqual([]);
    await expectHealthy(harness);
  });

  it("the answer to headers that are none is a Status in JSON", async () => {
    const harness = await startHttpReceiver();
    const connection = rawConnection(harness);
    connection.socket.write(`GET / HTTP/1.1\r\nx: ${"y".repeat(20_000)}\r\n\r\n`);
    const [head, body] = (await connection.closed).split("\r\n\r\n");
    expect(head).toContain("content-type: application/json");
    expect(JSON.parse(body!)).toEqual({
      code: grpcCode.INVALID_ARGUMENT,
      message: "the request's headers are larger than 16 KiB",
    });
    expect(harness.metric(refusedTotal, "http", "headers_too_large")).toBe(1);
  });

  it("behind a good request it costs that request nothing", async () => {
    const harness = await startHttpReceiver();
    let finish: () => void = () => undefined;
    harness.sink.answer = () =>
      new Promise((resolve) => {
        finish = () => resolve({ kind: "success" });
      });
    const connection = rawConnection(harness);
    connection.socket.write(`${post}content-length: 2\r\n\r\n{}this is no request\r\n\r\n`);
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(1));
    finish();
    expect(await connection.closed).toMatch(/^HTTP\/1.1 200 OK.*connection: close.*\{\}$/is);
    await expectHealthy(harness);
  });

  it("a declared length of 10 GiB is refused at once, and what is sent of it is not kept", async () => {
    const harness = await startHttpReceiver();
    const connection = rawConnection(harness);
    connection.socket.write(`${post}content-length: ${10 * 1024 ** 3}\r\n\r\n`);
    await vi.waitFor(() => expect(connection.received()).toMatch(/^HTTP\/1.1 413 /));
    connection.socket.write(Buffer.alloc(3 * megabyte));
    await connection.closed;
    await expectHealthy(harness);
  });
});
