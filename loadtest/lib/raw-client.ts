/**
 * The load of the end-to-end benchmark, in a process of its own: distinct requests made beforehand,
 * a fixed number of them open at any time on each connection, every answer checked.
 *
 * Forked with a ClientPlan as JSON; sends { ready }, runs from "start" to "stop", sends a ClientReport.
 */
import { type ClientHttp2Session, connect } from "node:http2";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { type TraceRequestShape, traceRequest } from "./trace-requests.ts";

export interface ClientPlan {
  readonly port: number;
  readonly shape: TraceRequestShape;
  readonly distinctRequests: number;
  readonly connections: number;
  readonly openRequestsPerConnection: number;
  readonly compression: "none" | "gzip" | "zstd";
}

export interface ClientReport {
  readonly acknowledgedRequests: number;
  readonly acknowledgedItems: number;
  readonly failures: readonly string[];
  readonly latencyMs: { readonly p50: number; readonly p99: number };
}

const windowBytes = 1024 * 1024;
const failuresKept = 10;

const plan = JSON.parse(process.argv[2] ?? "{}") as ClientPlan;
const itemsPerRequest = plan.shape.resourceCount * plan.shape.spansPerResource;
const frames = Array.from({ length: plan.distinctRequests }, (_, seed) =>
  frame(traceRequest(seed, plan.shape)),
);
const requestHeaders = [
  ":method",
  "POST",
  ":scheme",
  "http",
  ":path",
  "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
  ":authority",
  `127.0.0.1:${plan.port}`,
  "content-type",
  "application/grpc",
  "te",
  "trailers",
  ...(plan.compression === "none" ? [] : ["grpc-encoding", plan.compression]),
];

let running = false;
let open = 0;
let next = 0;
let acknowledgedRequests = 0;
const failures: string[] = [];
const latenciesMs: number[] = [];

function frame(request: Buffer): Buffer {
  const compress = { none: (bytes: Buffer) => bytes, gzip: gzipSync, zstd: zstdCompressSync }[
    plan.compression
  ];
  const message = compress(request);
  const prefix = Buffer.alloc(5);
  prefix[0] = plan.compression === "none" ? 0 : 1;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function send(session: ClientHttp2Session): void {
  if (!running) return;
  open += 1;
  const startedMs = performance.now();
  const stream = session.request(requestHeaders as never, { endStream: false });
  let status: unknown;
  const readStatus = (headers: { readonly [name: string]: unknown }): void => {
    status = headers["grpc-status"] ?? status;
  };
  stream.on("response", readStatus);
  stream.on("trailers", readStatus);
  stream.on("error", (error) => failures.push(error.message));
  stream.on("close", () => {
    open -= 1;
    latenciesMs.push(performance.now() - startedMs);
    if (status === "0") acknowledgedRequests += 1;
    else failures.push(`grpc-status ${String(status)}`);
    send(session);
    if (!running && open === 0) report();
  });
  stream.resume();
  stream.end(frames[next++ % frames.length]);
}

function report(): void {
  latenciesMs.sort((a, b) => a - b);
  const quantile = (share: number): number => latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0;
  const summary: ClientReport = {
    acknowledgedRequests,
    acknowledgedItems: acknowledgedRequests * itemsPerRequest,
    failures: failures.slice(0, failuresKept),
    latencyMs: { p50: quantile(0.5), p99: quantile(0.99) },
  };
  process.send?.(summary);
}

function openConnection(): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${plan.port}`, {
      settings: { initialWindowSize: windowBytes },
    });
    session.once("connect", () => resolve(session));
    session.on("error", reject);
  });
}

const sessions = await Promise.all(Array.from({ length: plan.connections }, openConnection));
process.on("message", (message) => {
  running = message === "start";
  if (!running) return;
  for (const session of sessions) {
    for (let index = 0; index < plan.openRequestsPerConnection; index += 1) send(session);
  }
});
process.on("disconnect", () => process.exit(0));
process.send?.({ ready: true });
