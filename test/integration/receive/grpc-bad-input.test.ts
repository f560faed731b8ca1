import * as http2 from "node:http2";
import * as zlib from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { encodeMessageFrame } from "../../../src/grpc/framing.ts";
import {
  expectHealthy,
  rawAnswer,
  rawExchange,
  rawRequest,
  rawSession,
  startReceiver,
} from "./grpc-harness.ts";
import {
  exportHeaderBlock,
  frame,
  frameFlag,
  frameType,
  goawayCodes,
  headerBlock,
  rawConnection,
  uint32,
} from "./raw-http2.ts";
import { expectNothingHeld } from "./receiver-harness.ts";

const content = Buffer.from("some content ".repeat(100));
const gzipped = zlib.gzipSync(content);
const refusedTotal = "otlpring_receiver_refused_requests_total";

function compressed(message: Buffer): Buffer {
  return encodeMessageFrame([message], true);
}

function plain(message: Buffer): Buffer {
  return encodeMessageFrame([message], false);
}

describe("a body that is not one good message", () => {
  const gzip = { "grpc-encoding": "gzip" };
  const bomb = zlib.gzipSync(Buffer.alloc(200_000_000));

  it.each([
    ["garbage as gzip", gzip, compressed(Buffer.from("not gzip at all")), "13", "malformed_body"],
    ["truncated gzip", gzip, compressed(gzipped.subarray(0, 40)), "13", "malformed_body"],
    ["gzip without its last byte", gzip, compressed(gzipped.subarray(0, -1)), "13", "malformed_body"],
    [
      "gzip with junk behind it",
      gzip,
      compressed(Buffer.concat([gzipped, Buffer.from("junk")])),
      "13",
      "malformed_body",
    ],
    ["garbage as zstd", { "grpc-encoding": "zstd" }, compressed(content), "13", "malformed_body"],
    ["garbage as deflate", { "grpc-encoding": "deflate" }, compressed(content), "13", "malformed_body"],
    ["200 MB of zeros in gzip", gzip, compressed(bomb), "8", "too_large"],
    ["a compressed message and no encoding", {}, compressed(gzipped), "13", "malformed_body"],
    [
      "a compressed message and encoding identity",
      { "grpc-encoding": "identity" },
      compressed(gzipped),
      "13",
      "malformed_body",
    ],
    ["a first byte of 2", {}, Buffer.from([2, 0, 0, 0, 1, 1]), "13", "malformed_body"],
    ["two messages", {}, Buffer.concat([plain(content), plain(content)]), "13", "malformed_body"],
    ["no message", {}, Buffer.alloc(0), "13", "malformed_body"],
    ["half a message", {}, plain(content).subarray(0, 50), "13", "malformed_body"],
    ["half a prefix", {}, Buffer.from([0, 0]), "13", "malformed_body"],
    ["a message over the limit", {}, plain(Buffer.alloc(4 * 1024 * 1024 + 1)), "8", "too_large"],
  ])("%s", async (_name, headers, body, grpcStatus, reason) => {
    const harness = await startReceiver();
    const answer = await rawExchange(rawSession(harness.port), headers, body);
    expect(answer).toMatchObject({ httpStatus: 200, grpcStatus, rstCode: 0 });
    expect(answer.headers["grpc-message"]).toBeTruthy();
    expect(answer.headers["grpc-status-details-bin"]).toBeUndefined();
    expect(harness.sink.requests).toEqual([]);
    expect(harness.metric(refusedTotal, "grpc", reason)).toBe(1);
    await expectHealthy(harness);
  });

  it("a declared length of 2^32-1 is refused when five bytes have come", async () => {
    const harness = await startReceiver();
    const stream = rawRequest(rawSession(harness.port));
    const answer = rawAnswer(stream);
    stream.write(Buffer.from([0, 255, 255, 255, 255]));
    expect((await answer).grpcStatus).toBe("8");
    await expectHealthy(harness);
  });

  it("does not cost the other requests of its connection anything", async () => {
    const harness = await startReceiver();
    const session = rawSession(harness.port);
    const large = plain(Buffer.alloc(3_000_000));
    // What is sent of refused bodies comes to several times the window of the connection.
    for (let round = 0; round < 30; round += 1) {
      const [refused, taken] = await Promise.all([
        rawExchange(session, { "grpc-encoding": "br" }, large),
        rawExchange(session, {}, plain(content)),
      ]);
      expect([refused.grpcStatus, taken.grpcStatus]).toEqual(["12", "0"]);
    }
    await expectNothingHeld(harness);
  });
});

describe("headers that are not those of an Export", () => {
  it.each([
    ["an unknown service", { ":path": "/a.B/Export" }, 200, "12", "unknown_method"],
    [
      "an unknown method",
      { ":path": "/opentelemetry.proto.collector.trace.v1.TraceService/Import" },
      200,
      "12",
      "unknown_method",
    ],
    ["a path that is HTTP's", { ":path": "/v1/traces" }, 200, "12", "unknown_method"],
    ["encoding br", { "grpc-encoding": "br" }, 200, "12", "unknown_encoding"],
    ["content type JSON", { "content-type": "application/json" }, 415, "3", "not_grpc"],
    ["content type gRPC with JSON", { "content-type": "application/grpc+json" }, 415, "3", "not_grpc"],
    ["content type gRPC-Web", { "content-type": "application/grpc-web" }, 415, "3", "not_grpc"],
    ["no content type", { "content-type": "" }, 415, "3", "not_grpc"],
    ["method PUT", { ":method": "PUT" }, 405, "13", "not_grpc"],
  ])("%s", async (_name, headers, httpStatus, grpcStatus, reason) => {
    const harness = await startReceiver();
    const answer = await rawExchange(rawSession(harness.port), headers, plain(content));
    expect(answer).toMatchObject({ httpStatus, grpcStatus, rstCode: 0 });
    expect(harness.sink.requests).toEqual([]);
    expect(harness.metric(refusedTotal, "grpc", reason)).toBe(1);
    await expectHealthy(harness);
  });

  it("an unknown encoding is told which ones are known", async () => {
    const harness = await startReceiver();
    const answer = await rawExchange(rawSession(harness.port), { "grpc-encoding": "br" }, plain(content));
    expect(answer.headers["grpc-accept-encoding"]).toBe("identity,gzip,zstd,deflate");
  });

  it("a token of a megabyte ends its stream and nothing else", async () => {
    const harness = await startReceiver({ authenticator: { authenticate: () => true } });
    const session = rawSession(harness.port, { maxSendHeaderBlockLength: 2_000_000 });
    const stream = rawRequest(session, { authorization: `Bearer ${"x".repeat(1_000_000)}` });
    const answer = await rawAnswer(stream);
    expect(answer.grpcStatus).toBeUndefined();
    await expectHealthy(harness);
  });
});

describe("requests that never end", () => {
  it("hold no more than the budget, and are ended by the receive deadline", async () => {
    const budgetBytes = 35_000_000;
    const harness = await startReceiver({ receiveTimeoutMs: 300 }, budgetBytes);
    const session = rawSession(harness.port);
    const unfinished = plain(Buffer.alloc(4_000_000)).subarray(0, 100_000);
    const answers = Array.from({ length: 200 }, () => {
      const stream = rawRequest(session);
      const answer = rawAnswer(stream);
      stream.write(unfinished);
      return answer;
    });
    const codes = (await Promise.all(answers)).map(({ grpcStatus }) => grpcStatus);
    // Eight messages of 4 MB fit; they run into the deadline, the others are refused at once.
    expect(codes.filter((code) => code === "4")).toHaveLength(8);
    expect(codes.filter((code) => code === "14")).toHaveLength(192);
    expect(harness.metric(refusedTotal, "grpc", "receive_timeout")).toBe(8);
    await expectHealthy(harness);
  });

  it("nor does one that sends its headers only", async () => {
    const harness = await startReceiver({ receiveTimeoutMs: 200 });
    const answer = await rawAnswer(rawRequest(rawSession(harness.port)));
    expect(answer.grpcStatus).toBe("4");
    await expectHealthy(harness);
  });
});

describe("HTTP/2 that no library would send", () => {
  const openStream = (streamId: number, flags: number = frameFlag.END_HEADERS) =>
    frame(frameType.HEADERS, flags, streamId, exportHeaderBlock);

  it("a request without :path is reset", async () => {
    const harness = await startReceiver();
    const { socket, frames } = rawConnection(harness.port);
    const withoutPath = headerBlock({ ":method": "POST", ":scheme": "http", ":authority": "localhost" });
    socket.write(frame(frameType.HEADERS, frameFlag.END_HEADERS | frameFlag.END_STREAM, 1, withoutPath));
    const protocolError = uint32(http2.constants.NGHTTP2_PROTOCOL_ERROR);
    await vi.waitFor(() => expect(frames(frameType.RST_STREAM)).toEqual([protocolError]));
    await expectHealthy(harness);
  });

  it("rapid reset ends in GOAWAY", async () => {
    const harness = await startReceiver();
    const connection = rawConnection(harness.port);
    const cancel = uint32(http2.constants.NGHTTP2_CANCEL);
    const attack = Array.from({ length: 5000 }, (_, index) => {
      const streamId = 2 * index + 1;
      return Buffer.concat([openStream(streamId), frame(frameType.RST_STREAM, 0, streamId, cancel)]);
    });
    connection.socket.write(Buffer.concat(attack));
    await connection.closed;
    expect(goawayCodes(connection)).toContain(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(harness.metric("otlpring_receiver_closed_connections_total", "grpc", "too_many_resets")).toBe(1);
    await expectHealthy(harness);
  });

  const closing: readonly (readonly [string, Buffer])[] = [
    [
      "CONTINUATION without end",
      Buffer.concat([
        openStream(1, 0),
        ...Array.from({ length: 2000 }, () => frame(frameType.CONTINUATION, 0, 1, exportHeaderBlock)),
      ]),
    ],
    ["data after GOAWAY and on stream 0", dataAfterGoaway()],
    [
      "a header block that is no HPACK",
      frame(frameType.HEADERS, frameFlag.END_HEADERS, 1, Buffer.alloc(50, 0xff)),
    ],
    ["a window past 2^31", frame(frameType.WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1))],
    ["a frame longer than was agreed", frame(frameType.DATA, 0, 1, Buffer.alloc(1024 * 1024))],
    [
      "SETTINGS without end",
      Buffer.concat(Array.from({ length: 20_000 }, () => frame(frameType.SETTINGS, 0, 0))),
    ],
    ["HTTP/1.1", Buffer.from("POST /v1/traces HTTP/1.1\r\nhost: x\r\n\r\n")],
  ];

  it.each(closing)("%s closes the connection", async (_name, bytes) => {
    const harness = await startReceiver();
    const { socket, closed } = rawConnection(harness.port);
    socket.write(bytes);
    await closed;
    expect(harness.sink.requests).toEqual([]);
    await expectHealthy(harness);
  });

  it("CONTINUATION cut off by an abrupt close leaves nothing behind", async () => {
    const harness = await startReceiver();
    const { socket } = rawConnection(harness.port);
    socket.write(openStream(1, 0), () => socket.resetAndDestroy());
    await expectHealthy(harness);
    expect(harness.sink.requests).toHaveLength(1);
  });

  it("a window overflow on 1000 connections leaves none of them", async () => {
    const harness = await startReceiver();
    const overflow = frame(frameType.WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1));
    for (let round = 0; round < 20; round += 1) {
      const connections = Array.from({ length: 50 }, () => rawConnection(harness.port));
      for (const { socket } of connections) socket.write(overflow);
      await Promise.all(connections.map(({ closed }) => closed));
    }
    await vi.waitFor(() => expect(harness.metric("otlpring_receiver_open_connections", "grpc")).toBe(0));
    await expectHealthy(harness);
  });

  it("headers beyond the limit, kept open on many streams, are not kept", async () => {
    const harness = await startReceiver();
    const session = rawSession(harness.port, { maxSendHeaderBlockLength: 200_000 });
    // The limit holds from when the client has acknowledged it.
    expect((await rawExchange(session, {}, plain(content))).grpcStatus).toBe("0");
    const large = { "x-large": "y".repeat(50_000) };
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => rawAnswer(rawRequest(session, large))),
    );
    expect(new Set(answers.map(({ grpcStatus }) => grpcStatus))).toEqual(new Set([undefined]));
    await expectHealthy(harness);
  });

  function dataAfterGoaway(): Buffer {
    const goaway = frame(frameType.GOAWAY, 0, 0, Buffer.concat([uint32(0), uint32(1)]));
    return Buffer.concat([openStream(1), goaway, frame(frameType.DATA, 0, 0, Buffer.alloc(100))]);
  }
});
