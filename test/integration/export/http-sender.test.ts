import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { monotonicMs } from "../../../src/base/clock.ts";
import { decompress } from "../../../src/base/compression.ts";
import { encodeStatus } from "../../../src/grpc/status-details.ts";
import { encodeExportResponse } from "../../../src/otlp/export-response.ts";
import { type Signal, signals } from "../../../src/otlp/signal.ts";
import { certificates } from "../../support/certificates/paths.ts";
import { until } from "./backends.ts";
import { accept, answering, type Respond } from "./http-backends.ts";
import { backend, call, delivered, outcomeFrom, rawPeer, sender, tls } from "./http-rig.ts";

describe("a request", () => {
  test("goes by POST to each signal's path, as protobuf, under the sender's name", async () => {
    const to = await backend();
    const from = sender(to.member);
    for (const signal of signals) expect(await call(from, signal, 5000, signal)).toMatchObject(delivered);
    expect(to.requests.map(({ method, path, body }) => [method, path, String(body)])).toEqual([
      ["POST", "/v1/traces", "traces"],
      ["POST", "/v1/metrics", "metrics"],
      ["POST", "/v1/logs", "logs"],
      ["POST", "/v1development/profiles", "profiles"],
    ]);
    for (const { headers } of to.requests) {
      expect(headers).toMatchObject({
        host: to.member,
        "content-type": "application/x-protobuf",
        "user-agent": "otlp-ring/test",
      });
      expect(headers).not.toHaveProperty("content-encoding");
      expect(headers).not.toHaveProperty("transfer-encoding");
    }
  });

  test("goes to the paths that are configured", async () => {
    const to = await backend();
    const paths = { metrics: "/api/v1/otlp/v1/metrics", logs: "/otlp/logs?tenant=a%20b" };
    const from = sender(to.member, { paths });
    for (const signal of signals) await call(from, signal, 5000, signal);
    expect(to.requests.map(({ path }) => path)).toEqual([
      "/v1/traces",
      "/api/v1/otlp/v1/metrics",
      "/otlp/logs?tenant=a%20b",
      "/v1development/profiles",
    ]);
  });

  test.each([
    ["one", [300_000]],
    ["large and small ones", [10, 30_000, 10, 20, 200_000, 4096, 4097, 1]],
    ["thousands of small ones", Array.from({ length: 3000 }, (_, index) => 1 + (index % 900))],
  ])("carries its payloads one after another: %s", async (_name, sizes) => {
    const to = await backend();
    const payloads = sizes.map((size, index) => Buffer.alloc(size, index + 1));
    expect(await call(sender(to.member), payloads)).toMatchObject(delivered);
    const body = Buffer.concat(payloads);
    expect(to.requests.map((request) => request.body.equals(body))).toEqual([true]);
    expect(to.requests[0]!.headers["content-length"]).toBe(String(body.length));
  });

  test.each(["gzip", "zstd", "deflate"] as const)(
    "is compressed with %s when that is configured",
    async (compression) => {
      const to = await backend();
      const payloads = [Buffer.alloc(20_000, "a"), Buffer.alloc(20_000, "b")];
      expect(await call(sender(to.member, { compression }), payloads)).toMatchObject(delivered);
      const [request] = to.requests;
      expect(request!.headers["content-encoding"]).toBe(compression);
      expect(decompress(compression, request!.body, 100_000).equals(Buffer.concat(payloads))).toBe(true);
    },
  );

  test("too small to gain by compression goes as it is", async () => {
    const to = await backend();
    await call(sender(to.member, { compression: "gzip" }), "small");
    expect(String(to.requests[0]!.body)).toBe("small");
    expect(to.requests[0]!.headers).not.toHaveProperty("content-encoding");
  });

  test("says when nothing refers to its payloads any more", async () => {
    const { member } = await backend();
    expect(await call(sender(member), [Buffer.alloc(100_000), Buffer.alloc(100_000)])).toEqual({
      ...delivered,
      payloadIsFree: true,
    });
  });

  test.each([
    ["one piece", [24 * 1024 * 1024]],
    ["several pieces", [12 * 1024 * 1024, 12 * 1024 * 1024]],
  ])("does not say so while an early answer leaves %s half sent", async (_name, sizes) => {
    const { member } = await backend(accept, {
      onHead: (request, response) => {
        request.pause();
        response.end();
      },
    });
    const payloads = sizes.map((size) => Buffer.alloc(size));
    const outcome = await call(sender(member), payloads);
    expect(outcome).toMatchObject(delivered);
    expect(outcome).not.toHaveProperty("payloadIsFree", true);
  });

  test("carries configured and forwarded headers and credentials, and none that it must not", async () => {
    const to = await backend();
    const tokens = ["first", "second"];
    const from = sender(to.member, {
      headers: { Authorization: "Bearer configured", "X-Api-Key": "configured" },
      credentials: { headers: () => ({ authorization: `Bearer ${tokens.shift()}` }) },
    });
    const forwarded = {
      key: "x",
      entries: [
        ["authorization", "Bearer forwarded"],
        ["content-encoding", "br"],
        ["content-length", "1"],
        ["expect", "100-continue"],
        ["host", "elsewhere"],
        ["transfer-encoding", "chunked"],
        ["user-agent", "forwarded"],
        ["x-api-key", "forwarded"],
        ["x-scope-orgid", "tenant-1"],
      ],
    } as const;
    for (let count = 0; count < 2; count += 1) {
      expect(await from.call("logs", forwarded, [Buffer.from("abc")], monotonicMs() + 5000)).toMatchObject(
        delivered,
      );
    }
    for (const [index, authorization] of ["Bearer first", "Bearer second"].entries()) {
      expect(to.requests[index]).toMatchObject({
        body: Buffer.from("abc"),
        headers: {
          authorization,
          host: to.member,
          "user-agent": "otlp-ring/test",
          "x-api-key": "configured",
          "x-scope-orgid": "tenant-1",
        },
      });
      expect(to.requests[index]!.headers).not.toHaveProperty("content-encoding");
    }
  });

  test("that cannot be made for a header of its client is undelivered, and says nothing of the value", async () => {
    const { member } = await backend();
    const forwarded = { key: "x", entries: [["x-scope-orgid", "tenant\u{1f600}hunter2"]] } as const;
    const outcome = await sender(member).call("logs", forwarded, [Buffer.from("a")], monotonicMs() + 5000);
    expect(outcome).toMatchObject({ kind: "undelivered" });
    expect(JSON.stringify(outcome)).not.toContain("hunter2");
  });

  test.each([
    ["host", "elsewhere"],
    ["Content-Encoding", "br"],
    ["x-broken", "a\nb"],
  ])("the header %s: %j is refused", (name, value) => {
    expect(() => sender("127.0.0.1:4318", { headers: { [name]: value } })).toThrow(/headers: /);
  });

  test("above the backend's limit is too large", async () => {
    expect(await outcomeFrom(answering(413))).toMatchObject({ kind: "too_large", isAboutSize: true });
  });
});

describe("connections", () => {
  test("are kept and used again, the one that was opened to look first of all", async () => {
    const to = await backend();
    const from = sender(to.member);
    await until(() => from.connectionState === "ready");
    for (let count = 0; count < 5; count += 1) expect(await call(from, "a")).toMatchObject(delivered);
    expect(to.connections()).toBe(1);
  });

  test("are no more than were allowed, and calls beyond wait for one", async () => {
    const waiting: (() => void)[] = [];
    const to = await backend((request, response) => waiting.push(() => accept(request, response)));
    const from = sender(to.member, { connectionsMax: 2 });
    const calls = ["a", "b", "c", "d", "e"].map((text) => call(from, text));
    for (let answered = 0; answered < calls.length; answered += 1) {
      await until(() => waiting.length > 0);
      expect(to.sockets.size).toBeLessThanOrEqual(2);
      waiting.shift()!();
    }
    for (const outcome of await Promise.all(calls)) expect(outcome).toMatchObject(delivered);
    expect(to.connections()).toBe(2);
  });

  test("are closed when they have been idle, and made again", async () => {
    const to = await backend();
    const from = sender(to.member, { idleTimeoutMs: 50 });
    expect(await call(from, "a")).toMatchObject(delivered);
    await until(() => to.sockets.size === 0);
    expect(from.connectionState).toBe("ready");
    expect(await call(from, "b")).toMatchObject(delivered);
    expect(to.connections()).toBe(2);
  });

  test("that the server closes after each answer lose nothing", async () => {
    const to = await backend((request, response) => {
      response.setHeader("connection", "close");
      accept(request, response);
    });
    const from = sender(to.member);
    const calls = Array.from({ length: 40 }, (_, index) => call(from, `${index}`));
    for (const outcome of await Promise.all(calls)) expect(outcome).toMatchObject(delivered);
    expect(to.requests).toHaveLength(40);
  });

  test("wait for the first one, and no longer than the call's deadline", async () => {
    const { member } = await backend(accept, { tls: {} });
    const to = sender(member, { tls: tls({ caFile: certificates.authorityOne }), connectTimeoutMs: 60_000 });
    const silent = await rawPeer(() => undefined);
    const waiting = sender(silent.member, { tls: tls({ caFile: certificates.authorityOne }) });
    expect(await call(waiting, "a", 100)).toMatchObject({ kind: "undelivered", status: { code: 14 } });
    to.close();
  });

  test("to a name are resolved when they are made", async () => {
    const { port } = await backend();
    expect(await call(sender(`localhost:${port}`), "a")).toMatchObject(delivered);
  });
});

describe("an answer that delivers", () => {
  test.each<[string, Respond]>([
    ["200 without a body", answering(200, "application/x-protobuf")],
    ["200 without a content type", answering(200)],
    ["200 with empty JSON", answering(200, "application/json; charset=utf-8", "{}")],
    ["200 with words", answering(200, "text/plain", "ok")],
    ["200 with bytes of another kind", answering(200, "application/octet-stream", Buffer.from([0x0a, 0x7f]))],
    ["202 with JSON", answering(202, "application/json", '{"partialSuccess":{}}')],
    ["204", answering(204)],
    ["an HTML content type without a page", answering(200, "text/html")],
  ])("%s", async (_name, respond) => {
    expect(await outcomeFrom(respond)).toMatchObject(delivered);
  });

  test("comes after an informational one", async () => {
    const respond: Respond = (request, response) => {
      response.writeEarlyHints({ link: "</a>; rel=preload" });
      accept(request, response);
    };
    expect(await outcomeFrom(respond)).toMatchObject(delivered);
  });

  test.each([
    ["plain", "", (body: Buffer) => body],
    ["in gzip", "gzip", gzipSync],
    ["in zstd", "ZSTD", zstdCompressSync],
    ["in gzip by its old name", "x-gzip", gzipSync],
  ])("says what was rejected in protobuf, %s", async (_name, encoding, encode) => {
    const body = encode(encodeExportResponse({ rejectedItems: 7, message: "too old" }));
    const outcome = await outcomeFrom((_request, response) => {
      response.setHeader("content-type", "application/x-protobuf");
      if (encoding !== "") response.setHeader("content-encoding", encoding);
      response.end(body);
    });
    expect(outcome).toMatchObject({ kind: "delivered", rejectedItems: 7, message: "too old" });
  });

  test.each<[Signal, string, number]>([
    ["traces", '{"partialSuccess":{"rejectedSpans":"7","errorMessage":"too old"}}', 7],
    ["metrics", '{"partialSuccess":{"rejectedDataPoints":8,"errorMessage":"too old"}}', 8],
    ["logs", '{"partialSuccess":{"rejectedLogRecords":"9","errorMessage":"too old","new":1}}', 9],
    ["logs", '{"partialSuccess":{"rejectedLogRecords":-1,"errorMessage":"too old"}}', 0],
    ["traces", '{"partialSuccess":{"rejectedLogRecords":"9","errorMessage":"too old"}}', 0],
  ])("says what was rejected of %s in JSON: %s", async (signal, body, rejectedItems) => {
    expect(await outcomeFrom(answering(200, "application/json", body), signal)).toMatchObject({
      kind: "delivered",
      rejectedItems,
      message: "too old",
    });
  });

  test.each<[string, Respond]>([
    ["protobuf", answering(200, "application/x-protobuf", Buffer.from([0x0a, 0x7f]))],
    ["JSON", answering(200, "application/json", "{secret")],
    ["JSON of great depth", answering(200, "application/json", "[".repeat(1_000_000))],
    [
      "an unknown coding",
      (_request, response) => {
        response.setHeader("content-type", "application/x-protobuf");
        response.setHeader("content-encoding", "gzip, gzip");
        response.end("aaa");
      },
    ],
  ])("with %s that cannot be read is a warning", async (_name, respond) => {
    const outcome = await outcomeFrom(respond);
    expect(outcome).toMatchObject({
      kind: "delivered",
      rejectedItems: 0,
      message: expect.stringContaining("the backend's answer cannot be read"),
    });
    expect(JSON.stringify(outcome)).not.toContain("secret");
  });
});

describe("an answer that refuses", () => {
  const status = { code: 3, message: "no such field", retryDelayMs: 1500 } as const;

  test.each<[string, Respond]>([
    ["protobuf", answering(400, "application/x-protobuf", encodeStatus(status))],
    ["JSON", answering(400, "application/json", '{"code":3,"message":"no such field"}')],
    ["JSON of its own", answering(400, "application/json", '{"status":"error","error":"no such field"}')],
    ["JSON of another", answering(400, "application/json", '{"error":{"message":"no such field"}}')],
    ["words", answering(400, "text/plain; charset=utf-8", "no such\r\nfield\u001b\n")],
  ])("is passed on with the backend's name and what it said in %s", async (_name, respond) => {
    const outcome = await outcomeFrom(respond);
    expect(outcome).toMatchObject({ kind: "rejected", status: { code: 3 } });
    expect(outcome).toHaveProperty(
      "status.message",
      expect.stringMatching(/^127\.0\.0\.1:\d+: HTTP 400 from \/v1\/traces: no such field$/),
    );
  });

  test("for good names the fields that are wrong", async () => {
    const fieldViolations = [{ field: "resource_spans[0]", description: "broken" }];
    const body = encodeStatus({ code: 3, message: "bad", fieldViolations });
    expect(await outcomeFrom(answering(400, "application/x-protobuf", body))).toMatchObject({
      kind: "rejected",
      status: { fieldViolations },
    });
  });

  test.each<[string, Respond]>([
    ["without a body", answering(503)],
    ["with bytes that are no Status", answering(503, "application/x-protobuf", Buffer.from([0x12, 0x7f]))],
    ["with JSON that is none", answering(503, "application/json", "{")],
    ["with JSON that is no object", answering(503, "application/json", "null")],
    [
      "in a coding that it is not in",
      (_request, response) => {
        response.writeHead(503, { "content-encoding": "gzip" }).end("plain");
      },
    ],
  ])("%s still counts", async (_name, respond) => {
    expect(await outcomeFrom(respond)).toMatchObject({
      kind: "undelivered",
      status: { code: 14, message: expect.stringMatching(/: HTTP 503 from \/v1\/traces$/) },
    });
  });

  test("for now says when to come back, in seconds", async () => {
    const outcome = await outcomeFrom((_request, response) => {
      response.writeHead(429, { "retry-after": "2" }).end();
    });
    expect(outcome).toMatchObject({ kind: "undelivered", status: { retryDelayMs: 2000 } });
  });

  test("for now says when to come back, by a date on its own clock", async () => {
    const outcome = await outcomeFrom((_request, response) => {
      response.sendDate = false;
      const headers = {
        date: "Sat, 21 Nov 2026 12:00:00 GMT",
        "retry-after": "Sat, 21 Nov 2026 12:00:09 GMT",
      };
      response.writeHead(503, headers).end();
    });
    expect(outcome).toMatchObject({ kind: "undelivered", status: { retryDelayMs: 9000 } });
  });

  test("for now says when to come back, by RetryInfo in its body", async () => {
    const body = encodeStatus({ ...status, code: 14 });
    expect(await outcomeFrom(answering(503, "application/x-protobuf", body))).toMatchObject({
      kind: "undelivered",
      status: { retryDelayMs: 1500 },
    });
  });

  test("with a description beyond 64 KiB is not read to its end", async () => {
    const to = await backend((_request, response) => {
      response.writeHead(400, { "content-type": "text/plain" });
      response.write("because ".repeat(10_000));
    });
    const outcome = await call(sender(to.member), "a");
    expect(outcome).toMatchObject({ kind: "rejected" });
    expect(JSON.stringify(outcome).length).toBeLessThan(2000);
    await until(() => to.sockets.size === 0);
  });

  test("though it breaks off after its head", async () => {
    const outcome = await outcomeFrom((_request, response) => {
      response.writeHead(400, { "content-length": "100" });
      response.write("half");
      setImmediate(() => response.destroy());
    });
    expect(outcome).toMatchObject({ kind: "rejected" });
  });
});
