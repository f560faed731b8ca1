/** `otlp-ring generate`. */
import { type Command, InvalidArgumentError, Option } from "commander";
import {
  collect,
  parseCount,
  parseDurationMs,
  parseEndpoint,
  parseHeader,
  parseSeed,
  runTool,
  toolCommand,
} from "../arguments.ts";
import type { Signal } from "../otlp-proto.ts";

export interface GenerateCommandOptions {
  readonly endpoint?: readonly string[];
  readonly signals: readonly Signal[];
  readonly rate?: number;
  readonly duration?: number;
  readonly count?: number;
  readonly batchSize: number;
  readonly services?: number;
  readonly connections: number;
  readonly concurrency: number;
  readonly compression: "none" | "gzip";
  readonly header?: readonly (readonly [string, string])[];
  readonly timeout: number;
  readonly retry: boolean;
  readonly seed?: number;
  readonly sinkReport?: readonly string[];
  readonly settle: number;
  readonly expectWholeTraces?: true;
  readonly json?: true;
}

const signalNames: ReadonlySet<string> = new Set<Signal>(["traces", "metrics", "logs"]);

function parseSignals(text: string): Signal[] {
  const names = [...new Set(text.split(","))];
  if (!names.every((name): name is Signal => signalNames.has(name))) {
    throw new InvalidArgumentError(`expected a list such as "traces,metrics,logs".`);
  }
  return names;
}

function parseUrl(text: string): string {
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? "")) {
    throw new InvalidArgumentError(`expected a URL such as "http://127.0.0.1:4400/report".`);
  }
  return text;
}

/** Services, connections, calls: counts that cost memory each. */
function parseSmallCount(text: string): number {
  const count = parseCount(text);
  if (count > 10_000) throw new InvalidArgumentError("expected at most 10000.");
  return count;
}

function parseBatchSize(text: string): number {
  const count = parseCount(text);
  if (count > 100_000) throw new InvalidArgumentError("expected at most 100000.");
  return count;
}

export function generateCommand(): Command {
  return toolCommand("generate")
    .description("OTLP/gRPC load with the telemetry of a small shop, and a check of what the sinks saw of it")
    .option(
      "--endpoint <host:port>",
      "where to send; may be given several times (default localhost:4317)",
      collect(parseEndpoint),
    )
    .addOption(
      new Option("--signals <list>", "of traces, metrics and logs")
        .argParser(parseSignals)
        .default(["traces", "metrics", "logs"], "traces,metrics,logs"),
    )
    .option(
      "--rate <items>",
      "items a second, all signals together (default: as fast as it goes)",
      parseCount,
    )
    .option(
      "--duration <duration>",
      "end after this long (default 10s unless there is a --count)",
      parseDurationMs,
    )
    .option("--count <items>", "end after so many items; batches begun are sent", parseCount)
    .addOption(
      new Option("--batch-size <items>", "a request; a slow --rate makes smaller ones")
        .argParser(parseBatchSize)
        .default(512),
    )
    .option("--services <count>", "services that send (default 13: one shop)", parseSmallCount)
    .addOption(new Option("--connections <count>", "to each endpoint").argParser(parseSmallCount).default(1))
    .addOption(
      new Option("--concurrency <count>", "requests in flight a connection")
        .argParser(parseSmallCount)
        .default(4),
    )
    .addOption(new Option("--compression <kind>").choices(["none", "gzip"]).default("none"))
    .option(
      "--header <name=value>",
      "sent with every request; may be given several times",
      collect(parseHeader),
    )
    .addOption(
      new Option("--timeout <duration>", "of an attempt").argParser(parseDurationMs).default(10_000, "10s"),
    )
    .option("--no-retry", "give up at the first failure (default: 5 attempts, as SDKs do)")
    .option(
      "--seed <number>",
      "generate the same run again: its ids, shapes and order (default: random)",
      parseSeed,
    )
    .option(
      "--sink-report <url>",
      "ask this `otlp-ring sink` at the end; may be given several times",
      collect(parseUrl),
    )
    .addOption(
      new Option("--settle <duration>", "wait this long for the last items at the sinks")
        .argParser(parseDurationMs)
        .default(5000, "5s"),
    )
    .option("--expect-whole-traces", "fail when a trace is at more than one sink")
    .option("--json", "print the summary as JSON")
    .addHelpText(
      "after",
      "\nThe summary is printed to standard output. Exit code 1: something acknowledged was lost, something was" +
        "\ninvented, nothing was acknowledged, or (--expect-whole-traces) a trace was split. Up to 134 million" +
        "\nitems of a signal are compared. SIGINT ends the run early, with its summary.",
    )
    .action(async (options: GenerateCommandOptions) => {
      // Loaded here, so that other commands do not pay for grpc-js and protobufjs.
      const { runGenerate } = await import("./run.ts");
      await runTool("generate", () => runGenerate(options));
    });
}
