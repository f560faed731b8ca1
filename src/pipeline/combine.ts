/**
 * What a client hears of many outcomes. Of one exporter's shards the sum; of several exporters the
 * worst, an item counted once.
 */
import type { Shard, ShardOutcome } from "../export/delivery.ts";
import type { ExportResult } from "../otlp/export-request.ts";
import { grpcCode, type RpcStatus } from "../otlp/status.ts";

/** How long a client is asked to wait when a backend named no time of its own. */
const retryDelayDefaultMs = 1000;
/** A client is told of a few reasons; all of them are counted and logged. */
const reasonsMax = 3;

export type ExporterOutcome =
  | { readonly kind: "taken"; readonly rejectedItems: number; readonly message: string }
  /** Everything in the request was refused for good. */
  | { readonly kind: "refused"; readonly status: RpcStatus }
  /** At least one shard could not be delivered now. */
  | { readonly kind: "undelivered"; readonly status: RpcStatus };

/** The outcome of one exporter; `shards` and `outcomes` go by the same index. */
export function combineShards(shards: readonly Shard[], outcomes: readonly ShardOutcome[]): ExporterOutcome {
  let rejectedItems = 0;
  let refusedShards = 0;
  let undelivered: RpcStatus | undefined;
  let refused: RpcStatus | undefined;
  let retryDelayMs = 0;
  const reasons = new Set<string>();
  for (const [index, outcome] of outcomes.entries()) {
    switch (outcome.kind) {
      case "delivered":
        rejectedItems += outcome.rejectedItems;
        if (outcome.message !== "") reasons.add(outcome.message);
        break;
      case "rejected":
        refusedShards += 1;
        refused ??= outcome.status;
        rejectedItems += shards[index]!.itemCount;
        reasons.add(outcome.status.message);
        break;
      case "undelivered":
        undelivered ??= outcome.status;
        retryDelayMs = Math.max(retryDelayMs, outcome.status.retryDelayMs ?? 0);
        break;
    }
  }
  if (undelivered !== undefined) {
    return { kind: "undelivered", status: tryAgain(undelivered, retryDelayMs) };
  }
  if (refused !== undefined && refusedShards === outcomes.length) return { kind: "refused", status: refused };
  return { kind: "taken", rejectedItems, message: joinReasons(reasons) };
}

/** What the client hears of all exporters of its pipelines, for a request of `itemCount` items. */
export function combineExporters(outcomes: readonly ExporterOutcome[], itemCount: number): ExportResult {
  let undelivered: RpcStatus | undefined;
  let refused: RpcStatus | undefined;
  let rejectedItems = 0;
  const reasons = new Set<string>();
  for (const outcome of outcomes) {
    switch (outcome.kind) {
      case "undelivered":
        if ((outcome.status.retryDelayMs ?? 0) > (undelivered?.retryDelayMs ?? -1))
          undelivered = outcome.status;
        break;
      case "refused":
        refused ??= outcome.status;
        break;
      case "taken":
        rejectedItems = Math.max(rejectedItems, outcome.rejectedItems);
        if (outcome.message !== "") reasons.add(outcome.message);
        break;
    }
  }
  const failure = undelivered ?? refused;
  if (failure !== undefined) return { kind: "failure", status: failure };
  if (rejectedItems === 0 && reasons.size === 0) return { kind: "success" };
  return {
    kind: "partial",
    rejectedItems: Math.min(rejectedItems, itemCount),
    message: joinReasons(reasons),
  };
}

/** Whatever the reason was, what the client has to know is that and when it may try again (OTLP, Failures). */
function tryAgain(reason: RpcStatus, retryDelayMs: number): RpcStatus {
  return {
    code: grpcCode.UNAVAILABLE,
    message: reason.message,
    retryDelayMs: retryDelayMs > 0 ? retryDelayMs : retryDelayDefaultMs,
  };
}

function joinReasons(reasons: ReadonlySet<string>): string {
  const shown = [...reasons].slice(0, reasonsMax).join("; ");
  const more = reasons.size - reasonsMax;
  return more > 0 ? `${shown}; and ${more} more` : shown;
}
