/**
 * What the sinks saw against what was sent. Exact for every item below the sets' limit:
 *
 *     lost        answered OK, and at no sink, beyond what partial successes own up to
 *     duplicated  arrivals of an item after its first, at any sink
 *     invented    at a sink and never sent, or so damaged that it cannot be told which it was
 *     split       traces whose spans are at more than one sink
 *
 * Items of requests that were not answered OK may be there or not: nobody promised anything.
 */

import { type Signal, signals } from "../otlp-proto.ts";
import { SequenceSet } from "../sequence-set.ts";
import type { RunReport } from "../sink/run-tracker.ts";
import type { Accounts, SignalAccount } from "./accounts.ts";

/** One sink's view of the run: undefined where nothing of it arrived there. */
export interface SinkView {
  readonly endpoint: string;
  readonly run: RunReport | undefined;
}

export interface SignalComparison {
  /** Distinct items at the sinks. */
  readonly seen: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly invented: number;
  /** Rejected by a partial success, and at a sink all the same. */
  readonly rejectedYetSeen: number;
  /** Seen though their request was not answered OK. */
  readonly seenUnanswered: number;
  /** Arrived with a number past the limit, so compared with nothing. */
  readonly beyondLimit: number;
  /** Services with items at more than one sink. */
  readonly splitServices: readonly string[];
}

export interface Comparison {
  readonly signals: Readonly<Record<Signal, SignalComparison>>;
  readonly traces: number;
  readonly splitTraces: number;
}

export function compare(accounts: Accounts, sinks: readonly SinkView[], sequenceLimit?: number): Comparison {
  const runs = sinks.flatMap(({ run }) => (run === undefined ? [] : [run]));
  const perSignal = signals.map((signal) => compareSignal(signal, accounts[signal], runs, sequenceLimit));
  const traceSets = runs.map(({ traces }) => decodeSet(traces, sequenceLimit));
  return {
    signals: { traces: perSignal[0]!, metrics: perSignal[1]!, logs: perSignal[2]! },
    traces: unite(traceSets, sequenceLimit).size,
    splitTraces: inSeveral(traceSets, sequenceLimit).size,
  };
}

function compareSignal(
  signal: Signal,
  account: SignalAccount,
  runs: readonly RunReport[],
  sequenceLimit: number | undefined,
): SignalComparison {
  const reports = runs.map((run) => run.signals[signal]);
  const seen = unite(
    reports.map(({ sequences }) => decodeSet(sequences, sequenceLimit)),
    sequenceLimit,
  );
  const total = (count: (report: (typeof reports)[number]) => number): number =>
    reports.reduce((sum, report) => sum + count(report), 0);
  const beyondLimit = total((report) => report.beyondLimit);
  const damaged = total((report) => report.damaged);
  const identified = total((report) => report.arrived) - beyondLimit - damaged;
  // A partial success counts items and does not name them, so it is set off against what is missing.
  const missing = account.answeredItems.difference(seen).size;
  return {
    seen: seen.size,
    lost: Math.max(0, missing - account.rejected),
    duplicated: identified - seen.size,
    invented: seen.difference(account.attemptedItems).size + damaged,
    rejectedYetSeen: Math.max(0, account.rejected - missing),
    seenUnanswered: seen.intersection(account.attemptedItems).difference(account.answeredItems).size,
    beyondLimit,
    splitServices: namesInSeveral(reports.map(({ services }) => Object.keys(services))),
  };
}

function decodeSet(
  encoded: Parameters<typeof SequenceSet.decode>[0] | undefined,
  sequenceLimit: number | undefined,
): SequenceSet {
  return encoded === undefined ? new SequenceSet(sequenceLimit) : SequenceSet.decode(encoded, sequenceLimit);
}

function unite(sets: readonly SequenceSet[], sequenceLimit: number | undefined): SequenceSet {
  const union = new SequenceSet(sequenceLimit);
  for (const set of sets) union.addAll(set);
  return union;
}

function inSeveral(sets: readonly SequenceSet[], sequenceLimit: number | undefined): SequenceSet {
  const once = new SequenceSet(sequenceLimit);
  const again = new SequenceSet(sequenceLimit);
  for (const set of sets) {
    again.addAll(set.intersection(once));
    once.addAll(set);
  }
  return again;
}

function namesInSeveral(lists: readonly (readonly string[])[]): string[] {
  const counts = new Map<string, number>();
  for (const name of lists.flat()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].flatMap(([name, count]) => (count > 1 ? [name] : [])).sort();
}
