import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { Metadata, status } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "vitest";
import { monotonicMs } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { createGrpcSender, type GrpcSenderOptions } from "../../../src/export/grpc-sender.ts";
import type { CallOutcome } from "../../../src/export/outcome.ts";
import type { Sender } from "../../../src/export/sender.ts";
import { encodeStatus } from "../../../src/grpc/status-details.ts";
import { parseTimeout } from "../../../src/grpc/timeout.ts";
import { noForwardedHeaders } from "../../../src/otlp/export-request.ts";
import { encodeExportResponse } from "../../../src/otlp/export-response.ts";
import { signalFacts, signals } from "../../../src/otlp/signal.ts";
import {
  type AnswerCall,
  accepted,
  type CollectorOptions,
  startCollector,
  startHttp2Peer,
  startRawPeer,
} from "./backends.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function collector(options: CollectorOptions = {}) {
  const started = await startCollector(options);
  cleanups.push(started.stop);
  return started;
}

async function rawPeer(onConnection: Parameters<typeof startRawPeer>[0]) {
  const started = await startRawPeer(onConnection);
  cleanups.push(started.stop);
  return started;
}

async function http2Peer(onStream: Parameters<typeof startHttp2Peer>[0]) {
  const started = await startHttp2Peer(onStream);
  cleanups.push(started.stop);
  return started.member;
}

function sender(member: string, options: Partial<GrpcSenderOptions> = {}): Sender {
  const created = createGrpcSender(
    { member, userAgent: "otlp-ring/test", ...options },
    { logger: silentLogger },
  );
  cleanups.push(() => created.close());
  return created;
}

function callTraces(to: Sender, payloads: readonly Buffer[], timeoutMs = 5000): Promise<CallOutcome> {
  return to.call("traces", noForwardedHeaders, payloads, monotonicMs() + timeoutMs);
}

async function outcomeFrom(answer: AnswerCall): Promise<CallOutcome> {
  const { member } = await collector({ answer });
  return callTraces(sender(member), [Buffer.from("payload")]);
}

const delivered: CallOutcome = { kind: "delivered", rejectedItems: 0, message: "", payloadIsFree: true };

describe("a call to a collector", () => {
  test("carries the payloads one after another, to each signal's service", async () => {
    const paths: string[] = [];
    const backend = await collector({
      answer: (_request, _metadata, path) => {
        paths.push(path);
        return accepted;
      },
    });
    const to = sender(backend.member);
    const payloads = [
      Buffer.alloc(10, 1),
      Buffer.alloc(30_000, 2),
      Buffer.alloc(10, 3),
      Buffer.alloc(200_000, 4),
    ];
    for (const signal of signals) {
      expect(await to.call(signal, noForwardedHeaders, payloads, monotonicMs() + 5000)).toMatchObject(
        delivered,
      );
    }
    expect(paths).toEqual(signals.map((signal) => signalFacts[signal].grpcPath));
    for (const request of backend.requests) expect(request.equals(Buffer.concat(payloads))).toBe(true);
  });

  test("sends thousands of small payloads as one message", async () => {
    const backend = await collector();
    const payloads = Array.from({ length: 2000 }, (_, index) => Buffer.alloc(1 + (index % 900), index));
    expect(await callTraces(sender(backend.member), payloads)).toMatchObject(delivered);
    expect(backend.requests.map((request) => request.equals(Buffer.concat(payloads)))).toEqual([true]);
  });

  test.each(["gzip", "deflate"] as const)(
    "is compressed with %s when that is configured",
    async (compression) => {
      const backend = await collector();
      const payloads = [Buffer.alloc(20_000, "a"), Buffer.alloc(20_000, "b")];
      expect(await callTraces(sender(backend.member, { compression }), payloads)).toMatchObject(delivered);
      expect(backend.requests[0]!.equals(Buffer.concat(payloads))).toBe(true);
    },
  );

  test("carries configured, forwarded and gRPC's own headers, and none that it must not", async () => {
    let seen: Metadata | undefined;
    const { member } = await collector({
      answer: (_request, metadata) => {
        seen = metadata;
        return accepted;
      },
    });
    const to = sender(member, { headers: { Authorization: "Bearer configured" } });
    const forwarded = {
      key: "x",
      entries: [
        ["authorization", "Bearer forwarded"],
        ["grpc-timeout", "1n"],
        ["x-scope-orgid", "tenant-1"],
      ],
    } as const;
    expect(await to.call("logs", forwarded, [Buffer.from("a")], monotonicMs() + 5000)).toMatchObject(
      delivered,
    );
    expect(seen?.getMap()).toMatchObject({
      authorization: "Bearer configured",
      "x-scope-orgid": "tenant-1",
      "user-agent": "otlp-ring/test",
    });
  });

  test("asks for credentials anew for each call, and puts them before configured and forwarded headers", async () => {
    const seen: unknown[] = [];
    const { member } = await collector({
      answer: (_request, metadata) => {
        seen.push(metadata.get("authorization"));
        return accepted;
      },
    });
    const tokens = ["first", "second"];
    const to = sender(member, {
      headers: { authorization: "Bearer configured" },
      credentials: { headers: () => ({ authorization: `Bearer ${tokens.shift()}` }) },
    });
    const forwarded = { key: "x", entries: [["authorization", "Bearer forwarded"]] } as const;
    for (let call = 0; call < 2; call += 1) {
      expect(await to.call("logs", forwarded, [Buffer.from("a")], monotonicMs() + 5000)).toMatchObject({
        kind: "delivered",
      });
    }
    expect(seen).toEqual([["Bearer first"], ["Bearer second"]]);
  });

  test("tells the backend its deadline", async () => {
    let header: string | undefined;
    const member = await http2Peer((stream, headers) => {
      header = String(headers["grpc-timeout"]);
      stream.respond(
        { ":status": 200, "content-type": "application/grpc", "grpc-status": "3" },
        { endStream: true },
      );
    });
    await callTraces(sender(member), [Buffer.from("a")], 60_000);
    const timeout = parseTimeout(header ?? "");
    expect(timeout).toMatchObject({ ok: true });
    expect(timeout).toHaveProperty(
      "timeoutMs",
      expect.toSatisfy((ms: number) => ms > 30_000 && ms <= 60_001),
    );
  });

  test("hears partial success", async () => {
    const response = encodeExportResponse({ rejectedItems: 7, message: "too old" });
    expect(await outcomeFrom(() => ({ response }))).toMatchObject({
      kind: "delivered",
      rejectedItems: 7,
      message: "too old",
    });
  });

  test("hears pushback in RetryInfo", async () => {
    const outcome = await outcomeFrom(() => {
      const metadata = new Metadata();
      const details = encodeStatus({ code: 8, message: "busy", retryDelayMs: 1500 });
      metadata.set("grpc-status-details-bin", details);
      return { code: status.RESOURCE_EXHAUSTED, message: "busy", metadata };
    });
    expect(outcome).toMatchObject({ kind: "undelivered", status: { code: 8, retryDelayMs: 1500 } });
  });

  test("names the backend and passes on what it said", async () => {
    const outcome = await outcomeFrom(() => ({
      code: status.INVALID_ARGUMENT,
      message: "bad: 100 % wrong ü",
    }));
    expect(outcome).toMatchObject({ kind: "rejected", status: { code: status.INVALID_ARGUMENT } });
    expect(outcome).toHaveProperty(
      "status.message",
      expect.stringMatching(/^127\.0\.0\.1:\d+: bad: 100 % wrong ü$/),
    );
  });

  test("that is above the backend's limit is too large, though it is answered before it was sent whole", async () => {
    const { member } = await collector({ channel: { "grpc.max_receive_message_length": 100_000 } });
    const to = sender(member);
    const outcome = await callTraces(to, [Buffer.alloc(8 * 1024 * 1024)]);
    expect(outcome).toMatchObject({ kind: "too_large", isAboutSize: true });
    expect(await callTraces(to, [Buffer.alloc(1000)])).toMatchObject(delivered);
  });

  test("ends at its deadline when the backend does not answer", async () => {
    const outcome = await (async () => {
      const { member } = await collector({ answer: () => new Promise(() => undefined) });
      return callTraces(sender(member), [Buffer.from("a")], 200);
    })();
    expect(outcome).toMatchObject({ kind: "undelivered", mayHaveArrived: true, status: { code: 4 } });
  });

  test("waits for the first connection, and no longer than its deadline", async () => {
    const peer = await rawPeer(() => undefined);
    const outcome = await callTraces(sender(peer.member), [Buffer.from("a")], 100);
    expect(outcome).toMatchObject({ kind: "undelivered", status: { code: 14 } });
  });
});

describe("answers that are not what they should be", () => {
  test("a response beyond 4 MiB is not read to its end", async () => {
    const outcome = await outcomeFrom(() => ({ response: Buffer.alloc(5 * 1024 * 1024) }));
    expect(outcome).toMatchObject({
      kind: "rejected",
      status: { message: expect.stringContaining("larger than") },
    });
  });

  test("a response that decompresses beyond 4 MiB is refused", async () => {
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));
    const member = await http2Peer((stream) => {
      stream.respond(
        { ":status": 200, "content-type": "application/grpc", "grpc-encoding": "gzip" },
        { waitForTrailers: true },
      );
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      const prefix = Buffer.from([1, 0, 0, 0, 0]);
      prefix.writeUInt32BE(bomb.length, 1);
      stream.end(Buffer.concat([prefix, bomb]));
    });
    expect(await callTraces(sender(member), [Buffer.from("a")])).toMatchObject({
      kind: "rejected",
      status: { message: expect.stringContaining("larger than") },
    });
  });

  test("a compressed response is read", async () => {
    const response = gzipSync(encodeExportResponse({ rejectedItems: 3, message: "why" }));
    const member = await http2Peer((stream) => {
      stream.respond(
        { ":status": 200, "content-type": "application/grpc+proto", "grpc-encoding": "gzip" },
        { waitForTrailers: true },
      );
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      const prefix = Buffer.from([1, 0, 0, 0, response.length]);
      stream.end(Buffer.concat([prefix, response]));
    });
    expect(await callTraces(sender(member), [Buffer.from("a")])).toMatchObject({
      kind: "delivered",
      rejectedItems: 3,
      message: "why",
    });
  });

  test("OK with a message that cannot be read is delivered, with a warning", async () => {
    expect(await outcomeFrom(() => ({ response: Buffer.from([0x0a, 0x7f]) }))).toMatchObject({
      kind: "delivered",
      rejectedItems: 0,
      message: expect.stringContaining("cannot be read"),
    });
  });

  test("trailers beyond the bound are not taken, and the next good answer is", async () => {
    const details = ["A".repeat(200_000), "AA"];
    const member = await http2Peer((stream) => {
      stream.respond(
        {
          ":status": 200,
          "content-type": "application/grpc",
          "grpc-status": "3",
          "grpc-status-details-bin": details.length > 1 ? details.shift() : details[0],
        },
        { endStream: true },
      );
    });
    const to = sender(member);
    expect((await callTraces(to, [Buffer.from("a")])).kind).toBe("undelivered");
    const next = async (): Promise<string> => (await callTraces(to, [Buffer.from("a")])).kind;
    await expect.poll(next, { timeout: 10_000 }).toBe("rejected");
  });

  test.each([
    ["an HTML page over HTTP/2", { ":status": 200, "content-type": "text/html" }],
    ["404 over HTTP/2", { ":status": 404, "content-type": "text/plain" }],
    ["502 without a content type", { ":status": 502 }],
  ])("%s is no verdict on the data", async (_name, headers) => {
    const member = await http2Peer((stream) => {
      stream.respond(headers);
      stream.end("<html>not here</html>");
    });
    expect(await callTraces(sender(member), [Buffer.from("a")])).toMatchObject({
      kind: "undelivered",
      status: { message: expect.stringContaining("not a gRPC answer: HTTP status") },
    });
  });

  test("a server of HTTP/1 is no verdict on the data, and is named as what it is", async () => {
    const server = createHttpServer((_request, response) => response.end("<html></html>"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanups.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    expect(await callTraces(sender(`127.0.0.1:${port}`), [Buffer.from("a")])).toMatchObject({
      kind: "undelivered",
      status: { message: expect.stringContaining("does not speak HTTP/2") },
    });
  });

  test("a stream that ends without a status is undelivered", async () => {
    const member = await http2Peer((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.end();
    });
    expect(await callTraces(sender(member), [Buffer.from("a")])).toMatchObject({
      kind: "undelivered",
      mayHaveArrived: true,
    });
  });
});
