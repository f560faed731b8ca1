import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { certificates } from "../../support/certificates/paths.ts";
import { startProxy, until } from "./backends.ts";
import { accept, answering, type Respond, startHttpBackend } from "./http-backends.ts";
import {
  backend,
  call,
  cleanups,
  delivered,
  outcomeFrom,
  rawPeer,
  sender,
  serverTls,
  tls,
} from "./http-rig.ts";

describe("a bad peer is no verdict on the data", () => {
  test.each<[string, Respond, RegExp]>([
    ["an HTML page", answering(200, "text/html; charset=utf-8", "<html></html>"), /HTML page/],
    [
      "an HTML page that tells of an error",
      answering(404, "text/html", "<html></html>"),
      /HTTP 404 .*HTML page/,
    ],
    [
      "a path that is not there",
      answering(404, "text/plain", "404 page not found"),
      /HTTP 404 from \/v1\/traces: 404 page/,
    ],
    ["a method that is not allowed", answering(405), /HTTP 405/],
    [
      "a redirect",
      (_request, response) => response.writeHead(307, { location: "http://127.0.0.1:1/v1/traces" }).end(),
      /HTTP 307 from \/v1\/traces: a redirect, which is not followed/,
    ],
    ["a credential that it does not know", answering(401), /HTTP 401/],
  ])("%s", async (_name, respond, message) => {
    expect(await outcomeFrom(respond)).toMatchObject({
      kind: "undelivered",
      status: { message: expect.stringMatching(message) },
    });
  });

  test("something that does not speak HTTP", async () => {
    const { member } = await rawPeer((socket) =>
      socket.once("data", () => socket.write("220 mail.example ESMTP\r\n")),
    );
    expect(await call(sender(member), "a")).toMatchObject({
      kind: "undelivered",
      status: { message: expect.stringContaining("not an answer of HTTP/1.1") },
    });
  });

  test("headers without end", async () => {
    const { member } = await rawPeer((socket) =>
      socket.once("data", () =>
        socket.write(`HTTP/1.1 200 OK\r\n${`x-many: ${"y".repeat(1000)}\r\n`.repeat(100)}`),
      ),
    );
    expect(await call(sender(member), "a")).toMatchObject({
      kind: "undelivered",
      status: { message: expect.stringContaining("not an answer of HTTP/1.1") },
    });
  });

  test("a server of HTTP/2", async () => {
    const { member } = await rawPeer((socket) =>
      socket.once("data", () => socket.write(Buffer.from("000000040000000000", "hex"))),
    );
    expect(await call(sender(member), "a")).toMatchObject({ kind: "undelivered" });
  });
});

describe("a response that is too large", () => {
  test("is not read to its end, nor the request repeated (specification.md: not to be retried)", async () => {
    let isClosed = false;
    const outcome = await outcomeFrom((_request, response) => {
      response.writeHead(200, { "content-type": "application/x-protobuf" });
      const chunk = Buffer.alloc(1024 * 1024);
      const more = (): void => {
        while (!isClosed && response.write(chunk));
      };
      response.on("drain", more);
      response.on("close", () => {
        isClosed = true;
      });
      more();
    });
    expect(outcome).toMatchObject({
      kind: "rejected",
      status: { message: expect.stringContaining("larger than 4194304 bytes") },
    });
    await until(() => isClosed);
  });

  test.each([
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ] as const)("when it is decompressed from %s is not decompressed to its end", async (encoding, encode) => {
    const bomb = encode(Buffer.alloc(50 * 1024 * 1024));
    const outcome = await outcomeFrom((_request, response) => {
      response
        .writeHead(200, { "content-type": "application/x-protobuf", "content-encoding": encoding })
        .end(bomb);
    });
    expect(outcome).toMatchObject({
      kind: "rejected",
      status: { message: expect.stringContaining("larger than 4194304 bytes") },
    });
  });
});

describe("a backend that fails", () => {
  test("by resetting the connection leaves the call undelivered, and says that it may have arrived", async () => {
    const to = await backend((_request, response) => response.socket?.resetAndDestroy());
    expect(await call(sender(to.member), "a")).toMatchObject({
      kind: "undelivered",
      mayHaveArrived: true,
      status: { code: 14 },
    });
    expect(to.requests).toHaveLength(1);
  });

  test("by closing the connection without a word does so too", async () => {
    const { member } = await rawPeer((socket) => socket.once("data", () => socket.end()));
    expect(await call(sender(member), "a")).toMatchObject({ kind: "undelivered", mayHaveArrived: true });
  });

  test("in the middle of its answer does so too", async () => {
    const outcome = await outcomeFrom((_request, response) => {
      response.writeHead(200, { "content-type": "application/x-protobuf", "content-length": "100" });
      response.write("half");
      setImmediate(() => response.destroy());
    });
    expect(outcome).toMatchObject({ kind: "undelivered", mayHaveArrived: true });
  });

  test("to answer in time does so too, and its connection is not used again", async () => {
    let isSlow = true;
    const to = await backend((request, response) => {
      if (!isSlow) accept(request, response);
    });
    const from = sender(to.member);
    expect(await call(from, "a", 100)).toMatchObject({
      kind: "undelivered",
      mayHaveArrived: true,
      status: { code: 4 },
    });
    isSlow = false;
    expect(await call(from, "b")).toMatchObject(delivered);
    expect(to.connections()).toBe(2);
  });

  test("to answer while another call waits for its connection leaves that one unsent", async () => {
    const to = await backend(() => undefined);
    const from = sender(to.member, { connectionsMax: 1 });
    const calls = [call(from, "a", 150), call(from, "b", 100)];
    const [open, queued] = await Promise.all(calls);
    expect(open).toHaveProperty("mayHaveArrived", true);
    expect(queued).not.toHaveProperty("mayHaveArrived");
    expect(to.requests.map(({ body }) => String(body))).toEqual(["a"]);
  });

  test("before it has read a large request is heard all the same", async () => {
    const to = await backend(accept, {
      onHead: (_request, response) => {
        response.writeHead(413, { connection: "close" }).end();
      },
    });
    expect(await call(sender(to.member), [Buffer.alloc(200_000), Buffer.alloc(3_000_000)])).toMatchObject({
      kind: "too_large",
    });
  });
});

describe("a backend that cannot be reached", () => {
  test("lets calls fail at once until it is back", async () => {
    let to = await startHttpBackend();
    cleanups.push(() => to.stop());
    const { port, member } = to;
    const from = sender(member);
    expect(await call(from, "before")).toMatchObject(delivered);
    await to.stop();
    // The call that finds out may be the one whose connection was closed.
    await call(from, "finds out", 600_000);
    await call(from, "finds out", 600_000);
    expect(from.connectionState).not.toBe("ready");
    // Its deadline is beyond the test's: the call neither waits for it nor for a backend that may never come.
    const away = await call(from, "away", 600_000);
    expect(away).toMatchObject({ kind: "undelivered", status: { code: 14 } });
    expect(away).not.toHaveProperty("mayHaveArrived");
    to = await startHttpBackend(accept, { port });
    await until(() => from.connectionState === "ready");
    expect(await call(from, "after")).toMatchObject(delivered);
    expect(to.requests.map(({ body }) => String(body))).toEqual(["after"]);
  });

  test("from the first lets calls fail when that is known", async () => {
    const gone = await startHttpBackend();
    await gone.stop();
    expect(await call(sender(gone.member), "a", 600_000)).toMatchObject({
      kind: "undelivered",
      status: { message: expect.stringContaining("cannot connect") },
    });
  });

  test("because its name does not resolve is undelivered", async () => {
    expect(await call(sender("no-such-host.invalid:4318"), "a")).toMatchObject({ kind: "undelivered" });
  });

  test("since it closes every connection at once is left alone for a while", async () => {
    const peer = await rawPeer((socket) => socket.once("data", () => socket.destroy()));
    const from = sender(peer.member);
    expect(await call(from, "a")).toMatchObject({ mayHaveArrived: true });
    expect(await call(from, "b")).toMatchObject({ mayHaveArrived: true });
    const third = await call(from, "c", 600_000);
    expect(third).toMatchObject({ kind: "undelivered" });
    expect(third).not.toHaveProperty("mayHaveArrived");
  });

  test("though its sockets are open costs a call its deadline, and the next the time to connect", async () => {
    const to = await backend(accept, { tls: serverTls });
    // Only with TLS does a dial need a word of the peer: a black hole's kernel would still accept a connection.
    const proxy = await startProxy(to.port);
    cleanups.push(proxy.stop);
    const from = sender(proxy.member, {
      tls: tls({ caFile: certificates.authorityOne }),
      connectTimeoutMs: 700,
    });
    expect(await call(from, "before")).toMatchObject(delivered);
    proxy.setSilent(true);
    expect(await call(from, "into the black hole", 100)).toMatchObject({ mayHaveArrived: true });
    expect(await call(from, "finds out", 600_000)).toMatchObject({
      kind: "undelivered",
      status: { message: expect.stringContaining("no connection within 700 ms") },
    });
    expect(from.connectionState).not.toBe("ready");
    proxy.setSilent(false);
    await until(() => from.connectionState === "ready");
    expect(await call(from, "after")).toMatchObject(delivered);
  });

  test.each(["collector", "collector:0", "::1:4318", "http://a:1", "a b:1"])("by %j is refused", (member) => {
    expect(() => sender(member)).toThrow(/expected host:port/);
  });
});

describe("TLS", () => {
  test("is spoken when it is configured", async () => {
    const to = await backend(accept, { tls: serverTls });
    const from = sender(to.member, { tls: tls({ caFile: certificates.authorityOne }) });
    expect(await call(from, [Buffer.alloc(100_000), Buffer.alloc(100_000)])).toMatchObject(delivered);
    expect(to.connections()).toBe(1);
  });

  test("with a certificate of somebody else is no verdict on the data", async () => {
    const to = await backend(accept, { tls: serverTls });
    const from = sender(to.member, { tls: tls({ caFile: certificates.authorityTwo }) });
    expect(await call(from, "a")).toMatchObject({
      kind: "undelivered",
      status: { message: expect.stringMatching(/cannot connect: .*certificate/) },
    });
    expect(to.requests).toEqual([]);
  });

  test("to a backend that speaks plain text is undelivered", async () => {
    const { member } = await backend();
    const from = sender(member, { tls: tls({ caFile: certificates.authorityOne }) });
    expect(await call(from, "a")).toMatchObject({ kind: "undelivered" });
  });
});

describe("close", () => {
  test("ends open and waiting calls as undelivered, and every connection", async () => {
    const to = await backend(() => undefined);
    const silent = await rawPeer((socket) => socket.resume());
    const connected = sender(to.member, { connectionsMax: 1 });
    const connecting = sender(silent.member, { tls: tls({ caFile: certificates.authorityOne }) });
    const calls = [call(connected, "open"), call(connected, "queued"), call(connecting, "waiting")];
    await until(() => to.requests.length === 1);
    connected.close();
    connecting.close();
    expect((await Promise.all(calls)).map(({ kind }) => kind)).toEqual(Array(3).fill("undelivered"));
    expect(await call(connected, "late")).toMatchObject({ kind: "undelivered" });
    expect(connected.connectionState).toBe("closed");
    await until(() => to.sockets.size === 0 && silent.sockets.size === 0);
  });
});
