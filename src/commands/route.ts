/** `otlp-ring route`: which backend owns a trace or a service, by the ring that the gateway would build. */
import type { Command } from "commander";
import { OtlpRingError } from "../base/errors.ts";
import { silentLogger } from "../base/logger.ts";
import { MetricRegistry } from "../base/metrics.ts";
import { loadSettings } from "../config/load.ts";
import type { ExporterSettings } from "../config/settings.ts";
import { DnsResolver } from "../discovery/dns/resolver.ts";
import { membersOf } from "../discovery/member-source.ts";
import { locateKey } from "../gateway/locate.ts";
import { createMemberSource } from "../gateway/member-source.ts";
import { buildRing } from "../ring/ring.ts";
import { type ConfigurationOptions, configurationSources, configuredCommand } from "./configuration.ts";

interface RouteOptions extends ConfigurationOptions {
  readonly traceId?: string;
  readonly service?: string;
  readonly json?: true;
}

interface Answer {
  readonly exporter: string;
  readonly key: string;
  readonly slot: number;
  readonly member: string;
}

interface Question {
  readonly routingKey: "traceID" | "service";
  readonly text: string;
  readonly bytes: Uint8Array;
}

export function routeCommand(): Command {
  return configuredCommand("route")
    .description("print which backend owns a trace or a service")
    .option("--trace-id <hex>", "32 hexadecimal digits")
    .option("--service <name>", "a service.name")
    .option("--json", "print JSON")
    .action(async (options: RouteOptions, command: Command) => {
      const question = questionOf(options, command);
      const { settings } = loadSettings(configurationSources(options, command));
      const asked = settings.exporters.filter(({ name, routingKey }) =>
        settings.pipelines.some(
          ({ signal, exporters }) => exporters.includes(name) && routingKey[signal] === question.routingKey,
        ),
      );
      if (asked.length === 0) {
        throw new OtlpRingError(
          "no_route",
          `no exporter of the configuration routes by ${question.routingKey}`,
        );
      }
      const answers = await Promise.all(asked.map((exporter) => answer(exporter, question)));
      process.stdout.write(options.json ? `${JSON.stringify(answers, undefined, 2)}\n` : table(answers));
    });
}

function questionOf({ traceId, service }: RouteOptions, command: Command): Question {
  if ((traceId === undefined) === (service === undefined)) {
    command.error("otlp-ring route: ask for one of --trace-id and --service");
  }
  if (traceId === undefined) {
    return { routingKey: "service", text: service ?? "", bytes: Buffer.from(service ?? "") };
  }
  if (!/^[0-9a-f]{32}$/i.test(traceId) || /^0+$/.test(traceId)) {
    command.error(
      `otlp-ring route: --trace-id: expected 32 hexadecimal digits, not all zero, got "${traceId}"`,
    );
  }
  return { routingKey: "traceID", text: traceId.toLowerCase(), bytes: Buffer.from(traceId, "hex") };
}

async function answer(exporter: ExporterSettings, question: Question): Promise<Answer> {
  const source = createMemberSource(exporter, {
    metrics: new MetricRegistry(),
    logger: silentLogger,
    resolver: new DnsResolver(),
  });
  await source.start(() => undefined);
  const members = membersOf(source);
  const { status } = source;
  source.close();
  if (members.length === 0) {
    const reason = status.kind === "searching" && status.failure ? `: ${status.failure.message}` : "";
    throw new OtlpRingError("no_members", `${exporter.name} finds no backends${reason}`);
  }
  const location = locateKey(buildRing({ members, size: exporter.ring.size }), question.bytes);
  return { exporter: exporter.name, key: question.text, ...location };
}

function table(answers: readonly Answer[]): string {
  const width = Math.max(...answers.map(({ exporter }) => exporter.length));
  return answers
    .map(({ exporter, key, slot, member }) => `${exporter.padEnd(width)}  ${key}  slot ${slot}  ${member}\n`)
    .join("");
}
