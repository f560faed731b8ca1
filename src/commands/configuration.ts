/** The options by which commands are told their configuration. */
import { Command } from "commander";
import type { ConfigurationSources } from "../config/load.ts";

export interface ConfigurationOptions {
  readonly config: readonly string[];
  readonly set: readonly string[];
}

const gather = (value: string, before: readonly string[]): string[] => [...before, value];

/** A command with `--config` and `--set`. */
export function configuredCommand(name: string): Command {
  return new Command(name)
    .option("-c, --config <file>", "a YAML file; several are merged, later ones win", gather, [])
    .option(
      "--set <key=value>",
      "one value over all files, such as service.telemetry.logs.level=debug",
      gather,
      [],
    );
}

/** Ends the command with a usage error when no file was named. */
export function configurationSources(options: ConfigurationOptions, command: Command): ConfigurationSources {
  if (options.config.length === 0) {
    command.error(
      "otlp-ring: no configuration: name one by --config FILE, or try 'otlp-ring demo' without any",
    );
  }
  return { files: options.config, sets: options.set, env: process.env };
}
