/** What a lane needs of a protocol: calls to one backend, over a connection that looks after itself. */
import type { ForwardedHeaders } from "../otlp/export-request.ts";
import type { Signal } from "../otlp/signal.ts";
import type { CallOutcome } from "./outcome.ts";

export interface Sender {
  readonly connectionState: "connecting" | "ready" | "backoff" | "closed";
  /**
   * One Export call of `payloads` one after another. Answers at the latest at `deadlineMs` (on `monotonicMs`), at
   * once while the backend cannot be reached. Never rejects.
   */
  call(
    signal: Signal,
    forwardedHeaders: ForwardedHeaders,
    payloads: readonly Buffer[],
    deadlineMs: number,
  ): Promise<CallOutcome>;
  /** Ends calls that are open, as undelivered, and the connection. */
  close(): void;
}
