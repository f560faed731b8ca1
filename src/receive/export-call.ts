/**
 * What Export calls have in common, whatever the protocol: what they share with the other calls of
 * their receiver, the phases that they pass, and what they hold in each of them.
 *
 *     authenticating -> receiving -> exporting -> answering -> closed
 *                 \           \                     ^
 *                  `-----------`---> discarding ----'
 *
 * A request that is answered before it has arrived is read on and thrown away for a moment
 * (`discarding`). Any phase may pass to `closed`: the client has gone.
 */
import type { BufferPool } from "../base/buffer-pool.ts";
import type { ByteBudget } from "../base/byte-budget.ts";
import { errorMessage } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { ExportResult, TelemetrySink } from "../otlp/export-request.ts";
import type { PartialSuccess } from "../otlp/export-response.ts";
import type { RequestMemory } from "../otlp/request-memory.ts";
import { grpcCode, type RpcStatus } from "../otlp/status.ts";
import type { Authenticator } from "./authentication.ts";
import type { ReceiverMetrics } from "./receiver-metrics.ts";
import type { Reservation } from "./reservation.ts";

export type CallPhase = "authenticating" | "receiving" | "exporting" | "discarding" | "answering" | "closed";

/** What all calls of a receiver share, beside what its protocol needs. */
export interface ExportCallContext<Call, RefusalReason extends string> {
  /** Lower-case and sorted. */
  readonly forwardHeaders: readonly string[];
  readonly authenticator: Authenticator | undefined;
  readonly sink: TelemetrySink;
  readonly budget: ByteBudget;
  readonly metrics: ReceiverMetrics<RefusalReason>;
  readonly logger: Logger;
  /** Where the memory of payloads comes from and goes back to. */
  readonly pool: BufferPool;
  /** Calls that are not closed, for the sweep of deadlines. */
  readonly openCalls: Set<Call>;
}

/** What a call costs besides its payload: Node's objects, headers, window bookkeeping. */
export const callOverheadBytes = 8 * 1024;

/**
 * Gives back what a call does not need in its phase; called whenever that may have changed, but not
 * while the sink has the payload, which is in memory until the sink is done with it.
 */
export function giveBackUnneeded(phase: CallPhase, memory: RequestMemory, reservation: Reservation): void {
  switch (phase) {
    case "authenticating":
    case "receiving":
      return;
    case "exporting":
      memory.release();
      return;
    case "discarding":
    case "answering":
      memory.release();
      reservation.shrinkTo(callOverheadBytes);
      return;
    case "closed":
      memory.release();
      reservation.shrinkTo(0);
      return;
  }
}

/** What to answer when a sink throws, which it never should: it may still refer to the payload. */
export function unexpectedFailure(thrown: unknown, memory: RequestMemory, logger: Logger): ExportResult {
  logger.error({ error: errorMessage(thrown) }, "the export of a request failed unexpectedly");
  memory.keep();
  return { kind: "failure", status: internalFault };
}

const internalFault: RpcStatus = { code: grpcCode.INTERNAL, message: "internal error" };

/** The part of a success that the client is told of; absent where it has nothing to tell. */
export function partialSuccessOf(
  result: Exclude<ExportResult, { kind: "failure" }>,
): PartialSuccess | undefined {
  const isPartial = result.kind === "partial" && (result.rejectedItems > 0 || result.message !== "");
  return isPartial ? result : undefined;
}
