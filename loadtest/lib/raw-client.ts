/**
 * The load of the end-to-end benchmark, in a process of its own: distinct requests made beforehand, a fixed
 * number of them open at any time, every answer checked.
 *
 * Forked with a ClientPlan as JSON; sends { ready }, runs from "start" to "stop", sends a ClientReport.
 */
import { type Call, type ConnectionPlan, openCalls, requestBodies } from "./client-connections.ts";

export type ClientPlan = ConnectionPlan;

export interface ClientReport {
  readonly acknowledgedRequests: number;
  readonly acknowledgedItems: number;
  /** Of all bodies that were acknowledged, as they went over the wire. */
  readonly acknowledgedBytes: number;
  readonly failures: readonly string[];
  readonly latencyMs: { readonly p50: number; readonly p99: number };
}

const failuresKept = 10;

const plan = JSON.parse(process.argv[2] ?? "{}") as ClientPlan;
const itemsPerRequest = plan.shape.resourceCount * plan.shape.spansPerResource;
const bodies = requestBodies(plan);
const calls = await openCalls(plan);

let running = false;
let next = 0;
let acknowledgedRequests = 0;
let acknowledgedBytes = 0;
const failures: string[] = [];
const latenciesMs: number[] = [];

async function keepCalling(call: Call): Promise<void> {
  while (running) {
    const body = bodies[next++ % bodies.length]!;
    const startedMs = performance.now();
    const failure = await call(body);
    latenciesMs.push(performance.now() - startedMs);
    if (failure === undefined) {
      acknowledgedRequests += 1;
      acknowledgedBytes += body.length;
    } else {
      failures.push(failure);
    }
  }
}

function report(): ClientReport {
  latenciesMs.sort((a, b) => a - b);
  const quantile = (share: number): number => latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0;
  return {
    acknowledgedRequests,
    acknowledgedItems: acknowledgedRequests * itemsPerRequest,
    acknowledgedBytes,
    failures: failures.slice(0, failuresKept),
    latencyMs: { p50: quantile(0.5), p99: quantile(0.99) },
  };
}

process.on("message", (message) => {
  running = message === "start";
  if (running) void Promise.all(calls.map(keepCalling)).then(() => process.send?.(report()));
});
process.on("disconnect", () => process.exit(0));
process.send?.({ ready: true });
