/**
 * Takes what receivers hand on, splits it for every exporter of its pipelines, sends all shards at
 * once, and answers when each of them has an outcome.
 */
import type { Counter, MetricDefinition, MetricRegistry } from "../base/metrics.ts";
import type { ShardOutcome } from "../export/delivery.ts";
import type { ExportRequest, ExportResult, TelemetrySink } from "../otlp/export-request.ts";
import { OverBudgetError, type RequestMemory } from "../otlp/request-memory.ts";
import { type Signal, signalFacts, signals } from "../otlp/signal.ts";
import { SplitTooLargeError } from "../otlp/split.ts";
import { grpcCode } from "../otlp/status.ts";
import { WireError } from "../wire/wire-error.ts";
import { combineExporters, combineShards, type ExporterOutcome } from "./combine.ts";
import type { PlannedShards, Route } from "./route.ts";

const itemCounter = (name: string, help: string): MetricDefinition => ({
  name,
  type: "counter",
  help,
  labels: ["receiver", "transport"],
});

/** Named and labelled as the Collector's, so that its dashboards and alerts work. */
export const dispatcherMetrics = {
  accepted: forSignals("accepted", "that every exporter of their pipelines took"),
  refused: forSignals("refused", "that the client was told were not taken"),
} as const;

function forSignals(verb: string, what: string): Readonly<Record<Signal, MetricDefinition>> {
  const definitions = signals.map((signal) => {
    const { items } = signalFacts[signal];
    return [
      signal,
      itemCounter(`otelcol_receiver_${verb}_${items}_total`, `${items.replace("_", " ")} ${what}.`),
    ] as const;
  });
  return Object.fromEntries(definitions) as Record<Signal, MetricDefinition>;
}

/** Says to a client that what it sent is no Export request. */
function malformed(problem: string): ExportResult {
  return {
    kind: "failure",
    status: {
      code: grpcCode.INVALID_ARGUMENT,
      message: `the request cannot be routed: ${problem}`,
      fieldViolations: [{ field: "body", description: problem }],
    },
  };
}

/** How long a client is asked to wait while too much is in flight. */
const overBudgetRetryMs = 1000;

function overBudget(message: string): ExportResult {
  return {
    kind: "failure",
    status: { code: grpcCode.UNAVAILABLE, message, retryDelayMs: overBudgetRetryMs },
  };
}

export interface ReceiverIdentity {
  /** As in the configuration, for example `otlp`. */
  readonly name: string;
  readonly transport: "grpc" | "http";
}

export class Dispatcher implements TelemetrySink {
  readonly #routes: Readonly<Record<Signal, readonly Route[]>>;
  readonly #accepted: Readonly<Record<Signal, Counter>>;
  readonly #refused: Readonly<Record<Signal, Counter>>;

  /** `routes` are those of the pipelines that this receiver feeds, each exporter once a signal. */
  constructor(
    receiver: ReceiverIdentity,
    routes: Readonly<Record<Signal, readonly Route[]>>,
    metrics: MetricRegistry,
  ) {
    this.#routes = routes;
    const counters = (definitions: Readonly<Record<Signal, MetricDefinition>>) => ({
      traces: metrics.counter(definitions.traces, receiver.name, receiver.transport),
      metrics: metrics.counter(definitions.metrics, receiver.name, receiver.transport),
      logs: metrics.counter(definitions.logs, receiver.name, receiver.transport),
      profiles: metrics.counter(definitions.profiles, receiver.name, receiver.transport),
    });
    this.#accepted = counters(dispatcherMetrics.accepted);
    this.#refused = counters(dispatcherMetrics.refused);
  }

  async export(request: ExportRequest): Promise<ExportResult> {
    const routes = this.#routes[request.signal];
    if (routes.length === 0) return noPipeline(request.signal);
    const plans: { readonly route: Route; readonly shards: PlannedShards }[] = [];
    // All of the planning before any of the sending: a request that is refused has left no trace, so that
    // nothing arrives twice when it is sent again.
    try {
      for (const route of routes) {
        const plan = route.plan(request);
        if (plan.kind === "no_backends") {
          return this.#counted(request.signal, { kind: "failure", status: plan.status }, plan.itemCount);
        }
        plans.push({ route, shards: plan });
      }
    } catch (error) {
      if (error instanceof WireError || error instanceof SplitTooLargeError) return malformed(error.message);
      if (error instanceof OverBudgetError) return overBudget(error.message);
      throw error;
    }
    const outcomes = await Promise.all(
      plans.map(({ route, shards }) => deliver(route, shards, request.memory)),
    );
    const { itemCount } = plans[0]!.shards;
    return this.#counted(request.signal, combineExporters(outcomes, itemCount), itemCount);
  }

  #counted(signal: Signal, result: ExportResult, itemCount: number): ExportResult {
    const rejected = result.kind === "partial" ? result.rejectedItems : 0;
    const refused = result.kind === "failure" ? itemCount : rejected;
    this.#refused[signal].add(refused);
    this.#accepted[signal].add(itemCount - refused);
    return result;
  }
}

async function deliver(
  route: Route,
  plan: PlannedShards,
  memory: RequestMemory | undefined,
): Promise<ExporterOutcome> {
  const outcomes = await route.deliver(plan);
  const isFree = (outcome: ShardOutcome): boolean =>
    outcome.kind === "delivered" && outcome.payloadIsFree === true;
  if (!outcomes.every(isFree)) memory?.keep();
  return combineShards(
    plan.shards.map(({ shard }) => shard),
    outcomes,
  );
}

function noPipeline(signal: Signal): ExportResult {
  return {
    kind: "failure",
    status: {
      code: grpcCode.UNIMPLEMENTED,
      message: `no pipeline takes ${signal}: add one under service.pipelines`,
    },
  };
}
