/** The lane over HTTP: the same promises as over gRPC, kept with HTTP's means. */
import { afterEach, describe, expect, test } from "vitest";
import { decompress } from "../../../src/base/compression.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import type { ShardOutcome } from "../../../src/export/delivery.ts";
import { createHttpSender } from "../../../src/export/http-sender.ts";
import { type BackendLane, createLane, type LaneOptions } from "../../../src/export/lane.ts";
import { ExportMetrics, exportMetricDefinitions } from "../../../src/export/metrics.ts";
import { noForwardedHeaders } from "../../../src/otlp/export-request.ts";
import { encodeExportResponse } from "../../../src/otlp/export-response.ts";
import { until } from "./backends.ts";
import { accept, answering, type HttpRequest, type Respond, startHttpBackend } from "./http-backends.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Rig {
  readonly lane: BackendLane;
  readonly registry: MetricRegistry;
  /** The lines of every request that came, in order. */
  readonly requests: () => string[][];
  /** Sends one line as a shard of its own. */
  readonly send: (...lines: readonly string[]) => Promise<ShardOutcome>;
}

async function rig(respond: Respond = accept, options: Partial<LaneOptions> = {}): Promise<Rig> {
  const backend = await startHttpBackend(respond);
  cleanups.push(backend.stop);
  const { member } = backend;
  const sender = createHttpSender(
    { member, userAgent: "otlp-ring/test", compression: "gzip" },
    { logger: silentLogger },
  );
  const registry = new MetricRegistry();
  const lane = createLane(
    { member, exporter: "load_balancing", ...options },
    {
      sender,
      cut: cutLines,
      metrics: new ExportMetrics(registry),
      logger: silentLogger,
      soon: (start) => start(),
    },
  );
  cleanups.push(() => lane.close(0));
  return {
    lane,
    registry,
    requests: () => backend.requests.map(linesOf),
    send: (...lines) =>
      lane.send({
        signal: "traces",
        payload: Buffer.from(lines.map((line) => `${line}\n`).join("")),
        itemCount: lines.length,
        forwardedHeaders: noForwardedHeaders,
      }),
  };
}

/** Payloads here are lines, each an item. */
function linesOf({ body, headers }: HttpRequest): string[] {
  const content = headers["content-encoding"] === "gzip" ? decompress("gzip", body, 10_000_000) : body;
  return String(content).split("\n").slice(0, -1);
}

function cutLines(_signal: unknown, payload: Buffer) {
  const lines = String(payload).split("\n").slice(0, -1);
  if (lines.length < 2) return undefined;
  const middle = Math.ceil(lines.length / 2);
  return [lines.slice(0, middle), lines.slice(middle)].map((half) => ({
    payload: Buffer.from(`${half.join("\n")}\n`),
    itemCount: half.length,
  }));
}

describe("a lane to a backend of OTLP/HTTP", () => {
  test("delivers everything once, joined to fewer requests", async () => {
    const { send, requests } = await rig();
    const names = Array.from({ length: 500 }, (_, index) => `span ${index}`);
    const outcomes = await Promise.all(names.map((name) => send(name)));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(["delivered"]));
    expect(requests().flat().toSorted()).toEqual(names.toSorted());
    expect(requests().length).toBeLessThan(names.length);
  });

  test("rejects only the shard that is answered with 400 among many joined ones", async () => {
    const { send, requests } = await rig((request, response) =>
      (linesOf(request).includes("BAD") ? answering(400, "text/plain", "bad") : accept)(request, response),
    );
    const names = Array.from({ length: 50 }, (_, index) => (index === 33 ? "BAD" : `span ${index}`));
    const outcomes = await Promise.all(names.map((name) => send(name)));
    expect(names.filter((_, index) => outcomes[index]!.kind === "rejected")).toEqual(["BAD"]);
    const taken = requests().filter((lines) => !lines.includes("BAD"));
    expect(taken.flat().toSorted()).toEqual(names.filter((name) => name !== "BAD").toSorted());
  });

  test("shares out partial success to the item", async () => {
    const body = encodeExportResponse({ rejectedItems: 5, message: "too old" });
    let answers = 0;
    const { send } = await rig((request, response) => {
      answers += 1;
      (answers === 1 ? accept : answering(200, "application/x-protobuf", body))(request, response);
    });
    const outcomes = await Promise.all([send("x"), send("a", "b", "c"), send("d", "e", "f", "g")]);
    expect(outcomes).toMatchObject([{ rejectedItems: 0 }, { rejectedItems: 3 }, { rejectedItems: 2 }]);
  });

  test.each([
    ["413", answering(413)],
    ["a Collector's 400", answering(400, "text/plain", "http: request body too large")],
  ])(
    "cuts what is answered with %s, and rejects only the item that is too large itself",
    async (_name, refuse) => {
      const { send, requests } = await rig((request, response) =>
        (linesOf(request).join("").length > 2000 ? refuse : accept)(request, response),
      );
      const lines = Array.from({ length: 16 }, (_, index) =>
        `span ${index} `.padEnd(index === 5 ? 3000 : 900, "."),
      );
      expect(await send(...lines)).toMatchObject({ kind: "delivered", rejectedItems: 1 });
      const taken = requests().filter((each) => each.join("").length <= 2000);
      expect(taken.flat()).toEqual(lines.filter((line) => line.length < 2000));
    },
  );

  test("rests for as long as Retry-After says", async () => {
    const { send, requests, lane } = await rig((_request, response) => {
      response.writeHead(429, { "retry-after": "60" }).end();
    });
    expect(await send("a")).toMatchObject({ kind: "undelivered", status: { retryDelayMs: 60_000 } });
    expect(lane.snapshot().state).toBe("resting");
    expect(await send("b")).toMatchObject({ kind: "undelivered" });
    expect(requests()).toEqual([["a"]]);
  });

  test("counts what a backend may have taken when its connection broke before the answer", async () => {
    const { send, registry } = await rig((_request, response) => response.socket?.resetAndDestroy());
    expect(await send("a", "b", "c")).toMatchObject({ kind: "undelivered", mayHaveArrived: true });
    const unconfirmed = registry.counter(exportMetricDefinitions.unconfirmed_items, "load_balancing");
    expect(unconfirmed.value).toBe(3);
  });

  test("leaves the calls undelivered that a slow backend does not answer in time, and goes on with the others", async () => {
    const { send } = await rig(
      (request, response) => {
        if (!linesOf(request).includes("slow")) accept(request, response);
      },
      { timeoutMs: 200, maxInFlight: 2 },
    );
    const slow = send("slow");
    const outcomes = [];
    for (let count = 0; count < 20; count += 1) outcomes.push(await send(`${count}`.padEnd(300_000, ".")));
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array(20).fill("delivered"));
    expect(await slow).toMatchObject({ kind: "undelivered", mayHaveArrived: true, status: { code: 4 } });
  });

  test("loses and repeats nothing that was answered while the backend is killed and started again", async () => {
    let backend = await startHttpBackend();
    cleanups.push(() => backend.stop());
    const { member, port } = backend;
    const sender = createHttpSender({ member, userAgent: "otlp-ring/test" }, { logger: silentLogger });
    const lane = createLane(
      { member, exporter: "load_balancing" },
      {
        sender,
        cut: cutLines,
        metrics: new ExportMetrics(new MetricRegistry()),
        logger: silentLogger,
        soon: (start) => start(),
      },
    );
    cleanups.push(() => lane.close(0));
    const taken: string[] = [];
    const acknowledged: string[] = [];
    const uncertain: string[] = [];
    let next = 0;
    let isRunning = true;
    const client = async (): Promise<void> => {
      while (isRunning) {
        const name = `span ${next++}`;
        const payload = Buffer.from(`${name}\n`);
        const outcome = await lane.send({
          signal: "traces",
          payload,
          itemCount: 1,
          forwardedHeaders: noForwardedHeaders,
        });
        if (outcome.kind === "delivered") acknowledged.push(name);
        else if (outcome.kind === "undelivered" && outcome.mayHaveArrived === true) uncertain.push(name);
        else await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const clients = [client(), client(), client(), client()];
    for (let restarts = 0; restarts < 3; restarts += 1) {
      const before = acknowledged.length;
      await until(() => acknowledged.length > before + 20);
      await backend.stop();
      taken.push(...backend.requests.flatMap(linesOf));
      await until(() => lane.snapshot().connection === "backoff");
      backend = await startHttpBackend(accept, { port });
    }
    const before = acknowledged.length;
    await until(() => acknowledged.length > before + 20);
    isRunning = false;
    await Promise.all(clients);
    taken.push(...backend.requests.flatMap(linesOf));
    expect(new Set(taken).size).toBe(taken.length);
    const known = new Set(taken);
    expect(acknowledged.filter((name) => !known.has(name))).toEqual([]);
    const answered = new Set([...acknowledged, ...uncertain]);
    expect(taken.filter((name) => !answered.has(name))).toEqual([]);
  });
});
