/** All commands, and how each kind of failure ends the program. */
import { Command, CommanderError } from "commander";
import { errorMessage, OtlpRingError } from "../base/errors.ts";
import { ConfigurationError, formatFault } from "../config/fault.ts";
import { suggestion } from "../config/suggest.ts";
import { generateCommand } from "../tools/generate/command.ts";
import { sinkCommand } from "../tools/sink/command.ts";
import { demoCommand } from "./demo.ts";
import { healthcheckCommand } from "./healthcheck.ts";
import { printConfigCommand } from "./print-config.ts";
import { routeCommand } from "./route.ts";
import { runCommand } from "./run.ts";
import { validateCommand } from "./validate.ts";
import { version } from "./version.ts";

const exitCode = { OK: 0, RUNTIME: 1, USAGE: 2 } as const;

function program(): Command {
  return new Command("otlp-ring")
    .description("First-tier OTLP router: every trace and every service to the one collector that owns it.")
    .version(version(), "--version", "print the version")
    .helpOption("-h, --help", "print help; also after a command")
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .addCommand(runCommand(), { isDefault: true })
    .addCommand(validateCommand())
    .addCommand(printConfigCommand())
    .addCommand(routeCommand())
    .addCommand(demoCommand())
    .addCommand(generateCommand())
    .addCommand(sinkCommand())
    .addCommand(healthcheckCommand());
}

/** Runs what `argv` asks for; answers the exit code. Never rejects. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const root = program();
  for (const command of root.commands) command.exitOverride();
  try {
    refuseUnknownCommand(root, argv[2]);
    await root.parseAsync([...argv]);
    return Number(process.exitCode ?? exitCode.OK);
  } catch (error) {
    return report(error);
  }
}

/** The default command would otherwise be told of an argument too many. */
function refuseUnknownCommand(root: Command, name: string | undefined): void {
  const known = [...root.commands.map((command) => command.name()), "help"];
  if (name === undefined || name.startsWith("-") || known.includes(name)) return;
  root.error(`otlp-ring: unknown command "${name}"${suggestion(name, known)}`);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) {
    // Commander has printed what there is to say; help and version are no failures.
    return error.exitCode === 0 ? exitCode.OK : exitCode.USAGE;
  }
  if (error instanceof ConfigurationError) {
    for (const fault of error.faults) process.stderr.write(`${formatFault(fault)}\n`);
    return exitCode.USAGE;
  }
  if (error instanceof OtlpRingError) {
    process.stderr.write(`otlp-ring: ${error.message}\n`);
    return exitCode.RUNTIME;
  }
  process.stderr.write(
    `otlp-ring: ${error instanceof Error ? (error.stack ?? errorMessage(error)) : String(error)}\n`,
  );
  return exitCode.RUNTIME;
}
