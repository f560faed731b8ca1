/**
 * `npm run bench [micro] [e2e] [peer] [NAME…]`: the micro-benchmarks (mitata), the end-to-end table, and the
 * same beside the Collector (`scripts/install-e2e-tools otelcol` builds it). Without a kind: micro and e2e.
 * The figures and how to read them are in docs/benchmarks.md.
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type EndToEndCase, measureEndToEnd } from "./lib/end-to-end.ts";
import type { SubjectName } from "./lib/subjects.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const wanted = process.argv.slice(2).filter((argument) => argument !== "--");
const kinds: readonly string[] = wanted.filter((argument) => ["micro", "e2e", "peer"].includes(argument));
const names = wanted.filter((argument) => !kinds.includes(argument));
const runs = (kind: string): boolean => (kinds.length === 0 ? kind !== "peer" : kinds.includes(kind));
const isNamed = (name: string): boolean => names.length === 0 || names.some((part) => name.includes(part));

const big = { resourceCount: 1, spansPerResource: 512 };
const mixed = { resourceCount: 50, spansPerResource: 10 };
const small = { resourceCount: 1, spansPerResource: 64 };
const base = {
  subject: "otlp-ring",
  backends: 8,
  backendCompression: "none",
  warmUpMs: 3000,
  durationMs: 6000,
} as const;
const load = { protocol: "grpc", distinctRequests: 200, connections: 4, compression: "none" } as const;

function compressed(compression: "gzip" | "zstd", protocol: "grpc" | "http/protobuf"): EndToEndCase {
  const name = `512 spans, ${protocol}, ${compression} in and out`;
  const compressedLoad = { ...load, protocol, shape: big, openRequestsPerConnection: 4, compression };
  return { ...base, name, backendCompression: compression, load: compressedLoad };
}

const cases: readonly EndToEndCase[] = [
  { ...base, name: "512 spans, plain", load: { ...load, shape: big, openRequestsPerConnection: 4 } },
  { ...base, name: "50 resources x 10 spans", load: { ...load, shape: mixed, openRequestsPerConnection: 4 } },
  { ...base, name: "64 spans", load: { ...load, shape: small, openRequestsPerConnection: 16 } },
  compressed("gzip", "grpc"),
  compressed("zstd", "grpc"),
  {
    ...base,
    name: "512 spans, http/protobuf",
    load: { ...load, protocol: "http/protobuf", shape: big, openRequestsPerConnection: 4 },
  },
  compressed("gzip", "http/protobuf"),
  compressed("zstd", "http/protobuf"),
  {
    ...base,
    name: "512 spans, http/json",
    load: { ...load, protocol: "http/json", distinctRequests: 50, shape: big, openRequestsPerConnection: 2 },
  },
];

if (runs("micro")) {
  for (const file of globSync("loadtest/micro/**/*.bench.ts", { cwd: root }).sort()) {
    if (!isNamed(file)) continue;
    console.log(`\n# ${file}`);
    const { status } = spawnSync(process.execPath, ["--expose-gc", `${root}${file}`], { stdio: "inherit" });
    if (status !== 0) process.exitCode = 1;
  }
}

const columns = [
  "requests",
  "program",
  "k spans/s per core",
  "MB/s in per core",
  "k spans/s",
  "cores",
  "p50 ms",
  "p99 ms",
  "calls a request",
  "MiB",
];

async function printRow(plan: EndToEndCase): Promise<void> {
  const result = await measureEndToEnd(plan);
  const cells = [
    plan.name,
    plan.subject,
    (result.itemsPerCpuSecond / 1000).toFixed(0),
    result.megabytesPerCpuSecond.toFixed(0),
    (result.itemsPerSecond / 1000).toFixed(0),
    result.cores.toFixed(2),
    result.latencyMs.p50.toFixed(1),
    result.latencyMs.p99.toFixed(1),
    result.callsPerRequest.toFixed(2),
    (result.memoryBytes / 2 ** 20).toFixed(0),
  ];
  console.log(`| ${cells.join(" | ")} |`);
}

if (runs("e2e") || runs("peer")) {
  // Side by side, case by case: what else the machine does changes within minutes.
  const compared: readonly SubjectName[] = runs("peer")
    ? ["otlp-ring", "otelcol without queue", "otelcol"]
    : ["otlp-ring"];
  console.log(`\n| ${columns.join(" | ")} |\n|${columns.map(() => "---").join("|")}|`);
  for (const plan of cases.filter(({ name }) => isNamed(name))) {
    for (const subject of compared) {
      try {
        await printRow({ ...plan, subject });
      } catch (error) {
        console.log(
          `| ${plan.name} | ${subject} | ${error instanceof Error ? error.message : String(error)} |`,
        );
        // Our own failing is a failure; what a peer does with the load is a finding.
        if (subject === "otlp-ring") process.exitCode = 1;
      }
    }
  }
}
