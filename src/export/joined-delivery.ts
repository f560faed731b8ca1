/**
 * Delivers shards that share a call, and gives each its own outcome.
 *
 * A joined call that is refused is taken apart by halves, so that one bad shard costs its neighbours a
 * few more calls and nothing else. A single shard that is too large is cut between its items.
 */

import type { Signal } from "../otlp/signal.ts";
import { grpcCode } from "../otlp/status.ts";
import type { Shard, ShardOutcome } from "./delivery.ts";
import type { CallOutcome } from "./outcome.ts";

/** Cuts a request between items; undefined when there is only one. */
export type Cut = (
  signal: Signal,
  payload: Buffer,
) => readonly { readonly payload: Buffer; readonly itemCount: number }[] | undefined;

export interface JoinedDelivery {
  readonly shards: readonly Shard[];
  readonly maxBatchSizeBytes: number;
  readonly cut: Cut;
  readonly call: (payloads: readonly Buffer[]) => Promise<CallOutcome>;
  /** Asked before each call after the first: false when no more may be spent on them. */
  readonly mayGoOn: () => boolean;
  /** Told once, when shards that were joined are refused together. */
  readonly onTakenApart: () => void;
  /** Told once for each shard. */
  readonly settle: (index: number, outcome: ShardOutcome) => void;
}

type Undelivered = Extract<ShardOutcome, { kind: "undelivered" }>;

/**
 * "Resource exhausted" may mean a rate as well as a size. A piece this small that is refused without a word about
 * its size is not cut further: the storm of ever smaller calls would only exhaust more.
 */
const unexplainedCutBytesMin = 16 * 1024;

/** For parts that are left when no more may be spent on them. */
const givenUp: Undelivered = {
  kind: "undelivered",
  status: {
    code: grpcCode.UNAVAILABLE,
    message: "a refused call was taken apart, and no time is left for this part",
  },
};

/** Sends the shards; `settle` has been told of each when it is done. */
export async function deliverJoined(delivery: JoinedDelivery): Promise<void> {
  const { shards } = delivery;
  // Ranges of shards that are still to be sent as one call each; the last is the next.
  const ranges: [start: number, end: number][] = [[0, shards.length]];
  let stop: Undelivered | undefined;
  let isTakenApart = false;
  // Bytes of a call that was refused may still wait for their socket when its parts have been delivered by others.
  const settle: JoinedDelivery["settle"] = (index, outcome) =>
    delivery.settle(
      index,
      isTakenApart && outcome.kind === "delivered" ? { ...outcome, payloadIsFree: undefined } : outcome,
    );
  for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
    const [start, end] = range;
    if (stop === undefined && isTakenApart && !delivery.mayGoOn()) stop = givenUp;
    if (stop !== undefined) {
      for (let index = start; index < end; index += 1) settle(index, stop);
    } else if (end - start === 1) {
      const outcome = await deliverAlone(delivery, shards[start]!);
      settle(start, outcome);
      // A backend that went away meanwhile is not asked again for each shard that is left.
      if (outcome.kind === "undelivered") stop = neverSent(outcome);
    } else {
      const outcome = await delivery.call(shards.slice(start, end).map(({ payload }) => payload));
      if (outcome.kind === "delivered") {
        allot(shards, settle, start, end, outcome);
      } else if (outcome.kind === "undelivered") {
        for (let index = start; index < end; index += 1) settle(index, outcome);
        stop = neverSent(outcome);
      } else {
        if (!isTakenApart) delivery.onTakenApart();
        isTakenApart = true;
        const middle = (start + end) >>> 1;
        ranges.push([middle, end], [start, middle]);
      }
    }
  }
}

/** The same reason for shards whose own call was not even made. */
function neverSent({ status }: Undelivered): Undelivered {
  return { kind: "undelivered", status };
}

/** Shares out what partial_success counted: in order, to no shard more than it holds, to all no more than they hold. */
function allot(
  shards: readonly Shard[],
  settle: JoinedDelivery["settle"],
  start: number,
  end: number,
  { rejectedItems, message, payloadIsFree }: Extract<ShardOutcome, { kind: "delivered" }>,
): void {
  const isWarning = rejectedItems === 0;
  let left = rejectedItems;
  for (let index = start; index < end; index += 1) {
    const share = Math.min(left, shards[index]!.itemCount);
    left -= share;
    settle(index, {
      kind: "delivered",
      rejectedItems: share,
      message: isWarning || share > 0 ? message : "",
      payloadIsFree,
    });
  }
}

/** What the pieces of one shard came to so far. */
interface PieceSum {
  acceptedPieces: number;
  rejectedItems: number;
  message: string;
  lastRejection: Extract<ShardOutcome, { kind: "rejected" }> | undefined;
}

/** Sends one shard, in pieces when it is too large, one after another so that its order stays. */
async function deliverAlone(delivery: JoinedDelivery, shard: Shard): Promise<ShardOutcome> {
  const pieces = [{ payload: shard.payload, itemCount: shard.itemCount }];
  const sum: PieceSum = { acceptedPieces: 0, rejectedItems: 0, message: "", lastRejection: undefined };
  let isCut = false;
  for (let piece = pieces.pop(); piece !== undefined; piece = pieces.pop()) {
    const halves =
      piece.payload.length > delivery.maxBatchSizeBytes ? smaller(delivery.cut, shard, piece) : undefined;
    if (halves !== undefined) {
      isCut = true;
      pieces.push(...halves);
      continue;
    }
    const outcome: CallOutcome =
      isCut && !delivery.mayGoOn() ? givenUp : await delivery.call([piece.payload]);
    if (outcome.kind === "undelivered") return sum.acceptedPieces === 0 ? outcome : afterPieces(outcome);
    if (outcome.kind === "delivered" && !isCut) return clamped(outcome, shard);
    if (outcome.kind === "too_large") {
      const mayCut = outcome.isAboutSize || piece.payload.length > unexplainedCutBytesMin;
      const refusedHalves = mayCut ? smaller(delivery.cut, shard, piece) : undefined;
      if (refusedHalves !== undefined) {
        isCut = true;
        pieces.push(...refusedHalves);
        continue;
      }
    }
    add(sum, piece.itemCount, outcome);
  }
  if (sum.acceptedPieces === 0 && sum.lastRejection !== undefined) return sum.lastRejection;
  return {
    kind: "delivered",
    rejectedItems: Math.min(sum.rejectedItems, shard.itemCount),
    message: sum.message,
  };
}

/** A backend may claim to have rejected more than there was. */
function clamped(outcome: Extract<ShardOutcome, { kind: "delivered" }>, shard: Shard): ShardOutcome {
  return outcome.rejectedItems <= shard.itemCount ? outcome : { ...outcome, rejectedItems: shard.itemCount };
}

/** The pieces of a piece, the first one last; undefined when it cannot be made smaller. */
function smaller(
  cut: Cut,
  shard: Shard,
  piece: { readonly payload: Buffer },
): { payload: Buffer; itemCount: number }[] | undefined {
  const parts = cut(shard.signal, piece.payload);
  // Each piece must shrink, or there would be no end to it.
  if (parts === undefined || parts.some(({ payload }) => payload.length >= piece.payload.length)) {
    return undefined;
  }
  return parts.toReversed();
}

function add(sum: PieceSum, itemCount: number, outcome: Exclude<CallOutcome, { kind: "undelivered" }>): void {
  if (outcome.kind === "delivered") {
    sum.acceptedPieces += 1;
    sum.rejectedItems += Math.min(outcome.rejectedItems, itemCount);
    sum.message ||= outcome.message;
    return;
  }
  sum.rejectedItems += itemCount;
  sum.message ||= outcome.status.message;
  sum.lastRejection = { kind: "rejected", status: outcome.status };
}

/** An outcome for a whole shard of which some pieces are delivered and would be repeated with the rest. */
function afterPieces({ status }: Undelivered): Undelivered {
  return {
    kind: "undelivered",
    status: { ...status, message: `${status.message} (pieces sent before may be repeated)` },
    mayHaveArrived: true,
  };
}
