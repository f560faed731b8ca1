/** `otlp-ring run`: the gateway, until a signal stops it. */
import type { Command } from "commander";
import { errorMessage } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { formatFault } from "../config/fault.ts";
import { loadSettings } from "../config/load.ts";
import type { LogSettings } from "../config/settings.ts";
import { Gateway } from "../gateway.ts";
import { createLogger } from "../log.ts";
import { type ConfigurationOptions, configurationSources, configuredCommand } from "./configuration.ts";
import { stopSignal } from "./signals.ts";
import { version } from "./version.ts";

export function runCommand(): Command {
  return configuredCommand("run")
    .description("run the gateway (the default command)")
    .action(async (options: ConfigurationOptions, command: Command) => {
      const { settings, warnings } = loadSettings(configurationSources(options, command));
      const logger = loggerOf(settings.logs);
      for (const warning of warnings) logger.warn({}, formatFault(warning));
      await runUntilStopped(new Gateway(settings, { logger, version: version() }), logger);
    });
}

export function loggerOf({ level, encoding }: LogSettings): Logger {
  return createLogger(encoding === "auto" ? { level } : { level, encoding });
}

/** After a fault of the program what is in flight gets this long to be delivered, and the program as long again to end. */
const faultDrainMs = 1000;

/**
 * Starts the gateway, waits for SIGTERM or SIGINT and stops it; a second signal ends the program at once. A signal
 * that comes while it starts is heeded when it has.
 */
export async function runUntilStopped(gateway: Gateway, logger: Logger): Promise<void> {
  const signalled = stopSignal();
  process.on("uncaughtException", (error) => {
    logger.error({ error: error.stack ?? errorMessage(error) }, "a fault of the program; stopping");
    process.exitCode = 1;
    setTimeout(() => process.exit(), 2 * faultDrainMs);
    void gateway.stop({ delayMs: 0, drainTimeoutMs: faultDrainMs }).finally(() => process.exit());
  });
  await gateway.start();
  logger.info({ signal: await signalled }, "told to stop");
  await gateway.stop();
}
