/** The lane: everything that is on its way to one backend. */
import { monotonicMs } from "../base/clock.ts";
import { errorMessage } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { Signal } from "../otlp/signal.ts";
import { grpcCode, type RpcStatus } from "../otlp/status.ts";
import type { Lane, Shard, ShardOutcome } from "./delivery.ts";
import { type Cut, deliverJoined } from "./joined-delivery.ts";
import { type JoinGroup, LaneQueue, type WaitingShard } from "./lane-queue.ts";
import type { ExportMetrics, LaneMetrics } from "./metrics.ts";
import type { CallOutcome } from "./outcome.ts";
import type { Sender } from "./sender.ts";

export interface LaneOptions {
  /** The backend, as it is dialled. */
  readonly member: string;
  /** The exporter's name, for metrics. */
  readonly exporter: string;
  /** Calls at a time. Default 4. */
  readonly maxInFlight?: number;
  /** Of one call's message before compression; a Collector takes 4 MiB. Default 3.5 MiB. */
  readonly maxBatchSizeBytes?: number;
  /** What the lane holds, waiting or in flight; beyond it shards are undelivered at once. Default 64 MiB. */
  readonly maxQueueSizeBytes?: number;
  /** Of each call, and the longest that a shard waits for one. Default 5000. */
  readonly timeoutMs?: number;
  /** Signals of which one call at a time is in flight, so that their order stays. Default metrics. */
  readonly orderedSignals?: readonly Signal[];
}

export interface LaneModules {
  /** Owned by the lane, which closes it. */
  readonly sender: Sender;
  readonly cut: Cut;
  readonly metrics: ExportMetrics;
  readonly logger: Logger;
  /** Milliseconds that never jump. Default `monotonicMs`. */
  readonly clock?: () => number;
  /** Runs `start` once what is being read has been read. Default `setImmediate`. */
  readonly soon?: (start: () => void) => void;
}

/** What a status page shows of a lane. */
export interface LaneSnapshot {
  readonly member: string;
  readonly state: LaneState["kind"];
  readonly connection: Sender["connectionState"];
  readonly openCalls: number;
  /** Bytes of shards that wait or are in flight. */
  readonly heldBytes: number;
  /** Why something was last not delivered, and when (on the lane's clock). */
  readonly lastFailure: { readonly status: RpcStatus; readonly atMs: number } | undefined;
}

export interface BackendLane extends Lane {
  snapshot(): LaneSnapshot;
}

/**
 * | state      | a shard that comes              | goes to                                              |
 * |------------|---------------------------------|------------------------------------------------------|
 * | `open`     | waits for a call                | `resting` when the backend asks for a pause          |
 * | `resting`  | is undelivered, with what is left of the pause | `open` when the pause is over         |
 * | `draining` | is undelivered                  | `closed` when all is sent or the time for it is over |
 * | `closed`   | is undelivered                  | nothing                                              |
 */
type LaneState =
  | { readonly kind: "open" }
  | { readonly kind: "resting"; readonly untilMs: number; readonly reason: string }
  | { readonly kind: "draining"; readonly onDrained: () => void }
  | { readonly kind: "closed" };

/**
 * With this much waiting a second call begins before the first has ended: enough to make a call of its own
 * worthwhile, little enough to keep several going under load.
 */
const joinTargetBytes = 256 * 1024;

/** After shards were refused together, each is sent alone for this long: whoever sends bad ones sends more. */
const joinRestMs = 60_000;

/** Taking a refused call apart may take this many timeouts; what is left then is undelivered. */
const takeApartTimeouts = 4;

/** What a waiting shard costs besides its payload, so that a queue of tiny ones is bounded too. */
const shardOverheadBytes = 256;

/** However long a pause a backend asks for, after this long it is tried again. */
const restMsMax = 5 * 60_000;

/** Failures are logged this often at most. */
const logIntervalMs = 10_000;

export function createLane(options: LaneOptions, modules: LaneModules): BackendLane {
  return new JoiningLane(options, modules);
}

class JoiningLane implements BackendLane {
  readonly member: string;
  readonly #maxInFlight: number;
  readonly #maxBatchSizeBytes: number;
  readonly #maxQueueSizeBytes: number;
  readonly #timeoutMs: number;
  readonly #orderedSignals: ReadonlySet<Signal>;
  readonly #sender: Sender;
  readonly #cut: Cut;
  readonly #metrics: LaneMetrics;
  readonly #logger: Logger;
  readonly #clock: () => number;

  #state: LaneState = { kind: "open" };
  #closing: Promise<void> | undefined;
  readonly #queue = new LaneQueue();
  #heldBytes = 0;
  #openCalls = 0;
  readonly #openCallsOf: Record<Signal, number> = { traces: 0, metrics: 0, logs: 0, profiles: 0 };
  #joinsAgainMs = Number.NEGATIVE_INFINITY;
  #expiryTimer: NodeJS.Timeout | undefined;
  readonly #soon: (start: () => void) => void;
  #startsSoon = false;
  readonly #maySignalGo = (signal: Signal): boolean =>
    this.#openCallsOf[signal] === 0 || !this.#orderedSignals.has(signal);
  #lastFailure: LaneSnapshot["lastFailure"];
  #loggedMs = Number.NEGATIVE_INFINITY;
  #failuresNotLogged = 0;

  constructor(options: LaneOptions, modules: LaneModules) {
    this.member = options.member;
    this.#maxInFlight = options.maxInFlight ?? 4;
    this.#maxBatchSizeBytes = options.maxBatchSizeBytes ?? 3.5 * 1024 * 1024;
    this.#maxQueueSizeBytes = options.maxQueueSizeBytes ?? 64 * 1024 * 1024;
    this.#timeoutMs = options.timeoutMs ?? 5000;
    this.#orderedSignals = new Set(options.orderedSignals ?? ["metrics"]);
    this.#sender = modules.sender;
    this.#cut = modules.cut;
    this.#logger = modules.logger;
    this.#clock = modules.clock ?? monotonicMs;
    this.#soon = modules.soon ?? setImmediate;
    this.#metrics = modules.metrics.openLane(
      options.exporter,
      options.member,
      () => this.#sender.connectionState === "ready",
    );
  }

  send(shard: Shard): Promise<ShardOutcome> {
    const nowMs = this.#clock();
    const refusal = this.#refusal(shard, nowMs);
    if (refusal !== undefined) {
      const outcome: ShardOutcome = { kind: "undelivered", status: refusal };
      this.#count(shard, outcome);
      return Promise.resolve(outcome);
    }
    return new Promise((resolve) => {
      this.#heldBytes += heldBytesOf(shard);
      this.#queue.push({ shard, sinceMs: nowMs, resolve });
      this.#startSoon();
    });
  }

  close(drainMs: number): Promise<void> {
    this.#closing ??= this.#drain(drainMs);
    return this.#closing;
  }

  snapshot(): LaneSnapshot {
    return {
      member: this.member,
      state: this.#state.kind,
      connection: this.#sender.connectionState,
      openCalls: this.#openCalls,
      heldBytes: this.#heldBytes,
      lastFailure: this.#lastFailure,
    };
  }

  /** Why a shard is not taken, if it is not. */
  #refusal(shard: Shard, nowMs: number): RpcStatus | undefined {
    const state = this.#state;
    switch (state.kind) {
      case "open":
        break;
      case "resting":
        if (nowMs < state.untilMs) return this.#unavailable(state.reason, state.untilMs - nowMs);
        this.#setState({ kind: "open" });
        break;
      case "draining":
      case "closed":
        return this.#unavailable("the lane is closing");
    }
    // A shard larger than the whole queue must be able to pass, or it never would.
    const isFull = this.#heldBytes > 0 && this.#heldBytes + heldBytesOf(shard) > this.#maxQueueSizeBytes;
    return isFull ? this.#unavailable("the lane is full") : undefined;
  }

  #setState(state: LaneState): void {
    this.#state = state;
  }

  /**
   * Starts calls when this turn of the event loop has read what there was to read: the shards of all requests
   * that came together then go together, for the price of one call.
   */
  #startSoon(): void {
    if (this.#startsSoon) return;
    this.#startsSoon = true;
    this.#soon(() => {
      this.#startsSoon = false;
      this.#startCalls(this.#clock());
    });
  }

  /** Starts every call that may be started. */
  #startCalls(nowMs: number): void {
    const mayJoin = nowMs >= this.#joinsAgainMs;
    while (this.#openCalls < this.#maxInFlight) {
      const group = this.#queue.next(this.#maySignalGo, mayJoin ? mayGoJoined : mayGoAlone);
      if (group === undefined) break;
      const taken = this.#queue.take(group, this.#maxBatchSizeBytes, mayJoin ? Number.MAX_SAFE_INTEGER : 1);
      void this.#deliver(group, taken, nowMs);
    }
    this.#watchExpiry(nowMs);
  }

  /** Sends what was taken from a group; never rejects. */
  async #deliver(group: JoinGroup, taken: readonly WaitingShard[], startMs: number): Promise<void> {
    const settled = new Set<number>();
    const settle = (index: number, outcome: ShardOutcome): void => {
      settled.add(index);
      this.#settle(taken[index]!, outcome);
    };
    this.#openCalls += 1;
    this.#openCallsOf[group.signal] += 1;
    group.openCalls += 1;
    try {
      await deliverJoined({
        shards: taken.map(({ shard }) => shard),
        maxBatchSizeBytes: this.#maxBatchSizeBytes,
        cut: this.#cut,
        call: (payloads) => this.#call(group, payloads),
        mayGoOn: () =>
          this.#state.kind !== "resting" && this.#clock() - startMs < takeApartTimeouts * this.#timeoutMs,
        onTakenApart: () => {
          this.#joinsAgainMs = this.#clock() + joinRestMs;
        },
        settle,
      });
    } catch (error) {
      this.#logger.error(
        { backend: this.member, error: errorMessage(error) },
        "a delivery failed unexpectedly",
      );
      const status: RpcStatus = {
        code: grpcCode.INTERNAL,
        message: `${this.member}: ${errorMessage(error)}`,
      };
      for (const [index] of taken.entries()) {
        if (!settled.has(index)) settle(index, { kind: "undelivered", status, mayHaveArrived: true });
      }
    } finally {
      this.#openCalls -= 1;
      this.#openCallsOf[group.signal] -= 1;
      group.openCalls -= 1;
      this.#queue.forget(group);
      this.#startCalls(this.#clock());
      this.#endDrain();
    }
  }

  async #call(group: JoinGroup, payloads: readonly Buffer[]): Promise<CallOutcome> {
    const startMs = this.#clock();
    let isSuccess = false;
    this.#metrics.callStarted();
    try {
      const outcome = await this.#sender.call(
        group.signal,
        group.forwardedHeaders,
        payloads,
        startMs + this.#timeoutMs,
      );
      isSuccess = outcome.kind === "delivered";
      if (outcome.kind === "undelivered") this.#heedPushback(outcome.status);
      return outcome;
    } finally {
      this.#metrics.callEnded(this.#clock() - startMs, isSuccess);
    }
  }

  /** A backend that names a time is left alone until then: what waits goes back, and what comes. */
  #heedPushback(status: RpcStatus): void {
    if (status.retryDelayMs === undefined || status.retryDelayMs <= 0) return;
    const restMs = Math.min(status.retryDelayMs, restMsMax);
    const untilMs = this.#clock() + restMs;
    if (this.#state.kind === "open" || this.#state.kind === "resting") {
      this.#setState({
        kind: "resting",
        untilMs,
        reason: `the backend asked for a pause: ${status.message}`,
      });
    }
    const waiting = this.#queue.takeOlder(Number.POSITIVE_INFINITY);
    const refusal = this.#unavailable("the backend asked for a pause", restMs);
    for (const shard of waiting) this.#settle(shard, { kind: "undelivered", status: refusal });
  }

  #settle({ shard, resolve }: WaitingShard, outcome: ShardOutcome): void {
    this.#heldBytes -= heldBytesOf(shard);
    this.#count(shard, outcome);
    resolve(outcome);
  }

  #count(shard: Shard, outcome: ShardOutcome): void {
    this.#metrics.shardEnded(shard.signal, shard.itemCount, outcome);
    if (outcome.kind === "delivered") return;
    const { status } = outcome;
    const nowMs = this.#clock();
    this.#lastFailure = { status, atMs: nowMs };
    this.#failuresNotLogged += 1;
    if (nowMs - this.#loggedMs < logIntervalMs) return;
    this.#logger.warn(
      { backend: this.member, outcome: outcome.kind, code: status.code, shards: this.#failuresNotLogged },
      status.message,
    );
    this.#loggedMs = nowMs;
    this.#failuresNotLogged = 0;
  }

  #unavailable(reason: string, retryDelayMs?: number): RpcStatus {
    const status = { code: grpcCode.UNAVAILABLE, message: `${this.member}: ${reason}` };
    return retryDelayMs === undefined ? status : { ...status, retryDelayMs };
  }

  /** Sees to it that nothing waits longer for a call than a call may take. */
  #watchExpiry(nowMs: number): void {
    if (this.#expiryTimer !== undefined || this.#queue.isEmpty) return;
    const oldestMs = this.#queue.oldestSinceMs();
    if (oldestMs === undefined) return;
    this.#expiryTimer = setTimeout(
      () => {
        this.#expiryTimer = undefined;
        const expiredMs = this.#clock();
        const status = this.#unavailable(`waited ${this.#timeoutMs} ms for a call to the backend`);
        for (const shard of this.#queue.takeOlder(expiredMs - this.#timeoutMs)) {
          this.#settle(shard, { kind: "undelivered", status });
        }
        this.#watchExpiry(expiredMs);
        this.#endDrain();
      },
      Math.max(1, oldestMs + this.#timeoutMs - nowMs),
    );
    this.#expiryTimer.unref();
  }

  async #drain(drainMs: number): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.#setState({ kind: "draining", onDrained: resolve });
    });
    this.#endDrain();
    const timer = setTimeout(() => {
      const status = this.#unavailable("the lane closed before its turn came");
      for (const shard of this.#queue.takeOlder(Number.POSITIVE_INFINITY)) {
        this.#settle(shard, { kind: "undelivered", status });
      }
      // Calls that are open end by this, and with the last of them the drain.
      this.#sender.close();
    }, drainMs);
    await drained;
    clearTimeout(timer);
    clearTimeout(this.#expiryTimer);
    this.#setState({ kind: "closed" });
    this.#sender.close();
    this.#metrics.close();
  }

  #endDrain(): void {
    if (this.#state.kind === "draining" && this.#openCalls === 0 && this.#queue.isEmpty) {
      this.#state.onDrained();
    }
  }
}

/** At once when nothing else is in flight that it could have been joined to, otherwise when enough has come together. */
function mayGoJoined(group: JoinGroup): boolean {
  return group.openCalls === 0 || group.waitingBytes >= joinTargetBytes;
}

/** While nothing is joined there is nothing to wait for. */
function mayGoAlone(): boolean {
  return true;
}

function heldBytesOf(shard: Shard): number {
  return shard.payload.length + shardOverheadBytes;
}
