import * as http2 from "node:http2";
import * as net from "node:net";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import { loadServerTls } from "../../../src/base/tls.ts";
import { encodeMessageFrame } from "../../../src/grpc/framing.ts";
import type { ExportResult } from "../../../src/otlp/export-request.ts";
import { certificates } from "../../support/certificates/paths.ts";
import {
  expectHealthy,
  exportBytes,
  grpcClient,
  type Harness,
  rawAnswer,
  rawExchange,
  rawRequest,
  rawSession,
  startReceiver,
} from "./grpc-harness.ts";
import { exportHeaderBlock, frame, frameFlag, frameType, goawayCodes, rawConnection } from "./raw-http2.ts";
import { expectNothingHeld } from "./receiver-harness.ts";

const payload = Buffer.from("payload");
const body = encodeMessageFrame([payload], false);

function openConnections(harness: Harness): number {
  return harness.metric("otlpring_receiver_open_connections", "grpc");
}

function closedFor(harness: Harness, reason: string): number {
  return harness.metric("otlpring_receiver_closed_connections_total", "grpc", reason);
}

/** Holds every request until it is told to answer them all. */
function holdRequests({ sink }: Harness): () => void {
  const { promise, resolve } = Promise.withResolvers<ExportResult>();
  sink.answer = () => promise;
  return () => resolve({ kind: "success" });
}

describe("a connection", () => {
  it("is closed at its age without an error for a client under continuous load", async () => {
    const keepalive = { maxConnectionAgeMs: 300, maxConnectionAgeGraceMs: 5000 };
    const harness = await startReceiver({ keepalive });
    const client = grpcClient(harness.port);
    const codes = new Map<grpc.status, number>();
    const sendUntilAged = async (): Promise<void> => {
      while (closedFor(harness, "max_age") < 4) {
        const { code } = await exportBytes(client, Buffer.alloc(2000));
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: 10 }, sendUntilAged));
    expect([...codes.keys()]).toEqual([grpc.status.OK]);
    expect(codes.get(grpc.status.OK)).toBe(harness.sink.requests.length);
    await expectHealthy(harness);
  });

  it("past its age is destroyed when the grace is over, whatever is in flight", async () => {
    const harness = await startReceiver({
      keepalive: { maxConnectionAgeMs: 100, maxConnectionAgeGraceMs: 100 },
    });
    const release = holdRequests(harness);
    const answer = await exportBytes(grpcClient(harness.port), payload);
    expect(answer.code).not.toBe(grpc.status.OK);
    release();
    await expectNothingHeld(harness);
  });

  it("is closed when it has carried nothing for a while", async () => {
    const harness = await startReceiver({ keepalive: { maxConnectionIdleMs: 100 } });
    const session = rawSession(harness.port);
    const closed = new Promise((resolve) => session.on("close", resolve));
    expect((await rawExchange(session, {}, body)).grpcStatus).toBe("0");
    await closed;
    expect(closedFor(harness, "idle")).toBe(1);
    await expectHealthy(harness);
  });

  it("is not idle while a request is with the sink", async () => {
    const harness = await startReceiver({ keepalive: { maxConnectionIdleMs: 50 } });
    const release = holdRequests(harness);
    const answer = rawExchange(rawSession(harness.port), {}, body);
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(1));
    // Another connection comes and goes by idleness meanwhile.
    rawSession(harness.port);
    await vi.waitFor(() => expect(closedFor(harness, "idle")).toBe(1));
    expect(openConnections(harness)).toBeGreaterThanOrEqual(1);
    release();
    expect((await answer).grpcStatus).toBe("0");
  });

  it("whose peer answers no ping is destroyed", async () => {
    const harness = await startReceiver({ keepalive: { timeMs: 50, timeoutMs: 100 } });
    const { closed, frames } = rawConnection(harness.port);
    await closed;
    expect(frames(frameType.PING)).toHaveLength(1);
    expect(closedFor(harness, "ping_unanswered")).toBe(1);
    await expectHealthy(harness);
  });

  it("whose peer answers pings is kept", async () => {
    const harness = await startReceiver({ keepalive: { timeMs: 20, timeoutMs: 5000 } });
    const session = rawSession(harness.port);
    let pings = 0;
    session.on("ping", () => {
      pings += 1;
    });
    await vi.waitFor(() => expect(pings).toBeGreaterThanOrEqual(3), { timeout: 5000 });
    expect((await rawExchange(session, {}, body)).grpcStatus).toBe("0");
  });

  it("whose client pings too often is closed with the words that clients look for", async () => {
    const harness = await startReceiver({ keepalive: { minTimeMs: 60_000, permitWithoutStream: true } });
    const connection = rawConnection(harness.port);
    for (let count = 0; count < 10; count += 1) {
      connection.socket.write(frame(frameType.PING, 0, 0, Buffer.alloc(8)));
    }
    await connection.closed;
    expect(goawayCodes(connection)).toContain(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(connection.frames(frameType.GOAWAY)[0]!.toString("latin1", 8)).toBe("too_many_pings");
    expect(closedFor(harness, "too_many_pings")).toBe(1);
    await expectHealthy(harness);
  });

  it("whose client pings as often as it may is kept", async () => {
    const harness = await startReceiver({ keepalive: { minTimeMs: 0, permitWithoutStream: true } });
    const session = rawSession(harness.port);
    const pings = Array.from({ length: 8 }, () => new Promise((resolve) => session.ping(resolve)));
    await Promise.all(pings);
    expect((await rawExchange(session, {}, body)).grpcStatus).toBe("0");
  });

  it("that never says a word is closed", async () => {
    const harness = await startReceiver({ receiveTimeoutMs: 100 });
    const silent = net.connect({ host: "127.0.0.1", port: harness.port });
    await new Promise((resolve) => silent.resume().on("close", resolve));
    expect(closedFor(harness, "no_preface")).toBe(1);
    await expectHealthy(harness);
  });

  it("whose client does not take its answers is destroyed", async () => {
    const harness = await startReceiver({ receiveTimeoutMs: 300 });
    const deaf = sendWithoutReading(harness);
    await vi.waitFor(() => expect(closedFor(harness, "answer_unread")).toBe(1), { timeout: 5000 });
    await vi.waitFor(() => expect(openConnections(harness)).toBe(0), { timeout: 5000 });
    deaf.destroy();
    await expectHealthy(harness);
  });

  it("whose client does not take its answers does not hold up the end of the receiver", async () => {
    const harness = await startReceiver();
    sendWithoutReading(harness);
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(150));
    await harness.receiver.close(50);
    expect(openConnections(harness)).toBe(0);
    await expectNothingHeld(harness);
  });

  /** Sends 150 requests, answered with 15 MB that nobody reads. */
  function sendWithoutReading(harness: Harness): net.Socket {
    harness.sink.answer = () => ({ kind: "partial", rejectedItems: 1, message: "x".repeat(100_000) });
    const { socket } = rawConnection(harness.port);
    socket.pause();
    for (let streamId = 1; streamId < 300; streamId += 2) {
      socket.write(frame(frameType.HEADERS, frameFlag.END_HEADERS, streamId, exportHeaderBlock));
      socket.write(frame(frameType.DATA, frameFlag.END_STREAM, streamId, body));
    }
    return socket;
  }
});

describe("drain", () => {
  it("finishes what is in flight, refuses nothing that was sent before, and listens no more", async () => {
    const harness = await startReceiver();
    const release = holdRequests(harness);
    const session = rawSession(harness.port);
    const goaway = new Promise<number>((resolve) => session.on("goaway", resolve));
    const answers = Array.from({ length: 5 }, () => rawExchange(session, {}, body));
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(5));
    harness.receiver.drain();
    expect(await goaway).toBe(http2.constants.NGHTTP2_NO_ERROR);
    release();
    expect((await Promise.all(answers)).map(({ grpcStatus }) => grpcStatus)).toEqual(Array(5).fill("0"));
    const refused = await new Promise<NodeJS.ErrnoException>((resolve) => {
      net.connect({ host: "127.0.0.1", port: harness.port }).on("error", resolve);
    });
    expect(refused.code).toBe("ECONNREFUSED");
    await vi.waitFor(() => expect(openConnections(harness)).toBe(0));
    await expectNothingHeld(harness);
  });
});

describe("close", () => {
  it("waits for what is in flight", async () => {
    const harness = await startReceiver();
    const release = holdRequests(harness);
    const answer = exportBytes(grpcClient(harness.port), payload);
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(1));
    const closed = harness.receiver.close(20_000);
    release();
    expect((await answer).code).toBe(grpc.status.OK);
    await closed;
  });

  it("ends after the grace what does not finish, and may be called twice", async () => {
    const harness = await startReceiver();
    const release = holdRequests(harness);
    const answer = exportBytes(grpcClient(harness.port), payload);
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(1));
    await Promise.all([harness.receiver.close(30), harness.receiver.close(30)]);
    expect((await answer).code).not.toBe(grpc.status.OK);
    release();
    await expectNothingHeld(harness);
  });
});

describe("listen", () => {
  it("says which address cannot be had, and what to do", async () => {
    const harness = await startReceiver();
    await expect(startReceiver({ port: harness.port })).rejects.toMatchObject({
      code: "listen_failed",
      message: expect.stringMatching(/127\.0\.0\.1:\d+ .*EADDRINUSE.*another endpoint/),
    });
  });
});

describe("TLS", () => {
  const tlsModules = () => ({ logger: silentLogger, metrics: new MetricRegistry() });

  it("carries requests, and refuses clients that speak plain text", async () => {
    const tls = loadServerTls(
      { certFile: certificates.serverOne.cert, keyFile: certificates.serverOne.key },
      tlsModules(),
    );
    onTestFinished(() => tls.close());
    const harness = await startReceiver({ tls });
    const session = http2.connect(`https://127.0.0.1:${harness.port}`, { rejectUnauthorized: false });
    onTestFinished(() => session.destroy());
    const stream = rawRequest(session);
    const answer = rawAnswer(stream);
    stream.end(body);
    expect((await answer).grpcStatus).toBe("0");
    const plain = rawConnection(harness.port);
    await plain.closed;
    // Bad HPACK over TLS (CVE-2025-59465).
    const bad = rawConnection(harness.port, { rejectUnauthorized: false, ALPNProtocols: ["h2"] });
    bad.socket.write(frame(frameType.HEADERS, frameFlag.END_HEADERS, 1, Buffer.alloc(50, 0xff)));
    await bad.closed;
    await vi.waitFor(() => expect(openConnections(harness)).toBe(1));
    await expectNothingHeld(harness);
  });

  it("refuses clients without a certificate where one is asked for", async () => {
    const tls = loadServerTls(
      {
        certFile: certificates.serverOne.cert,
        keyFile: certificates.serverOne.key,
        clientCaFile: certificates.authorityOne,
      },
      tlsModules(),
    );
    onTestFinished(() => tls.close());
    const harness = await startReceiver({ tls });
    const stranger = rawConnection(harness.port, { rejectUnauthorized: false, ALPNProtocols: ["h2"] });
    await stranger.closed;
    expect(openConnections(harness)).toBe(0);
    expect(harness.sink.requests).toEqual([]);
  });
});
