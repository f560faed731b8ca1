/** A whole gateway before backends whose answers a test chooses. */

import { afterEach, onTestFinished } from "vitest";
import { type Signal, signalFacts, signals } from "../../../src/tools/otlp-proto.ts";
import { type AnswerCall, type Collector, startCollector, until } from "../../integration/export/backends.ts";
import { type StartedGateway, startGateway } from "../../support/gateway.ts";
import { type Answer, closeClients, type Endpoints, type HttpRequest, send } from "./clients.ts";
import { fromProtobuf, type Message } from "./messages.ts";
import type { Transport } from "./requirement.ts";

export interface ServerOptions {
  /** What each backend answers. Default: one that accepts everything. */
  readonly backends?: readonly (AnswerCall | undefined)[];
  /** YAML: more keys of `receivers.otlp.protocols.grpc`, and so on, each with a comma before it. */
  readonly grpc?: string;
  readonly http?: string;
  readonly service?: string;
  /** More of the top level. */
  readonly rest?: string;
}

export interface Server {
  readonly endpoints: Endpoints;
  readonly backends: readonly Collector[];
  readonly send: (transport: Transport, request?: HttpRequest) => Promise<Answer>;
  /** What backends have received of a signal, decoded; profiles are in `backends` alone. */
  readonly received: (signal?: Signal) => Message[];
}

const openConnections: (() => number)[] = [];
// Before the gateways are stopped (hooks run in reverse), since HTTP/2 waits a second for clients that are about to leave.
afterEach(async () => {
  closeClients();
  await until(() => openConnections.every((count) => count() === 0));
  openConnections.length = 0;
});

function openConnectionsOf(gateway: StartedGateway["gateway"]): number {
  const gauges = gateway.metrics
    .families()
    .filter(({ definition }) => definition.name === "otlpring_receiver_open_connections")
    .flatMap(({ series }) => series.map(({ instrument }) => (instrument as { value: number }).value));
  return gauges.reduce((sum, count) => sum + count, 0);
}

/** Runs until the test has ended. */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const { grpc = "", http = "", service = "", rest = "" } = options;
  const received: Record<Signal, Message[]> = { traces: [], metrics: [], logs: [] };
  const backends = await Promise.all(
    (options.backends ?? [undefined]).map((answer) => startRecording(received, answer)),
  );
  const { endpoints, gateway } = await startGateway(`
receivers:
  otlp:
    protocols:
      grpc: { endpoint: "127.0.0.1:0"${grpc} }
      http: { endpoint: "127.0.0.1:0"${http} }
exporters:
  load_balancing:
    resolver: { static: { hostnames: ${JSON.stringify(backends.map(({ member }) => member))} } }
    protocol: { otlp: { tls: { insecure: true }, compression: none } }
    delivery: { max_batch_size: 128MiB }
    ring: { size: 1024 }
service:
  ${service}
  pipelines:
    traces: { receivers: [otlp], exporters: [load_balancing] }
    metrics: { receivers: [otlp], exporters: [load_balancing] }
    logs: { receivers: [otlp], exporters: [load_balancing] }
    profiles: { receivers: [otlp], exporters: [load_balancing] }
${rest}
`);
  const served = { grpc: endpoints["otlp/grpc"]!, http: endpoints["otlp/http"]! };
  openConnections.push(() => openConnectionsOf(gateway));
  return {
    endpoints: served,
    backends,
    send: (transport, request = {}) => send(served, transport, request),
    received: (signal = "traces") => received[signal],
  };
}

async function startRecording(
  received: Record<Signal, Message[]>,
  answer: AnswerCall = () => ({ response: Buffer.alloc(0) }),
): Promise<Collector> {
  const collector = await startCollector({
    answer: (request, metadata, path) => {
      const signal = signals.find((each) => signalFacts[each].grpcPath === path);
      if (signal !== undefined) received[signal].push(fromProtobuf(signal, request));
      return answer(request, metadata, path);
    },
  });
  onTestFinished(() => collector.stop());
  return collector;
}

/** Which signal a gRPC method takes. */
export function signalOf(path: string): Signal {
  const found = signals.find((signal) => signalFacts[signal].grpcPath === path);
  if (found === undefined) throw new Error(`no signal of which there are messages has ${path}`);
  return found;
}
