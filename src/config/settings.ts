/**
 * What the gateway is built from: every default filled in, every reference followed, units in the names. Nothing here
 * knows of YAML.
 */
import type { ClientCredentialSettings } from "../base/client-credentials.ts";
import type { ContentCoding } from "../base/compression.ts";
import type { ClientTlsSettings, ServerTlsSettings } from "../base/tls.ts";
import type { RoutingKey } from "../otlp/routing-key.ts";
import type { Signal } from "../otlp/signal.ts";
import type { BasicAuthSettings, BearerTokenSettings } from "../receive/authentication.ts";
import type { Endpoint } from "./endpoint.ts";

export interface GatewaySettings {
  readonly receivers: readonly ReceiverSettings[];
  readonly exporters: readonly ExporterSettings[];
  readonly pipelines: readonly PipelineSettings[];
  /** Absent: not served. */
  readonly healthCheck?: Endpoint & { readonly path: string };
  readonly zpages?: Endpoint;
  readonly metrics?: Endpoint & { readonly level: MetricsLevel };
  readonly logs: LogSettings;
  readonly memory: {
    /** Absent: a quarter of what the process may use. */
    readonly inFlightBytes?: number;
  };
  readonly shutdown: { readonly delayMs: number; readonly drainTimeoutMs: number };
  readonly workers: number | "auto";
}

export type MetricsLevel = "basic" | "normal" | "detailed";

export interface LogSettings {
  readonly level: "debug" | "info" | "warn" | "error";
  /** `auto`: `console` on a terminal, else `json`. */
  readonly encoding: "json" | "console" | "auto";
}

/** At least one of `grpc` and `http`. */
export interface ReceiverSettings {
  /** As the file has it: `otlp/front`. */
  readonly name: string;
  readonly grpc?: GrpcReceiverSettings;
  readonly http?: HttpReceiverSettings;
}

interface ServerSettings extends Endpoint {
  readonly includeMetadata: boolean;
  /** Absent: plain text. */
  readonly tls?: ServerTlsSettings;
  /** Absent: everybody may send. */
  readonly authenticator?: AuthenticatorSettings;
}

export interface GrpcReceiverSettings extends ServerSettings {
  readonly maxRecvMsgSizeBytes: number;
  readonly maxConcurrentStreams: number;
  /** From a request's headers to its last byte. */
  readonly receiveTimeoutMs: number;
  readonly keepalive: ServerKeepaliveSettings;
}

export interface ServerKeepaliveSettings {
  /** Absent: never, for the three. */
  readonly maxConnectionIdleMs?: number;
  readonly maxConnectionAgeMs?: number;
  readonly maxConnectionAgeGraceMs?: number;
  readonly timeMs: number;
  readonly timeoutMs: number;
  readonly minTimeMs: number;
  readonly permitWithoutStream: boolean;
}

export interface HttpReceiverSettings extends ServerSettings {
  readonly maxRequestBodySizeBytes: number;
  readonly paths: Readonly<Record<Signal, string>>;
  readonly cors?: {
    readonly allowedOrigins: readonly string[];
    readonly allowedHeaders: readonly string[];
    readonly maxAgeSeconds: number;
  };
  readonly readHeaderTimeoutMs: number;
  readonly readTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly keepAlivesEnabled: boolean;
}

/** Who may send; `name` is the extension's. */
export type AuthenticatorSettings =
  | ({ readonly type: "basic"; readonly name: string } & BasicAuthSettings)
  | ({ readonly type: "bearer"; readonly name: string } & BearerTokenSettings);

export interface ExporterSettings {
  /** As the file has it: `load_balancing/traces`. */
  readonly name: string;
  /** For the signals that the exporter's key is defined for. */
  readonly routingKey: Readonly<Partial<Record<Signal, RoutingKey>>>;
  readonly routingAttributes: readonly string[];
  readonly resolver: ResolverSettings;
  readonly protocol: ProtocolSettings;
  readonly ring: { readonly size: number };
  readonly delivery: { readonly maxInFlight: number; readonly maxBatchSizeBytes: number };
  readonly handoff: { readonly windowMs: number };
  /** Absent: no log. */
  readonly wal?: WalSettings;
  /** Lower-case, sorted. */
  readonly forwardHeaders: readonly string[];
  /** Absent: any address but loopback, link-local and the like. */
  readonly allowedCidrs?: readonly string[];
}

export type ResolverSettings =
  /** Members as they are dialled, `host:port`, in the order of the file. */
  | { readonly type: "static"; readonly members: readonly string[] }
  | {
      readonly type: "dns";
      readonly hostname: string;
      /** Of the members; with SRV the records say it. */
      readonly port: number;
      readonly intervalMs: number;
      readonly timeoutMs: number;
      readonly records: readonly ("A" | "AAAA")[] | readonly ["SRV"];
    };

export type ProtocolSettings = OtlpGrpcProtocolSettings | OtlpHttpProtocolSettings;

interface CommonProtocolSettings {
  /** Of one call. */
  readonly timeoutMs: number;
  readonly compression: ContentCoding;
  /** Absent: plain text. */
  readonly tls?: ClientTlsSettings;
  readonly headers: Readonly<Record<string, string>>;
  readonly auth?: ClientCredentialSettings;
}

export interface OtlpHttpProtocolSettings extends CommonProtocolSettings {
  readonly type: "otlp_http";
  readonly paths: Readonly<Record<Signal, string>>;
  /** Of a connection. */
  readonly idleTimeoutMs: number;
}

export interface OtlpGrpcProtocolSettings extends CommonProtocolSettings {
  readonly type: "otlp_grpc";
  readonly keepalive: { readonly timeMs: number; readonly timeoutMs: number };
}

export interface WalSettings {
  readonly directory: string;
  readonly maxSizeBytes: number;
  readonly segmentSizeBytes: number;
  readonly sync: "always";
  readonly onFull: "reject" | "drop_oldest";
}

export interface PipelineSettings {
  /** As the file has it: `traces/sampled`. */
  readonly name: string;
  readonly signal: Signal;
  /** Names of `receivers`. */
  readonly receivers: readonly string[];
  /** Names of `exporters`. */
  readonly exporters: readonly string[];
}
