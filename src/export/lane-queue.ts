/**
 * What waits for a call: first in first out among shards that may be joined (same signal, same
 * forwarded headers), in turn between such groups, so that no tenant's crowd holds up another's shard.
 */
import type { ForwardedHeaders } from "../otlp/export-request.ts";
import { joinsRequests } from "../otlp/shape.ts";
import { type Signal, signals } from "../otlp/signal.ts";
import type { Shard, ShardOutcome } from "./delivery.ts";

export interface WaitingShard {
  readonly shard: Shard;
  readonly sinceMs: number;
  readonly resolve: (outcome: ShardOutcome) => void;
}

/** Taken ones are dropped from a group's array when at least this many lie before the first that waits. */
const compactAt = 64;

/** Shards that may share a call. */
export class JoinGroup {
  readonly signal: Signal;
  readonly forwardedHeaders: ForwardedHeaders;
  /** Calls in flight for this group. */
  openCalls = 0;
  /** Payload bytes that wait. */
  waitingBytes = 0;
  readonly #waiting: WaitingShard[] = [];
  #first = 0;

  constructor(signal: Signal, forwardedHeaders: ForwardedHeaders) {
    this.signal = signal;
    this.forwardedHeaders = forwardedHeaders;
  }

  get isEmpty(): boolean {
    return this.#first === this.#waiting.length;
  }

  get oldest(): WaitingShard | undefined {
    return this.#waiting[this.#first];
  }

  push(waiting: WaitingShard): void {
    this.#waiting.push(waiting);
    this.waitingBytes += waiting.shard.payload.length;
  }

  /** The oldest shards, together at most `sizeBytesMax` large and `countMax` many; at least one. */
  take(sizeBytesMax: number, countMax: number): WaitingShard[] {
    const start = this.#first;
    const end = Math.min(this.#waiting.length, start + countMax);
    let next = start;
    let sizeBytes = 0;
    while (next < end) {
      const shardBytes = this.#waiting[next]!.shard.payload.length;
      if (next > start && sizeBytes + shardBytes > sizeBytesMax) break;
      sizeBytes += shardBytes;
      next += 1;
    }
    const taken = this.#waiting.slice(start, next);
    this.#first = next;
    this.waitingBytes -= sizeBytes;
    if (next === this.#waiting.length || next >= compactAt) {
      this.#waiting.splice(0, next);
      this.#first = 0;
    }
    return taken;
  }
}

export class LaneQueue {
  /** Groups in which something waits or is in flight. */
  readonly #groups: Record<Signal, Map<string, JoinGroup>> = {
    traces: new Map(),
    metrics: new Map(),
    logs: new Map(),
    profiles: new Map(),
  };
  /** Groups in which something waits; whose turn it is comes first. */
  readonly #turns: Record<Signal, Set<JoinGroup>> = {
    traces: new Set(),
    metrics: new Set(),
    logs: new Set(),
    profiles: new Set(),
  };
  /** Whose turn it is; the one that was served goes to the end. */
  readonly #signalTurns: Signal[] = [...signals];

  get isEmpty(): boolean {
    return signals.every((signal) => this.#turns[signal].size === 0);
  }

  push(waiting: WaitingShard): void {
    const { signal, forwardedHeaders } = waiting.shard;
    const groups = this.#groups[signal];
    let group = groups.get(forwardedHeaders.key);
    if (group === undefined) {
      group = new JoinGroup(signal, forwardedHeaders);
      groups.set(forwardedHeaders.key, group);
    }
    if (group.isEmpty) this.#turns[signal].add(group);
    group.push(waiting);
  }

  /** The group whose turn it is among those that may go, of the signals that may. */
  next(
    maySignalGo: (signal: Signal) => boolean,
    mayGo: (group: JoinGroup) => boolean,
  ): JoinGroup | undefined {
    for (const signal of this.#signalTurns) {
      if (!maySignalGo(signal)) continue;
      for (const group of this.#turns[signal]) if (mayGo(group)) return group;
    }
    return undefined;
  }

  /** Takes from a group what one call may hold; after that it is every other group's turn. */
  take(group: JoinGroup, sizeBytesMax: number, countMax: number): WaitingShard[] {
    const { signal } = group;
    const turns = this.#turns[signal];
    const taken = group.take(sizeBytesMax, joinsRequests(signal) ? countMax : 1);
    turns.delete(group);
    if (!group.isEmpty) turns.add(group);
    this.#signalTurns.splice(this.#signalTurns.indexOf(signal), 1);
    this.#signalTurns.push(signal);
    return taken;
  }

  /** Takes out everything that has waited since `sinceMs` or longer. */
  takeOlder(sinceMs: number): WaitingShard[] {
    const taken: WaitingShard[] = [];
    for (const group of this.#waitingGroups()) {
      while (group.oldest !== undefined && group.oldest.sinceMs <= sinceMs) taken.push(...group.take(0, 1));
      if (group.isEmpty) {
        this.#turns[group.signal].delete(group);
        this.forget(group);
      }
    }
    return taken;
  }

  /** Since when the oldest shard waits; undefined when none does. */
  oldestSinceMs(): number | undefined {
    let sinceMs: number | undefined;
    for (const { oldest } of this.#waitingGroups()) {
      if (oldest !== undefined && (sinceMs === undefined || oldest.sinceMs < sinceMs))
        sinceMs = oldest.sinceMs;
    }
    return sinceMs;
  }

  /** Lets go of a group of which nothing waits nor is in flight. */
  forget(group: JoinGroup): void {
    if (group.isEmpty && group.openCalls === 0) {
      this.#groups[group.signal].delete(group.forwardedHeaders.key);
    }
  }

  #waitingGroups(): JoinGroup[] {
    return signals.flatMap((signal) => [...this.#turns[signal]]);
  }
}
