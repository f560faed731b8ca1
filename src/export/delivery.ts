/** One shard for one backend, and what became of it. */
import type { ForwardedHeaders } from "../otlp/export-request.ts";
import type { Signal } from "../otlp/signal.ts";
import type { RpcStatus } from "../otlp/status.ts";

export interface Shard {
  readonly signal: Signal;
  /** One Export<Signal>ServiceRequest; shards of one signal join by concatenation. */
  readonly payload: Buffer;
  /** Spans, points or records in it. */
  readonly itemCount: number;
  readonly forwardedHeaders: ForwardedHeaders;
}

export type ShardOutcome =
  /** The backend answered OK; `rejectedItems` of its items it refused (partial success; 0 with a message is a warning). */
  | {
      readonly kind: "delivered";
      readonly rejectedItems: number;
      readonly message: string;
      /** Nothing refers to the shard's payload any more, the kernel's writes included. Absent: something may. */
      readonly payloadIsFree?: true | undefined;
    }
  /** A verdict on the data: sending it again would be refused again. */
  | { readonly kind: "rejected"; readonly status: RpcStatus }
  /**
   * Not now: worth another attempt, at the earliest after `status.retryDelayMs`. With `mayHaveArrived` the backend
   * may have taken some of it (its answer was lost, say), so that another attempt may repeat that.
   */
  | { readonly kind: "undelivered"; readonly status: RpcStatus; readonly mayHaveArrived?: boolean };

/** Delivers to one backend. Never rejects. */
export interface Lane {
  readonly member: string;
  send(shard: Shard): Promise<ShardOutcome>;
  /** Takes nothing new, finishes what it holds for at most `drainMs`, then closes. */
  close(drainMs: number): Promise<void>;
}
