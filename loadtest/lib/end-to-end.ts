/**
 * One end-to-end measurement: load, gateway and backends in processes of their own, through real
 * sockets; what counts is the gateway's CPU time as the operating system counts it.
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { processCpuSeconds, processMemoryBytes } from "./process-cpu.ts";
import type { ClientPlan, ClientReport } from "./raw-client.ts";
import { type SubjectName, subjects } from "./subjects.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

export interface EndToEndCase {
  readonly name: string;
  /** The program that is measured. */
  readonly subject: SubjectName;
  readonly backends: number;
  readonly load: Omit<ClientPlan, "port">;
  readonly backendCompression: "none" | "gzip" | "zstd";
  readonly warmUpMs: number;
  readonly durationMs: number;
}

export interface EndToEndResult {
  readonly itemsPerCpuSecond: number;
  readonly itemsPerSecond: number;
  readonly cores: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  readonly memoryBytes: number;
  /** Of request bodies as they came over the wire. */
  readonly megabytesPerCpuSecond: number;
  /** Requests to backends for each request received. */
  readonly callsPerRequest: number;
}

async function message<T>(child: ChildProcess): Promise<T> {
  const [received] = (await once(child, "message")) as [T];
  return received;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs one case. Throws when a request failed, or when the backends saw other items than were acknowledged. */
export async function measureEndToEnd(plan: EndToEndCase): Promise<EndToEndResult> {
  const folder = mkdtempSync(`${tmpdir()}/otlp-ring-bench-`);
  const children: ChildProcess[] = [];
  try {
    const sinks = fork(`${root}loadtest/lib/raw-sink.ts`, [String(plan.backends)]);
    children.push(sinks);
    const { ports } = await message<{ ports: number[] }>(sinks);
    const port = await freePort();
    const subject = subjects[plan.subject];
    writeFileSync(
      `${folder}/config.yaml`,
      subject.configuration({
        receiver: plan.load.protocol === "grpc" ? "grpc" : "http",
        port,
        ports,
        compression: plan.backendCompression,
      }),
    );
    const gateway = spawn(subject.program, [...subject.args, "--config", `${folder}/config.yaml`], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    children.push(gateway);
    await accepts(port, gateway);
    const client = fork(`${root}loadtest/lib/raw-client.ts`, [JSON.stringify({ ...plan.load, port })]);
    children.push(client);
    await message(client);
    client.send("start");
    await sleep(plan.warmUpMs);
    const measured = await measureWindow(gateway.pid!, sinks, plan.durationMs);
    client.send("stop");
    const report = await message<ClientReport>(client);
    if (report.failures.length > 0)
      throw new Error(`${plan.name}: requests failed: ${report.failures.join(", ")}`);
    const after = await counts(sinks);
    if (after.itemCount !== report.acknowledgedItems) {
      throw new Error(`${plan.name}: ${report.acknowledgedItems} acknowledged, ${after.itemCount} arrived`);
    }
    const bytesPerItem = report.acknowledgedBytes / report.acknowledgedItems;
    return {
      ...measured,
      megabytesPerCpuSecond: (measured.itemsPerCpuSecond * bytesPerItem) / 1e6,
      latencyMs: report.latencyMs,
      callsPerRequest: after.requestCount / report.acknowledgedRequests,
    };
  } finally {
    for (const child of children) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

interface SinkCounts {
  readonly itemCount: number;
  readonly requestCount: number;
}

async function counts(sinks: ChildProcess): Promise<SinkCounts> {
  sinks.send("count");
  return await message<SinkCounts>(sinks);
}

async function measureWindow(
  gatewayPid: number,
  sinks: ChildProcess,
  durationMs: number,
): Promise<Pick<EndToEndResult, "itemsPerCpuSecond" | "itemsPerSecond" | "cores" | "memoryBytes">> {
  const startedMs = performance.now();
  const cpuBefore = processCpuSeconds(gatewayPid);
  const itemsBefore = (await counts(sinks)).itemCount;
  await sleep(durationMs);
  const cpuSeconds = processCpuSeconds(gatewayPid) - cpuBefore;
  const items = (await counts(sinks)).itemCount - itemsBefore;
  const seconds = (performance.now() - startedMs) / 1000;
  return {
    itemsPerCpuSecond: items / cpuSeconds,
    itemsPerSecond: items / seconds,
    cores: cpuSeconds / seconds,
    memoryBytes: processMemoryBytes(gatewayPid),
  };
}

async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function accepts(port: number, gateway: ChildProcess): Promise<void> {
  const { connect } = await import("node:net");
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (gateway.exitCode !== null) throw new Error(`the gateway ended with exit code ${gateway.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    const open = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "close").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return;
    await sleep(50);
  }
  throw new Error("the gateway did not start to listen within ten seconds");
}
