/** A lane with its sender before a backend in a test's hand: what becomes of a shard by what the backend does. */
import { onTestFinished } from "vitest";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import type { ShardOutcome } from "../../../src/export/delivery.ts";
import { createGrpcSender } from "../../../src/export/grpc-sender.ts";
import { createHttpSender } from "../../../src/export/http-sender.ts";
import { createLane, type LaneOptions } from "../../../src/export/lane.ts";
import { ExportMetrics, exportMetricDefinitions } from "../../../src/export/metrics.ts";
import { cutInHalf } from "../../../src/otlp/cut.ts";
import { noForwardedHeaders } from "../../../src/otlp/export-request.ts";
import { type AnswerCall, startCollector } from "../../integration/export/backends.ts";
import { type HttpBackend, type Respond, startHttpBackend } from "../../integration/export/http-backends.ts";
import { requestOf, toProtobuf } from "./messages.ts";

/** What a gateway speaks to backends. */
export type ClientTransport = "grpc" | "http/protobuf";

export interface LaneRig {
  /** Sends so many spans as one shard. */
  readonly send: (itemCount?: number) => Promise<ShardOutcome>;
  /** Of the exporter, over all that was sent. */
  readonly count: (name: "sent_spans" | "send_failed_spans" | "unconfirmed_items") => number;
}

/** A lane to `member`, closed when the test has ended. */
export function startLane(
  transport: ClientTransport,
  member: string,
  options: Partial<LaneOptions> = {},
): LaneRig {
  const createSender = transport === "grpc" ? createGrpcSender : createHttpSender;
  const registry = new MetricRegistry();
  const modules = { logger: silentLogger };
  const lane = createLane(
    { member, exporter: "load_balancing", timeoutMs: 20_000, ...options },
    {
      ...modules,
      sender: createSender({ member, userAgent: "otlp-ring/test" }, modules),
      cut: cutInHalf,
      metrics: new ExportMetrics(registry),
    },
  );
  onTestFinished(() => lane.close(0));
  return {
    send: (itemCount = 1) =>
      lane.send({
        signal: "traces",
        payload: toProtobuf("traces", requestOf("traces", itemCount)),
        itemCount,
        forwardedHeaders: noForwardedHeaders,
      }),
    count: (name) => registry.counter(exportMetricDefinitions[name], "load_balancing").value,
  };
}

/** How a backend answers, over either transport. */
export interface Script {
  readonly grpc: AnswerCall;
  readonly http: Respond;
}

export interface ScriptedBackend {
  readonly member: string;
  /** The bodies of requests, in order. */
  readonly requests: () => Buffer[];
}

/** Runs until the test has ended. */
export async function startBackend(transport: ClientTransport, script: Script): Promise<ScriptedBackend> {
  if (transport === "grpc") {
    const { member, requests, stop } = await startCollector({ answer: script.grpc });
    onTestFinished(stop);
    return { member, requests: () => requests };
  }
  const backend = await startHttp(script.http);
  return { member: backend.member, requests: () => backend.requests.map(({ body }) => body) };
}

/** Runs until the test has ended. */
export async function startHttp(respond: Respond): Promise<HttpBackend> {
  const backend = await startHttpBackend(respond);
  onTestFinished(backend.stop);
  return backend;
}

/** A lane to a backend that answers so. */
export async function laneTo(
  transport: ClientTransport,
  script: Script,
  options?: Partial<LaneOptions>,
): Promise<LaneRig & ScriptedBackend> {
  const backend = await startBackend(transport, script);
  return { ...backend, ...startLane(transport, backend.member, options) };
}
