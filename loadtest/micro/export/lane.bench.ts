/**
 * What a shard costs on its way to a backend, in CPU time of the sending process as the operating system
 * counts it: the lane's bookkeeping alone (a sender that answers at once), and whole calls over loopback
 * to backends in a process of their own.
 *
 *     bin/node24 loadtest/micro/export/lane.bench.ts [pattern of case names]
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import type { ContentCoding } from "../../../src/base/compression.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import type { Lane, Shard } from "../../../src/export/delivery.ts";
import { createGrpcSender } from "../../../src/export/grpc-sender.ts";
import { createLane } from "../../../src/export/lane.ts";
import { ExportMetrics } from "../../../src/export/metrics.ts";
import type { Sender } from "../../../src/export/sender.ts";
import { noForwardedHeaders } from "../../../src/otlp/export-request.ts";

const laneCount = 8;

if (process.argv[2] === "backend") {
  const server = createServer({ maxSessionMemory: 1000, settings: { initialWindowSize: 4 * 1024 * 1024 } });
  server.on("session", (session) => session.setLocalWindowSize(64 * 1024 * 1024));
  server.on("stream", (stream) => {
    stream.resume();
    stream.on("end", () => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.alloc(5));
    });
  });
  server.listen(0, "127.0.0.1", () => process.send!((server.address() as AddressInfo).port));
  process.on("disconnect", () => process.exit());
} else {
  await run();
}

async function run(): Promise<void> {
  const chosen = new RegExp(process.argv[2] ?? "");
  const backend = fork(import.meta.filename, ["backend"], { execArgv: [] });
  const [port] = (await once(backend, "message")) as [number];
  for (const { name, open, load } of cases(port)) if (chosen.test(name)) await measure(name, open, load);
  backend.disconnect();
}

interface Case {
  readonly name: string;
  readonly open: () => Sender;
  readonly load: Load;
}

function cases(port: number): Case[] {
  const answersAtOnce: Sender = {
    connectionState: "ready",
    call: async () => ({ kind: "delivered", rejectedItems: 0, message: "" }),
    close: () => undefined,
  };
  const bookkeeping: Case = {
    name: "bookkeeping alone",
    open: () => answersAtOnce,
    load: { shardBytes: 2000, concurrency: 64, requests: 40_000 },
  };
  const calls = (["identity", "gzip", "zstd"] as const).flatMap((compression) =>
    (
      [
        [2_000, 1, 2000],
        [2_000, 16, 6000],
        [2_000, 64, 8000],
        [27_000, 1, 1500],
        [27_000, 16, 2000],
      ] as const
    ).map(
      ([shardBytes, concurrency, requests]): Case => ({
        name: `${compression} ${shardBytes} B x ${concurrency}`,
        open: () => connect(port, compression),
        load: { shardBytes, concurrency, requests },
      }),
    ),
  );
  return [bookkeeping, ...calls];
}

function connect(port: number, compression: ContentCoding): Sender {
  return createGrpcSender(
    { member: `127.0.0.1:${port}`, userAgent: "otlp-ring/bench", compression },
    { logger: silentLogger },
  );
}

interface Load {
  readonly shardBytes: number;
  /** Requests in flight, each of one shard a lane. */
  readonly concurrency: number;
  readonly requests: number;
}

async function measure(name: string, open: () => Sender, load: Load): Promise<void> {
  const registry = new MetricRegistry();
  const metrics = new ExportMetrics(registry);
  let calls = 0;
  const lanes = Array.from({ length: laneCount }, (_, index) => {
    const sender = open();
    const counted: Sender = {
      get connectionState() {
        return sender.connectionState;
      },
      call: (...given) => {
        calls += 1;
        return sender.call(...given);
      },
      close: () => sender.close(),
    };
    return createLane(
      { member: `backend-${index}`, exporter: "bench" },
      { sender: counted, cut: () => undefined, metrics, logger: silentLogger },
    );
  });
  await pass(lanes, { ...load, requests: Math.ceil(load.requests / 4) });
  const samplesUs: number[] = [];
  calls = 0;
  const rounds = 5;
  for (let round = 0; round < rounds; round += 1) {
    const before = process.cpuUsage();
    await pass(lanes, load);
    const { user, system } = process.cpuUsage(before);
    samplesUs.push(user + system);
  }
  const medianUs = samplesUs.toSorted((a, b) => a - b)[rounds >> 1]!;
  const shardsPerCall = (load.requests * laneCount * rounds) / calls;
  console.log(
    `${name.padEnd(24)} ` +
      `${(medianUs / load.requests / laneCount).toFixed(2).padStart(7)} us a shard, ` +
      `${((medianUs / load.requests / laneCount) * shardsPerCall).toFixed(1).padStart(6)} us a call ` +
      `of ${shardsPerCall.toFixed(1)} shards, ${Math.round(1e6 / (medianUs / load.requests))} requests/s a core`,
  );
  await Promise.all(lanes.map((lane) => lane.close(1000)));
}

async function pass(lanes: readonly Lane[], { shardBytes, concurrency, requests }: Load): Promise<void> {
  const payload = Buffer.from(Array.from({ length: shardBytes }, (_, index) => (index * index) % 61));
  const shard: Shard = { signal: "traces", payload, itemCount: 8, forwardedHeaders: noForwardedHeaders };
  let left = requests;
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      for (const outcome of await Promise.all(lanes.map((lane) => lane.send(shard)))) {
        if (outcome.kind !== "delivered") throw new Error(`${outcome.kind}: ${outcome.status.message}`);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, client));
}
