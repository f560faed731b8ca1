/** Runs `otlp-ring generate`: the load, the sinks' answers, the summary. */
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs } from "../../base/clock.ts";
import type { GenerateCommandOptions } from "./command.ts";
import { type Comparison, compare } from "./comparison.ts";
import { Generator, type GeneratorOptions } from "./generator.ts";
import { Progress } from "./progress.ts";
import { defaultRetry } from "./sender.ts";
import { fetchSinkViews } from "./sink-views.ts";
import { renderSummary, summarize } from "./summary.ts";

const defaultDurationMs = 10_000;
const pollIntervalMs = 200;

/** The summary goes to standard output, progress to standard error; the exit code is 1 when something is wrong. */
export async function runGenerate(options: GenerateCommandOptions): Promise<void> {
  const generator = new Generator(generatorOptions(options));
  const urls = options.sinkReport ?? [];
  // A wrong URL is better said before the load than after it.
  await fetchSinkViews(urls, generator.run);

  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  const progress = new Progress(generator, process.stderr);
  try {
    await generator.generate(interrupt.signal);
  } finally {
    progress.stop();
  }
  const comparison =
    urls.length === 0 ? undefined : await compareWhenSettled(generator, urls, options.settle);
  process.off("SIGINT", onSignal);
  process.off("SIGTERM", onSignal);

  const summary = summarize(generator, comparison, { wholeTraces: options.expectWholeTraces === true });
  process.stdout.write(`${options.json ? JSON.stringify(summary) : renderSummary(summary)}\n`);
  if (summary.faults.length > 0) process.exitCode = 1;
}

/** Asks until nothing is missing any more, for at most `settleMs`: a gateway may hold items for a sick sink. */
async function compareWhenSettled(
  generator: Generator,
  urls: readonly string[],
  settleMs: number,
): Promise<Comparison> {
  const deadlineMs = monotonicMs() + settleMs;
  for (;;) {
    const comparison = compare(generator.accounts, await fetchSinkViews(urls, generator.run));
    const isComplete = Object.values(comparison.signals).every(({ lost }) => lost === 0);
    if (isComplete || monotonicMs() >= deadlineMs) return comparison;
    await sleep(pollIntervalMs);
  }
}

function generatorOptions(options: GenerateCommandOptions): GeneratorOptions {
  const durationMs = options.duration ?? (options.count === undefined ? defaultDurationMs : undefined);
  return {
    endpoints: options.endpoint ?? ["localhost:4317"],
    signals: options.signals,
    batchSize: options.batchSize,
    connections: options.connections,
    concurrency: options.concurrency,
    compression: options.compression,
    headers: options.header ?? [],
    timeoutMs: options.timeout,
    retry: options.retry ? defaultRetry : { ...defaultRetry, attemptsMax: 1 },
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(options.count === undefined ? {} : { count: options.count }),
    ...(options.rate === undefined ? {} : { itemsPerSecond: options.rate }),
    ...(options.services === undefined ? {} : { services: options.services }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  };
}
