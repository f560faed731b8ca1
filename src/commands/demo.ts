/**
 * `otlp-ring demo`: a gateway and three sinks behind it in one process, so that an application pointed
 * at localhost:4317 sees at once where its traces went.
 */
import { Command, InvalidArgumentError } from "commander";
import { demoConfiguration } from "../config/demo.ts";
import { loadSettings } from "../config/load.ts";
import type { GatewaySettings } from "../config/settings.ts";
import { Gateway } from "../gateway.ts";
import { createLogger } from "../log.ts";
import { ReportServer } from "../tools/sink/report-server.ts";
import { Sink } from "../tools/sink/sink.ts";
import { DemoView } from "./demo-view.ts";
import { stopSignal } from "./signals.ts";
import { version } from "./version.ts";

interface DemoOptions {
  readonly sinks: number;
  readonly set: readonly string[];
}

const sinkCountMax = 64;
const refreshMs = 1000;
const shutdown = { delayMs: 0, drainTimeoutMs: 5000 };
/** Where `generate` asks what the sinks saw. */
const REPORT_ENDPOINT = "localhost:4319";

export function demoCommand(): Command {
  return new Command("demo")
    .description("run a gateway with sinks behind it, and show where telemetry goes")
    .option("--sinks <count>", "how many sinks", parseSinkCount, 3)
    .option(
      "--set <key=value>",
      "one value of its configuration",
      (value, before: string[]) => [...before, value],
      [],
    )
    .action(runDemo);
}

function parseSinkCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > sinkCountMax) {
    throw new InvalidArgumentError(`expected 1 to ${sinkCountMax}`);
  }
  return count;
}

async function runDemo({ sinks: sinkCount, set }: DemoOptions): Promise<void> {
  const sinks = Array.from({ length: sinkCount }, () => new Sink());
  const endpoints = await Promise.all(sinks.map((sink) => sink.start()));
  try {
    const text = demoConfiguration({ backends: endpoints });
    const { settings } = loadSettings({ files: [{ name: "demo", text }], sets: set, env: process.env });
    const gateway = new Gateway(settings, { logger: createLogger({ level: "warn" }), version: version() });
    await serve(gateway, settings, sinks);
  } finally {
    // Whatever went wrong: a sink that still listens would keep the program from ending.
    await Promise.all(sinks.map((sink) => sink.stop()));
  }
}

/** Runs the gateway until a signal stops it, and shows what its sinks get. */
async function serve(gateway: Gateway, settings: GatewaySettings, sinks: readonly Sink[]): Promise<void> {
  const reportServer = new ReportServer(sinks);
  const addresses = await gateway.start();
  const view = new DemoView(sinks, (text) => process.stdout.write(text));
  try {
    const reportUrl = await reportServer.start(REPORT_ENDPOINT);
    process.stdout.write(greeting(addresses, settings, reportUrl));
    const timer = setInterval(() => view.refresh(), refreshMs);
    await stopSignal();
    clearInterval(timer);
    await gateway.stop(shutdown);
    view.refresh();
  } finally {
    await gateway.stop(shutdown);
    await reportServer.stop();
  }
}

function greeting(
  addresses: Awaited<ReturnType<Gateway["start"]>>,
  { zpages, metrics, healthCheck }: GatewaySettings,
  reportUrl: string,
): string {
  const lines = [
    `otlp-ring ${version()}: a gateway with sinks behind it`,
    "",
    ...addresses.map(({ name, host, port }) => `  ${name.padEnd(12)}${host}:${port}`),
    ...(zpages ? [`  status      http://${zpages.host}:${zpages.port}/`] : []),
    ...(metrics ? [`  metrics     http://${metrics.host}:${metrics.port}/metrics`] : []),
    ...(healthCheck ? [`  health      http://${healthCheck.host}:${healthCheck.port}/`] : []),
    "",
    "Point an application at it with OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317, or send some load:",
    "",
    `  bin/otlp-ring generate --duration 5s --rate 1000 --sink-report ${reportUrl}`,
    "",
    "Where telemetry goes is shown here; Ctrl-C stops.",
    "",
  ];
  return `${lines.join("\n")}\n`;
}
