/** `otlp-ring sink`. */
import { type Command, Option } from "commander";
import {
  collect,
  parseDurationMs,
  parseEndpoint,
  parseProbability,
  parseSeed,
  runTool,
  toolCommand,
} from "../arguments.ts";
import type { StatusName } from "./sink.ts";

/** The codes that a sink may refuse with: all of gRPC's but OK. */
const statusNames: readonly StatusName[] = [
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

export interface SinkCommandOptions {
  readonly endpoint?: readonly string[];
  readonly reportEndpoint?: string;
  readonly delay?: number;
  readonly failRate?: number;
  readonly failCode: StatusName;
  readonly retryDelay?: number;
  readonly rejectRate?: number;
  readonly maxConnectionAge?: number;
  readonly seed?: number;
  readonly interval?: number;
  readonly json?: true;
}

export function sinkCommand(): Command {
  return toolCommand("sink")
    .description(
      "a collector stand-in: takes OTLP/gRPC, decodes and counts everything, and reports what it saw",
    )
    .option(
      "--endpoint <host:port>",
      "where to listen; several make several sinks (default 127.0.0.1:0)",
      collect(parseEndpoint),
    )
    .option("--report-endpoint <host:port>", "serve GET /report (JSON) and POST /reset here", parseEndpoint)
    .option("--interval <duration>", "print the report this often, too", parseDurationMs)
    .option("--json", "print reports as JSON, one a line")
    .option("--delay <duration>", "answer this much later", parseDurationMs)
    .option("--fail-rate <0..1>", "refuse this share of the requests", parseProbability)
    .addOption(
      new Option("--fail-code <code>", "with this gRPC status").choices(statusNames).default("UNAVAILABLE"),
    )
    .option("--retry-delay <duration>", "and with this RetryInfo", parseDurationMs)
    .option(
      "--reject-rate <0..1>",
      "refuse this share of the items, with a partial success",
      parseProbability,
    )
    .option("--max-connection-age <duration>", "tell connections to go away after this long", parseDurationMs)
    .option("--seed <number>", "of what is refused (default 1)", parseSeed)
    .addHelpText(
      "after",
      "\nThe report is printed at the end (SIGINT, SIGTERM) and on SIGUSR1. 134 million items of each signal and of each of 8 runs of" +
        "\n`otlp-ring generate`, and 100,000 traces with 1,000,000 spans of anything else, are told apart; what is" +
        "\nbeyond is counted only.",
    )
    .action(async (options: SinkCommandOptions) => {
      // Loaded here, so that other commands do not pay for grpc-js and protobufjs.
      const { runSink } = await import("./run.ts");
      await runTool("sink", () => runSink(options));
    });
}
