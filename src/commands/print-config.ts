/** `otlp-ring print-config`: the configuration that is in force, secrets redacted. */
import type { Command } from "commander";
import { printConfig } from "../config/print.ts";
import { type ConfigurationOptions, configurationSources, configuredCommand } from "./configuration.ts";

export function printConfigCommand(): Command {
  return configuredCommand("print-config")
    .description("print the merged configuration after substitution, secrets redacted")
    .action((options: ConfigurationOptions, command: Command) => {
      process.stdout.write(printConfig(configurationSources(options, command)));
    });
}
