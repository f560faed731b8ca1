import { afterEach, describe, expect, test } from "vitest";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import type { ShardOutcome } from "../../../src/export/delivery.ts";
import { createGrpcSender } from "../../../src/export/grpc-sender.ts";
import { type BackendLane, createLane, type LaneOptions } from "../../../src/export/lane.ts";
import { ExportMetrics } from "../../../src/export/metrics.ts";
import { noForwardedHeaders } from "../../../src/otlp/export-request.ts";
import { encodeExportResponse } from "../../../src/otlp/export-response.ts";
import { accepted, type CollectorOptions, startCollector, startProxy, until } from "./backends.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function collector(options: CollectorOptions = {}) {
  const started = await startCollector(options);
  cleanups.push(started.stop);
  return started;
}

function lane(member: string, options: Partial<LaneOptions> = {}): BackendLane {
  const sender = createGrpcSender({ member, userAgent: "otlp-ring/test" }, { logger: silentLogger });
  const created = createLane(
    { member, exporter: "load_balancing", ...options },
    {
      sender,
      soon: (start) => start(),
      // Payloads here are lines, each an item.
      cut: (_signal, payload) => {
        const lines = String(payload).split("\n").slice(0, -1);
        const middle = Math.ceil(lines.length / 2);
        const halves = [lines.slice(0, middle), lines.slice(middle)];
        return lines.length < 2
          ? undefined
          : halves.map((half) => ({ payload: Buffer.from(`${half.join("\n")}\n`), itemCount: half.length }));
      },
      metrics: new ExportMetrics(new MetricRegistry()),
      logger: silentLogger,
    },
  );
  cleanups.push(() => created.close(0));
  return created;
}

function send(to: BackendLane, lines: readonly string[]): Promise<ShardOutcome> {
  return to.send({
    signal: "traces",
    payload: Buffer.from(lines.map((line) => `${line}\n`).join("")),
    itemCount: lines.length,
    forwardedHeaders: noForwardedHeaders,
  });
}

function linesOf(requests: readonly Buffer[]): string[] {
  return requests.flatMap((request) => String(request).split("\n").slice(0, -1));
}

describe("a lane to a real collector", () => {
  test("delivers everything once, joined to fewer requests", async () => {
    const backend = await collector();
    const to = lane(backend.member);
    const names = Array.from({ length: 500 }, (_, index) => `span ${index}`);
    const outcomes = await Promise.all(names.map((name) => send(to, [name])));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(["delivered"]));
    expect(linesOf(backend.requests)).toEqual(names);
    expect(backend.requests.length).toBeLessThan(names.length);
  });

  test("rejects only the shard that the collector refuses among many joined ones", async () => {
    const backend = await collector({
      answer: (request) => (request.includes("BAD") ? { code: 3, message: "bad" } : accepted),
    });
    const to = lane(backend.member);
    const names = Array.from({ length: 50 }, (_, index) => (index === 33 ? "BAD" : `span ${index}`));
    const outcomes = await Promise.all(names.map((name) => send(to, [name])));
    const rejected = names.filter((_, index) => outcomes[index]!.kind === "rejected");
    expect(rejected).toEqual(["BAD"]);
    const taken = linesOf(backend.requests.filter((request) => !request.includes("BAD")));
    expect(taken.toSorted()).toEqual(names.filter((name) => name !== "BAD").toSorted());
  });

  test("shares out partial success to the item", async () => {
    const response = encodeExportResponse({ rejectedItems: 5, message: "too old" });
    let answers = 0;
    const backend = await collector({
      answer: () => {
        answers += 1;
        return answers === 1 ? accepted : { response };
      },
    });
    const to = lane(backend.member);
    const outcomes = await Promise.all(
      [["x"], ["a", "b", "c"], ["d", "e", "f", "g"]].map((lines) => send(to, lines)),
    );
    expect(outcomes).toMatchObject([{ rejectedItems: 0 }, { rejectedItems: 3 }, { rejectedItems: 2 }]);
  });

  test("cuts what is larger than the collector takes, and rejects only the item that is", async () => {
    const backend = await collector({ channel: { "grpc.max_receive_message_length": 2000 } });
    const to = lane(backend.member);
    const lines = Array.from({ length: 16 }, (_, index) =>
      `span ${index} `.padEnd(index === 5 ? 3000 : 900, "."),
    );
    expect(await send(to, lines)).toMatchObject({ kind: "delivered", rejectedItems: 1 });
    expect(linesOf(backend.requests)).toEqual(lines.filter((line) => line.length < 2000));
  });

  test("loses and repeats nothing that was answered while the collector is killed and started again", async () => {
    let backend = await startCollector();
    cleanups.push(() => backend.stop());
    const { port } = backend;
    const to = lane(backend.member, { timeoutMs: 2000 });
    const received: Buffer[] = [];
    const delivered: string[] = [];
    const maybe: string[] = [];
    let next = 0;
    let isOver = false;
    const client = async (): Promise<void> => {
      while (!isOver) {
        const name = `span ${next++}`;
        const outcome = await send(to, [name]);
        if (outcome.kind === "delivered") delivered.push(name);
        else {
          maybe.push(name);
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      }
    };
    const clients = Promise.all(Array.from({ length: 20 }, client));
    for (let restart = 0; restart < 3; restart += 1) {
      const before = delivered.length;
      await until(() => delivered.length > before + 200);
      await backend.stop();
      await until(() => to.snapshot().connection === "backoff");
      received.push(...backend.requests);
      backend = await startCollector({ port });
    }
    const before = delivered.length;
    await until(() => delivered.length > before + 200);
    isOver = true;
    await clients;
    received.push(...backend.requests);
    const lines = linesOf(received);
    expect(new Set(lines).size).toBe(lines.length);
    const arrived = new Set(lines);
    expect(delivered.filter((name) => !arrived.has(name))).toEqual([]);
    const answeredOrMaybe = new Set([...delivered, ...maybe]);
    expect(lines.filter((name) => !answeredOrMaybe.has(name))).toEqual([]);
  });
});

describe("a sick backend", () => {
  test("that is slow holds up nobody but its own shards", async () => {
    const release: (() => void)[] = [];
    const slow = await collector({
      answer: () => new Promise((resolve) => release.push(() => resolve(accepted))),
    });
    const healthy = await collector();
    const toSlow = lane(slow.member, { timeoutMs: 600_000 });
    const toHealthy = lane(healthy.member);
    const held = Array.from({ length: 20 }, (_, index) => send(toSlow, [`slow ${index}`]));
    for (let index = 0; index < 200; index += 1) {
      expect((await send(toHealthy, [`quick ${index}`])).kind).toBe("delivered");
    }
    await until(() => release.length > 0);
    expect(toSlow.snapshot().openCalls).toBeGreaterThan(0);
    const freed = Promise.all(held);
    const pump = setInterval(() => {
      for (const answer of release.splice(0)) answer();
    }, 5);
    cleanups.push(() => clearInterval(pump));
    expect(new Set((await freed).map(({ kind }) => kind))).toEqual(new Set(["delivered"]));
  });

  test("does not have its connection reset for the memory that large requests hold while it is busy", async () => {
    const backend = await collector();
    const proxy = await startProxy(backend.port);
    cleanups.push(proxy.stop);
    const to = lane(proxy.member, { timeoutMs: 600_000 });
    // Sixteen of 3.4 MB are five times what node:http2 allows a session by default.
    const line = "x".repeat(3_400_000);
    const outcomes = await Promise.all(Array.from({ length: 16 }, () => send(to, [line])));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(["delivered"]));
    expect(backend.requests).toHaveLength(16);
  });
});
