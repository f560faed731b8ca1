/** `otlp-ring validate`: says everything that is wrong with a configuration, and starts nothing. */
import type { Command } from "commander";
import { formatFault } from "../config/fault.ts";
import { loadSettings } from "../config/load.ts";
import { type ConfigurationOptions, configurationSources, configuredCommand } from "./configuration.ts";

export function validateCommand(): Command {
  return configuredCommand("validate")
    .description("check a configuration; every fault is printed with its place")
    .action((options: ConfigurationOptions, command: Command) => {
      const { warnings } = loadSettings(configurationSources(options, command));
      for (const warning of warnings) process.stderr.write(`warning: ${formatFault(warning)}\n`);
      process.stdout.write("the configuration is valid\n");
    });
}
