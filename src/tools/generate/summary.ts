/** The end of a run, in figures and in words. */
import { formatRun } from "../item-identity.ts";
import { type Signal, signalFacts, signals } from "../otlp-proto.ts";
import { type Column, formatApproximate, formatCount, formatDuration, renderTable } from "../text.ts";
import type { Accounts, Failures } from "./accounts.ts";
import type { Comparison, SignalComparison } from "./comparison.ts";

const messageMax = 200;

export interface SignalSummary {
  readonly requests: number;
  readonly bytes: number;
  readonly sent: number;
  readonly acknowledged: number;
  readonly rejected: number;
  readonly failed: number;
  readonly retries: number;
  readonly beyondLimit: number;
  /** Requests that were given up, by gRPC status. */
  readonly failures: Readonly<Record<string, Failures>>;
  /** Absent where no sink was asked. */
  readonly atSinks?: SignalComparison;
}

export interface Summary {
  readonly run: string;
  readonly seed: number;
  readonly durationMs: number;
  readonly itemsPerSecond: number;
  readonly signals: Readonly<Partial<Record<Signal, SignalSummary>>>;
  /** Absent where no sink was asked. */
  readonly traces?: { readonly seen: number; readonly split: number };
  /** Why the run did not go well; empty when it did. */
  readonly faults: readonly string[];
}

export interface Expectations {
  readonly wholeTraces: boolean;
}

export function summarize(
  run: {
    readonly run: number;
    readonly seed: number;
    readonly elapsedMs: number;
    readonly accounts: Accounts;
  },
  comparison: Comparison | undefined,
  expectations: Expectations,
): Summary {
  const used = signals.filter((signal) => run.accounts[signal].requests > 0);
  const acknowledged = used.reduce((total, signal) => total + run.accounts[signal].acknowledged, 0);
  return {
    run: formatRun(run.run),
    seed: run.seed,
    durationMs: run.elapsedMs,
    itemsPerSecond: run.elapsedMs > 0 ? (acknowledged / run.elapsedMs) * 1000 : 0,
    signals: Object.fromEntries(
      used.map((signal) => [signal, summarizeSignal(signal, run.accounts, comparison)]),
    ),
    ...(comparison === undefined
      ? {}
      : { traces: { seen: comparison.traces, split: comparison.splitTraces } }),
    faults: [
      ...(acknowledged === 0 ? ["nothing was acknowledged"] : []),
      ...(comparison === undefined ? [] : faultsOf(comparison, expectations)),
    ],
  };
}

function summarizeSignal(
  signal: Signal,
  accounts: Accounts,
  comparison: Comparison | undefined,
): SignalSummary {
  const { requests, bytes, sent, acknowledged, rejected, failed, retries, beyondLimit, failures } =
    accounts[signal];
  return {
    requests,
    bytes,
    sent,
    acknowledged,
    rejected,
    failed,
    retries,
    beyondLimit,
    failures: Object.fromEntries(failures),
    ...(comparison === undefined ? {} : { atSinks: comparison.signals[signal] }),
  };
}

function faultsOf(comparison: Comparison, expectations: Expectations): string[] {
  const faults = signals.flatMap((signal) => {
    const { lost, invented } = comparison.signals[signal];
    const { items } = signalFacts[signal];
    return [
      ...(lost > 0 ? [`${formatCount(lost)} acknowledged ${items} are at no sink`] : []),
      ...(invented > 0 ? [`${formatCount(invented)} ${items} at the sinks were never sent`] : []),
    ];
  });
  if (expectations.wholeTraces && comparison.splitTraces > 0) {
    faults.push(`${formatCount(comparison.splitTraces)} traces are at more than one sink`);
  }
  return faults;
}

/** The summary for people. */
export function renderSummary(summary: Summary): string {
  const rate = formatApproximate(summary.itemsPerSecond);
  const head = `run ${summary.run} (--seed ${summary.seed}): ${formatDuration(summary.durationMs)}, ${rate} items/s acknowledged`;
  return [head, renderSent(summary), renderSeen(summary), renderNotes(summary), verdict(summary)]
    .filter((part) => part !== "")
    .join("\n\n");
}

function renderSent(summary: Summary): string {
  const titles = ["requests", "MB", "sent", "acknowledged", "rejected", "failed", "retries"];
  const rows = entries(summary).map(([signal, counts]) => [
    signalFacts[signal].items,
    formatCount(counts.requests),
    (counts.bytes / 1e6).toFixed(1),
    ...[counts.sent, counts.acknowledged, counts.rejected, counts.failed, counts.retries].map(formatCount),
  ]);
  return renderTable(columns("sent", titles), rows);
}

function renderSeen(summary: Summary): string {
  const rows = entries(summary).flatMap(([signal, { atSinks }]) =>
    atSinks === undefined
      ? []
      : [
          [
            signalFacts[signal].items,
            ...[atSinks.seen, atSinks.lost, atSinks.duplicated, atSinks.invented].map(formatCount),
            formatCount(atSinks.splitServices.length),
          ],
        ],
  );
  if (rows.length === 0) return "";
  const titles = ["seen", "lost", "duplicated", "invented", "services on several sinks"];
  return renderTable(columns("at the sinks", titles), rows);
}

function renderNotes(summary: Summary): string {
  const notes: string[] = [];
  if (summary.traces !== undefined && summary.traces.seen > 0) {
    const { seen, split } = summary.traces;
    notes.push(`traces: ${formatCount(seen)} seen, ${formatCount(split)} split over several sinks`);
  }
  for (const [signal, { atSinks, failures, beyondLimit }] of entries(summary)) {
    const { items } = signalFacts[signal];
    for (const [code, { requests, message }] of Object.entries(failures)) {
      notes.push(
        `${signal}: ${formatCount(requests)} requests were given up with ${code}: ${oneLine(message)}`,
      );
    }
    if (beyondLimit > 0)
      notes.push(`${formatCount(beyondLimit)} ${items} are past the limit and not compared`);
    if (atSinks === undefined) continue;
    if (atSinks.seenUnanswered > 0) {
      notes.push(`${formatCount(atSinks.seenUnanswered)} ${items} arrived though their request failed`);
    }
    if (atSinks.rejectedYetSeen > 0) {
      notes.push(`${formatCount(atSinks.rejectedYetSeen)} ${items} were rejected and arrived all the same`);
    }
  }
  return notes.join("\n");
}

/** Somebody else's words, made fit for a terminal. */
function oneLine(message: string): string {
  return message.replace(/\p{Cc}+/gu, " ").slice(0, messageMax);
}

function verdict(summary: Summary): string {
  if (summary.faults.length > 0) return `NOT OK: ${summary.faults.join("; ")}`;
  return summary.traces === undefined ? "" : "OK: every acknowledged item arrived, and nothing else did";
}

function entries(summary: Summary): (readonly [Signal, SignalSummary])[] {
  return signals.flatMap((signal) => {
    const counts = summary.signals[signal];
    return counts === undefined ? [] : [[signal, counts] as const];
  });
}

function columns(first: string, titles: readonly string[]): Column[] {
  return [{ title: first, align: "left" }, ...titles.map((title): Column => ({ title, align: "right" }))];
}
