import * as http2 from "node:http2";
import { describe, expect, it, vi } from "vitest";
import {
  expectHealthy,
  http2Session,
  jsonType,
  protobufType,
  rawConnection,
  request2,
  startHttpReceiver,
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
import { expectNothingHeld, megabyte } from "./receiver-harness.ts";

const closedTotal = "otlpring_receiver_closed_connections_total";
const content = Buffer.from("some content ".repeat(100));
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

  it("headers of 20 KiB reset their stream", async () => {
    const harness = await startHttpReceiver();
    const session = http2Session(harness, { maxSendHeaderBlockLength: 100_000 });
    expect((await request2(session)).status).toBe(200);
    expect((await request2(session, { headers: { "x-large": "y".repeat(20 * 1024) } })).status).toBe(0);
    expect(harness.sink.requests).toHaveLength(1);
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
    expect([...statuses].sort((a, b) => Number(a) - Number(b))).toEqual([408, 503]);
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
