/** What every receiver is told and given, whatever the protocol. */
import type { BufferPool } from "../base/buffer-pool.ts";
import type { ByteBudget } from "../base/byte-budget.ts";
import type { Logger } from "../base/logger.ts";
import type { MetricRegistry } from "../base/metrics.ts";
import type { ServerTls } from "../base/tls.ts";
import type { TelemetrySink } from "../otlp/export-request.ts";
import type { Authenticator } from "./authentication.ts";

export interface ReceiverOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Lower-case names of headers that pass to the sink with a request. */
  readonly forwardHeaders: readonly string[];
  /** Absent: plain text. */
  readonly tls?: ServerTls;
  /** Absent: anybody may send. */
  readonly authenticator?: Authenticator;
}

export interface ReceiverModules {
  readonly sink: TelemetrySink;
  readonly budget: ByteBudget;
  /** Memory for payloads, shared with whoever else needs some; default one of the receiver's own. */
  readonly pool?: BufferPool;
  readonly metrics: MetricRegistry;
  readonly logger: Logger;
}

/** How much a pool of the receiver's own keeps. */
export const poolBytesDefault = 32 * 1024 * 1024;
/** What a client has for its TLS handshake. */
export const tlsHandshakeTimeoutMs = 10_000;
