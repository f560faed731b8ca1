import { readFileSync } from "node:fs";
import { ServerCredentials } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "vitest";
import { monotonicMs } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import { type ClientTlsSettings, loadClientTls } from "../../../src/base/tls.ts";
import { createGrpcSender, type GrpcSenderOptions } from "../../../src/export/grpc-sender.ts";
import type { CallOutcome } from "../../../src/export/outcome.ts";
import type { Sender } from "../../../src/export/sender.ts";
import { noForwardedHeaders } from "../../../src/otlp/export-request.ts";
import { certificates } from "../../support/certificates/paths.ts";
import {
  accepted,
  type CollectorOptions,
  startCollector,
  startHttp2Peer,
  startProxy,
  startRawPeer,
  until,
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

function sender(member: string, options: Partial<GrpcSenderOptions> = {}): Sender {
  const created = createGrpcSender(
    { member, userAgent: "otlp-ring/test", ...options },
    { logger: silentLogger },
  );
  cleanups.push(() => created.close());
  return created;
}

function callTraces(to: Sender, payload: string, timeoutMs = 5000): Promise<CallOutcome> {
  return to.call("traces", noForwardedHeaders, [Buffer.from(payload)], monotonicMs() + timeoutMs);
}

const delivered: CallOutcome = { kind: "delivered", rejectedItems: 0, message: "", payloadIsFree: true };

/** Calls until `isEnough`, four at a time; answers every payload with what became of it. */
async function callUntil(to: Sender, isEnough: () => boolean): Promise<Map<string, CallOutcome>> {
  const outcomes = new Map<string, CallOutcome>();
  let next = 0;
  const caller = async (): Promise<void> => {
    while (!isEnough()) {
      const payload = `payload ${next++}`;
      outcomes.set(payload, await callTraces(to, payload));
    }
  };
  await Promise.all([caller(), caller(), caller(), caller()]);
  return outcomes;
}

function tls(settings: ClientTlsSettings) {
  const loaded = loadClientTls(settings, { logger: silentLogger, metrics: new MetricRegistry() });
  if (loaded === undefined) throw new Error("no TLS");
  cleanups.push(() => loaded.close());
  return loaded;
}

describe("GOAWAY", () => {
  test("at a maximum connection age under load loses nothing and repeats nothing", async () => {
    const backend = await collector({
      channel: { "grpc.max_connection_age_ms": 150, "grpc.max_connection_age_grace_ms": 5000 },
    });
    const proxy = await startProxy(backend.port);
    cleanups.push(proxy.stop);
    const outcomes = await callUntil(sender(proxy.member), () => proxy.connections() > 4);
    expect([...outcomes.values()].filter(({ kind }) => kind !== "delivered")).toEqual([]);
    const received = backend.requests.map(String);
    expect(received.toSorted()).toEqual([...outcomes.keys()].toSorted());
  });

  test("sends calls that the backend left out again, on a new connection, and lets the others finish", async () => {
    const finish: (() => void)[] = [];
    const seen: number[] = [];
    let streams = 0;
    const peer = await startHttp2Peer((stream) => {
      streams += 1;
      seen.push(streams);
      const answer = (): void =>
        stream.respond(
          { ":status": 200, "content-type": "application/grpc", "grpc-status": "3", "grpc-message": "me" },
          { endStream: true },
        );
      if (streams === 1) finish.push(answer);
      // The second stream of the first connection is not looked at: GOAWAY names the first as the last.
      else if (streams === 2) stream.session!.goaway(0, 1);
      else answer();
    });
    cleanups.push(peer.stop);
    const to = sender(peer.member);
    await until(() => to.connectionState === "ready");
    const first = callTraces(to, "first");
    const second = callTraces(to, "second");
    expect(await second).toMatchObject({ kind: "rejected" });
    expect(streams).toBe(3);
    for (const answer of finish) answer();
    expect(await first).toMatchObject({ kind: "rejected" });
    expect(streams).toBe(3);
  });

  test("repeats a call whose stream was refused, and gives up on a backend that refuses each", async () => {
    let refusals = 1;
    let streams = 0;
    const peer = await startHttp2Peer((stream) => {
      streams += 1;
      if (refusals-- > 0) stream.close(7);
      else {
        stream.respond(
          { ":status": 200, "content-type": "application/grpc", "grpc-status": "3" },
          { endStream: true },
        );
      }
    });
    cleanups.push(peer.stop);
    const to = sender(peer.member);
    expect(await callTraces(to, "a")).toMatchObject({ kind: "rejected" });
    expect(streams).toBe(2);
    refusals = Number.POSITIVE_INFINITY;
    const refused = await callTraces(to, "b");
    expect(refused).toMatchObject({ kind: "undelivered" });
    expect(refused).not.toHaveProperty("mayHaveArrived");
  });
});

describe("a backend that goes away", () => {
  test("is connected to again when it is back, and answers for nothing that it did not take", async () => {
    let backend = await startCollector();
    cleanups.push(() => backend.stop());
    const to = sender(backend.member);
    expect(await callTraces(to, "before")).toMatchObject(delivered);
    const { port } = backend;
    await backend.stop();
    await until(() => to.connectionState === "backoff");
    // Its deadline is beyond the test's: the call neither waits for it nor for a backend that may never come.
    expect(await callTraces(to, "away", 600_000)).toMatchObject({
      kind: "undelivered",
      status: { code: 14, message: expect.stringContaining("cannot connect") },
    });
    backend = await startCollector({ port });
    await until(() => to.connectionState === "ready");
    expect(await callTraces(to, "after")).toMatchObject(delivered);
    expect(backend.requests.map(String)).toEqual(["after"]);
  });

  test("with calls open leaves them undelivered, and says that they may have arrived", async () => {
    const backend = await collector({ answer: () => new Promise(() => undefined) });
    const to = sender(backend.member);
    const call = callTraces(to, "a");
    await until(() => backend.requests.length === 1);
    await backend.stop();
    expect(await call).toMatchObject({ kind: "undelivered", mayHaveArrived: true, status: { code: 14 } });
  });

  test("without a word is noticed by its silence, though its socket stays open", async () => {
    const backend = await collector();
    const proxy = await startProxy(backend.port);
    cleanups.push(proxy.stop);
    const to = sender(proxy.member, { keepaliveTimeMs: 100, keepaliveTimeoutMs: 100, connectTimeoutMs: 300 });
    expect(await callTraces(to, "before")).toMatchObject(delivered);
    proxy.setSilent(true);
    expect(await callTraces(to, "into the black hole", 20_000)).toMatchObject({
      kind: "undelivered",
      mayHaveArrived: true,
      status: { message: expect.stringContaining("nothing was heard from the backend") },
    });
    proxy.setSilent(false);
    await until(() => to.connectionState === "ready");
    expect(await callTraces(to, "after")).toMatchObject(delivered);
  });

  test("is not thought silent while it takes its time and answers pings", async () => {
    const backend = await collector({
      answer: async () => {
        await new Promise((resolve) => setTimeout(resolve, 700));
        return accepted;
      },
    });
    const to = sender(backend.member, { keepaliveTimeMs: 50, keepaliveTimeoutMs: 300 });
    expect(await callTraces(to, "slow")).toMatchObject(delivered);
  });

  test("before it ever was there leaves calls undelivered after the connect timeout", async () => {
    const silent = await startRawPeer(() => undefined);
    cleanups.push(silent.stop);
    const to = sender(silent.member, { connectTimeoutMs: 100 });
    expect(await callTraces(to, "a", 20_000)).toMatchObject({
      kind: "undelivered",
      status: { message: expect.stringContaining("no connection within 100 ms") },
    });
  });
});

describe("endpoints", () => {
  test("a name is resolved when it is dialled", async () => {
    const backend = await collector();
    expect(await callTraces(sender(`localhost:${backend.port}`), "a")).toMatchObject(delivered);
  });

  test("a name that does not resolve is undelivered", async () => {
    expect(await callTraces(sender("no-such-host.invalid:4317"), "a")).toMatchObject({ kind: "undelivered" });
  });

  test.each([
    "collector",
    "collector:",
    "collector:0",
    "collector:65536",
    "::1:4317",
    "http://a:1",
    "a b:1",
    "[::1]",
  ])("%j is refused", (member) => {
    expect(() => sender(member)).toThrow(/expected host:port/);
  });

  test.each([
    ["grpc-timeout", "1S"],
    ["te", "gzip"],
    ["x-broken", "a\nb"],
  ])("the header %s: %j is refused", (name, value) => {
    expect(() => sender("127.0.0.1:4317", { headers: { [name]: value } })).toThrow(/headers: /);
  });
});

describe("TLS", () => {
  const credentials = ServerCredentials.createSsl(readFileSync(certificates.authorityOne), [
    {
      cert_chain: readFileSync(certificates.serverOne.cert),
      private_key: readFileSync(certificates.serverOne.key),
    },
  ]);

  test("is spoken when it is configured", async () => {
    const backend = await collector({ credentials });
    const to = sender(backend.member, { tls: tls({ caFile: certificates.authorityOne }) });
    expect(await callTraces(to, "a")).toMatchObject(delivered);
  });

  test("with a certificate of somebody else is no verdict on the data", async () => {
    const backend = await collector({ credentials });
    const to = sender(backend.member, { tls: tls({ caFile: certificates.authorityTwo }) });
    expect(await callTraces(to, "a")).toMatchObject({
      kind: "undelivered",
      status: { message: expect.stringMatching(/cannot connect: .*certificate/) },
    });
    expect(backend.requests).toEqual([]);
  });

  test("to a backend that speaks plain text is undelivered", async () => {
    const backend = await collector();
    const to = sender(backend.member, { tls: tls({ caFile: certificates.authorityOne }) });
    expect(await callTraces(to, "a")).toMatchObject({ kind: "undelivered" });
  });
});

describe("close", () => {
  test("ends open and waiting calls as undelivered", async () => {
    const backend = await collector({ answer: () => new Promise(() => undefined) });
    const silent = await startRawPeer(() => undefined);
    cleanups.push(silent.stop);
    const connected = sender(backend.member);
    const connecting = sender(silent.member);
    const calls = [callTraces(connected, "open"), callTraces(connecting, "waiting")];
    await until(() => backend.requests.length === 1);
    connected.close();
    connecting.close();
    const kinds = (await Promise.all(calls)).map(({ kind }) => kind);
    expect(kinds).toEqual(["undelivered", "undelivered"]);
    expect(await callTraces(connected, "late")).toMatchObject({ kind: "undelivered" });
  });
});
