/** What became of everything that was sent, signal by signal, as the answers say. */
import type { Signal } from "../otlp-proto.ts";
import { defaultSequenceLimit, SequenceSet } from "../sequence-set.ts";
import type { Batch } from "./batch.ts";
import type { SendOutcome } from "./sender.ts";

export interface Failures {
  readonly requests: number;
  /** What the last of them was answered. */
  readonly message: string;
}

export class SignalAccount {
  requests = 0;
  bytes = 0;
  /** Items of all requests that were sent at least once. */
  sent = 0;
  /** Items of requests that were answered OK, without those that a partial success rejected. */
  acknowledged = 0;
  rejected = 0;
  /** Items of requests that were given up. */
  failed = 0;
  retries = 0;
  /** Items with a sequence number past the limit, which no set holds. */
  beyondLimit = 0;
  /** Requests that were given up, by status code. */
  readonly failures = new Map<string, Failures>();
  /** Items that were sent, and those of requests that were answered OK. */
  readonly attemptedItems: SequenceSet;
  readonly answeredItems: SequenceSet;

  constructor(sequenceLimit: number = defaultSequenceLimit) {
    this.attemptedItems = new SequenceSet(sequenceLimit);
    this.answeredItems = new SequenceSet(sequenceLimit);
  }

  /** Before the first attempt. */
  begin(batch: Batch): void {
    this.requests += 1;
    this.bytes += batch.payload.length;
    this.sent += batch.sequences.length;
    this.beyondLimit += addAll(this.attemptedItems, batch.sequences);
  }

  /** After the last. */
  end(batch: Batch, outcome: SendOutcome): void {
    const items = batch.sequences.length;
    this.retries += outcome.retries;
    if (outcome.kind === "failed") {
      this.failed += items;
      const before = this.failures.get(outcome.code)?.requests ?? 0;
      this.failures.set(outcome.code, { requests: before + 1, message: outcome.message });
      return;
    }
    this.rejected += outcome.rejectedItems;
    this.acknowledged += items - outcome.rejectedItems;
    addAll(this.answeredItems, batch.sequences);
  }
}

export type Accounts = Readonly<Record<Signal, SignalAccount>>;

export function createAccounts(sequenceLimit?: number): Accounts {
  return {
    traces: new SignalAccount(sequenceLimit),
    metrics: new SignalAccount(sequenceLimit),
    logs: new SignalAccount(sequenceLimit),
  };
}

/** Adds what is below the set's limit, and answers how many were not. */
function addAll(set: SequenceSet, sequences: Uint32Array): number {
  let beyond = 0;
  for (const sequence of sequences) {
    if (sequence < set.limit) set.add(sequence);
    else beyond += 1;
  }
  return beyond;
}
