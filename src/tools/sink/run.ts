/** Runs the sinks of `otlp-ring sink` until a signal ends them. */
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";

import type { SinkCommandOptions } from "./command.ts";
import { ReportServer, sinksReport } from "./report-server.ts";
import { renderSinks } from "./report-text.ts";
import { Sink, type SinkOptions } from "./sink.ts";

/** Reports go to standard output, everything else to standard error. */
export async function runSink(options: SinkCommandOptions): Promise<void> {
  // What grpc-js has to say, the sinks say themselves.
  setLogVerbosity(logVerbosity.NONE);
  const endpoints = options.endpoint ?? ["127.0.0.1:0"];
  const sinks = endpoints.map((endpoint) => new Sink(sinkOptions(endpoint, options)));
  const reportServer = new ReportServer(sinks);
  const print = (): void => {
    const report = sinksReport(sinks);
    process.stdout.write(`${options.json ? JSON.stringify(report) : renderSinks(report.sinks)}\n`);
  };

  const ended = new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  try {
    for (const sink of sinks) process.stderr.write(`sink listening on ${await sink.start()}\n`);
    if (options.reportEndpoint !== undefined) {
      process.stderr.write(`report on ${await reportServer.start(options.reportEndpoint)}\n`);
    }
    process.on("SIGUSR1", print);
    const timer = options.interval === undefined ? undefined : setInterval(print, options.interval);
    await ended;
    clearInterval(timer);
  } finally {
    await Promise.all(sinks.map((sink) => sink.stop()));
    await reportServer.stop();
  }
  print();
}

function sinkOptions(endpoint: string, options: SinkCommandOptions): SinkOptions {
  return {
    endpoint,
    failCode: options.failCode,
    ...(options.delay === undefined ? {} : { delayMs: options.delay }),
    ...(options.failRate === undefined ? {} : { failRate: options.failRate }),
    ...(options.retryDelay === undefined ? {} : { retryDelayMs: options.retryDelay }),
    ...(options.rejectRate === undefined ? {} : { rejectRate: options.rejectRate }),
    ...(options.maxConnectionAge === undefined ? {} : { maxConnectionAgeMs: options.maxConnectionAge }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  };
}
