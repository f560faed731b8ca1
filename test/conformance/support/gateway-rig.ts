/** A whole gateway before backends that speak one of the two protocols to it. */
import { type StartedGateway, startGateway } from "../../support/gateway.ts";
import { type ClientTransport, type Script, type ScriptedBackend, startBackend } from "./client-rig.ts";
import { type Answer, sendHttp } from "./clients.ts";
import { fromProtobuf, type Message, requestOf } from "./messages.ts";

export interface RigOptions {
  readonly transport: ClientTransport;
  readonly backends: readonly Script[];
  /** YAML of `delivery`. */
  readonly delivery?: string;
  /** Of `receivers.otlp.protocols.http`, with a comma before it. */
  readonly http?: string;
}

export interface GatewayRig {
  readonly gateway: StartedGateway["gateway"];
  readonly backends: readonly ScriptedBackend[];
  /** By OTLP/HTTP, in protobuf; default one span. */
  readonly send: (message?: Message) => Promise<Answer>;
}

/** Runs until the test has ended. Nothing is compressed on its way to backends. */
export async function startRig({
  transport,
  backends,
  delivery = "",
  http = "",
}: RigOptions): Promise<GatewayRig> {
  const started = await Promise.all(backends.map((script) => startBackend(transport, script)));
  const protocol = transport === "grpc" ? "otlp" : "otlp_http";
  const { gateway, endpoints } = await startGateway(`
receivers:
  otlp: { protocols: { http: { endpoint: "127.0.0.1:0"${http} } } }
exporters:
  load_balancing:
    resolver: { static: { hostnames: ${JSON.stringify(started.map(({ member }) => member))} } }
    protocol: { ${protocol}: { tls: { insecure: true }, compression: none, timeout: 20s } }
    delivery: { ${delivery} }
    ring: { size: 1024 }
service:
  pipelines: { traces: { receivers: [otlp], exporters: [load_balancing] } }
`);
  const served = { grpc: "", http: endpoints["otlp/http"]! };
  return {
    gateway,
    backends: started,
    send: (message = requestOf("traces", 1)) => sendHttp(served, "http/protobuf", { message }),
  };
}

/** The spans that a backend received, in order, however they came together. */
export function spansAt(backend: ScriptedBackend): Message[] {
  return backend.requests().flatMap(spansIn);
}

interface Traces {
  readonly resourceSpans?: readonly {
    readonly scopeSpans?: readonly { readonly spans?: readonly Message[] }[];
  }[];
}

export function spansIn(request: Buffer): Message[] {
  const { resourceSpans = [] } = fromProtobuf("traces", request) as Traces;
  return resourceSpans.flatMap(({ scopeSpans = [] }) => scopeSpans.flatMap(({ spans = [] }) => spans));
}

/** How many resources hold no scope, and scopes no span. */
export function emptyEnvelopesIn(request: Buffer): number {
  const { resourceSpans = [] } = fromProtobuf("traces", request) as Traces;
  const scopes = resourceSpans.flatMap(({ scopeSpans = [] }) => scopeSpans);
  return (
    resourceSpans.filter(({ scopeSpans = [] }) => scopeSpans.length === 0).length +
    scopes.filter(({ spans = [] }) => spans.length === 0).length
  );
}
