import * as http2 from "node:http2";
import * as zlib from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { grpcCode } from "../../../src/otlp/status.ts";
import {
  expectHealthy,
  expectNothingHeld,
  http2Session,
  jsonType,
  megabyte,
  protobufType,
  type RequestOptions,
  rawConnection,
  request,
  request2,
  startHttpReceiver,
  statusOf,
} from "./http-harness.ts";
import {
  frame,
  frameFlag,
  frameType,
  goawayCodes,
  headerBlock,
  rawConnection as rawHttp2,
  uint32,
} from "./raw-http2.ts";

const refusedTotal = "otlpring_receiver_refused_requests_total";
const closedTotal = "otlpring_receiver_closed_connections_total";
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

describe("slowness", () => {
  const shortTimes = { readHeaderTimeoutMs: 200, readTimeoutMs: 300 };

  it.each([
    ["nothing", "", /^$/],
    ["the beginning of a preface", "PR", /^$/],
    ["half of the headers", "POST /v1/traces HTTP/1.1\r\nhost", /^HTTP\/1.1 408 /],
    [
      "half of the body",
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
      /^HTTP\/1.1 408 .*"code":4/s,
    ],
    [
      "half of a body in chunks",
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n",
      /^HTTP\/1.1 408 .*"code":4/s,
    ],
  ])("a client that sends %s, and no more, is let go", async (_name, text, answer) => {
    const harness = await startHttpReceiver(shortTimes);
    const connection = rawConnection(harness);
    connection.socket.write(text);
    expect(await connection.closed).toMatch(answer);
    await expectHealthy(harness);
  });

  it("headers of a second request have their time too, and waiting for it is not slowness", async () => {
    const harness = await startHttpReceiver(shortTimes);
    const connection = rawConnection(harness);
    const post =
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    connection.socket.write(post);
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(1));
    // Longer than headers may take.
    await new Promise((resolve) => setTimeout(resolve, 600));
    connection.socket.write(post);
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(2));
    connection.socket.write("POST /v1/tra");
    expect(await connection.closed).toMatch(/200 OK.*200 OK.*HTTP\/1.1 408 /s);
  });

  it("a connection without requests is closed when its time is over, over either version", async () => {
    const harness = await startHttpReceiver({ idleTimeoutMs: 200 });
    const connection = rawConnection(harness);
    connection.socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    await connection.closed;
    const session = http2Session(harness);
    await new Promise((resolve) => {
      session.on("close", resolve);
    });
    expect(harness.metric(closedTotal, "http", "idle")).toBe(1);
    await vi.waitFor(() => expect(harness.metric("otlpring_receiver_open_connections", "http")).toBe(0));
  });

  it("half of a body over HTTP/2 is refused when its time is over", async () => {
    const harness = await startHttpReceiver(shortTimes);
    const stream = http2Session(harness).request({
      ":method": "POST",
      ":path": "/v1/traces",
      "content-type": jsonType,
    });
    const status = new Promise((resolve) => {
      stream.on("response", (headers) => resolve(headers[":status"]));
    });
    stream.on("error", () => undefined);
    stream.write("{");
    expect(await status).toBe(408);
    await expectHealthy(harness);
  });

  it("a client that takes no answers loses its connection", async () => {
    const harness = await startHttpReceiver({ readTimeoutMs: 300 });
    const message = "x".repeat(60_000);
    harness.sink.answer = () => ({ kind: "partial", rejectedItems: 0, message });
    const connection = rawConnection(harness);
    connection.socket.pause();
    const post =
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    connection.socket.write(post.repeat(1000));
    await vi.waitFor(() => expect(harness.metric(closedTotal, "http", "answer_unread")).toBe(1), 10_000);
    connection.socket.destroy();
    await expectHealthy(harness);
  });
});

describe("HTTP/2 that attacks", () => {
  const block = headerBlock({
    ":method": "POST",
    ":scheme": "http",
    ":path": "/v1/traces",
    ":authority": "localhost",
    "content-type": protobufType,
  });
  const openStream = (id: number): Buffer => frame(frameType.HEADERS, frameFlag.END_HEADERS, id, block);

  it("rapid resets end their connection", async () => {
    const harness = await startHttpReceiver();
    const connection = rawHttp2(harness.port);
    for (let id = 1; id < 4000; id += 2) {
      connection.socket.write(Buffer.concat([openStream(id), frame(frameType.RST_STREAM, 0, id, uint32(8))]));
    }
    await connection.closed;
    expect(goawayCodes(connection)).toContain(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(harness.sink.requests).toEqual([]);
    await expectHealthy(harness);
  });

  it("a part of a body, and a reset, is no request", async () => {
    const harness = await startHttpReceiver();
    const connection = rawHttp2(harness.port);
    connection.socket.write(
      Buffer.concat([
        openStream(1),
        frame(frameType.DATA, 0, 1, content),
        frame(frameType.RST_STREAM, 0, 1, uint32(0)),
      ]),
    );
    await vi.waitFor(() =>
      expect(harness.metric("otlpring_receiver_requests_total", "http", "traces", "CANCELLED")).toBe(1),
    );
    expect(harness.sink.requests).toEqual([]);
    await expectHealthy(harness);
  });

  it.each([
    ["a window that overflows", frame(frameType.WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1))],
    [
      "headers that cannot be decoded",
      frame(frameType.HEADERS, frameFlag.END_HEADERS, 1, Buffer.alloc(50, 0xff)),
    ],
    ["data on a stream that nobody opened", frame(frameType.DATA, 0, 5, content)],
    [
      "CONTINUATION without end",
      Buffer.concat([
        frame(frameType.HEADERS, 0, 1, block),
        ...Array(20_000).fill(frame(frameType.CONTINUATION, 0, 1, headerBlock({ "x-a": "b" }))),
      ]),
    ],
  ])("%s ends its connection", async (_name, bytes) => {
    const harness = await startHttpReceiver();
    const connection = rawHttp2(harness.port);
    connection.socket.write(bytes);
    await connection.closed;
    expect(harness.sink.requests).toEqual([]);
    await expectHealthy(harness);
  });

  it("two hundred bodies without end are let go, and held within the budget meanwhile", async () => {
    const harness = await startHttpReceiver({ readTimeoutMs: 500 }, 16 * megabyte);
    const session = http2Session(harness);
    const closed = Array.from({ length: 200 }, () => {
      const stream = session.request({
        ":method": "POST",
        ":path": "/v1/traces",
        "content-type": protobufType,
      });
      stream.on("error", () => undefined);
      stream.write(Buffer.alloc(200_000));
      return new Promise((resolve) => {
        stream.on("response", (headers) => resolve(headers[":status"]));
        stream.on("close", () => resolve(0));
      });
    });
    const statuses = new Set(await Promise.all(closed));
    expect([...statuses].sort()).toEqual([408, 503]);
    await expectNothingHeld(harness);
    session.destroy();
    await expectHealthy(harness);
  });
});

it("a thousand connections that open and close leave none", async () => {
  const harness = await startHttpReceiver();
  for (let round = 0; round < 10; round += 1) {
    const connections = Array.from({ length: 100 }, () => rawConnection(harness));
    for (const { socket } of connections) socket.end(round % 2 === 0 ? "" : "POST /v1/traces HTTP/1.1\r\n");
    await Promise.all(connections.map(({ closed }) => closed));
  }
  await vi.waitFor(() => expect(harness.metric("otlpring_receiver_open_connections", "http")).toBe(0));
  await expectHealthy(harness);
});
