/** The program's log: pino, readable on a terminal and JSON elsewhere. What looks like a secret is masked. */
import { type DestinationStream, type Logger as Pino, pino } from "pino";
import { prettyFactory } from "pino-pretty";
import { OtlpRingError } from "./base/errors.ts";
import type { Logger } from "./base/logger.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LogOptions {
  /** Default "info". */
  readonly level?: LogLevel;
  /** Default: "console" on a terminal, else "json". */
  readonly encoding?: "json" | "console";
}

/** Where the log goes; standard error, so that standard output is left to what was asked for. */
export interface LogOutput extends DestinationStream {
  readonly isTTY?: boolean;
}

/** `NO_COLOR` (https://no-color.org) of `environment` is honoured. */
export function createLogger(
  options: LogOptions = {},
  output: LogOutput = process.stderr,
  environment: NodeJS.ProcessEnv = process.env,
): Logger {
  const { level = "info", encoding = output.isTTY === true ? "console" : "json" } = options;
  const noColor = environment["NO_COLOR"] !== undefined && environment["NO_COLOR"] !== "";
  const destination = encoding === "json" ? output : readable(output, output.isTTY === true && !noColor);
  return new PinoLogger(
    pino(
      {
        level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      destination,
    ),
  );
}

/** Makes lines for people, in this thread, so that nothing is lost when the process ends. */
function readable(output: LogOutput, colorize: boolean): DestinationStream {
  const prettify = prettyFactory({ colorize, translateTime: "SYS:HH:MM:ss.l", singleLine: true });
  return {
    write(line) {
      output.write(prettify(line) ?? line);
    },
  };
}

class PinoLogger implements Logger {
  readonly #pino: Pino;

  constructor(logger: Pino) {
    this.#pino = logger;
  }

  debug(fields: object, message: string): void {
    this.#log("debug", fields, message);
  }

  info(fields: object, message: string): void {
    this.#log("info", fields, message);
  }

  warn(fields: object, message: string): void {
    this.#log("warn", fields, message);
  }

  error(fields: object, message: string): void {
    this.#log("error", fields, message);
  }

  child(bindings: object): Logger {
    return new PinoLogger(this.#pino.child(redact(bindings)));
  }

  #log(level: LogLevel, fields: object, message: string): void {
    if (this.#pino.isLevelEnabled(level)) this.#pino[level](redact(fields), redactText(message));
  }
}

const MASK = "[redacted]";
const SECRET_NAME =
  /authorization|cookie|password|passwd|secret|token|credential|api[-_]?key|private[-_]?key|pem$/i;
const DEPTH_MAX = 5;
const ENTRIES_MAX = 100;

/**
 * A second net: modules do not log secrets, but one may slip through in a map of headers or in an error's text.
 * Fields with such names are masked, unless they are numbers or booleans; so are credentials within texts.
 */
export function redact(fields: object): Record<string, unknown> {
  return redactEntries(fields, DEPTH_MAX);
}

function redactEntries(fields: object, depth: number): Record<string, unknown> {
  const entries = Object.entries(fields).slice(0, ENTRIES_MAX);
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      SECRET_NAME.test(name) && !isHarmless(value) ? MASK : redactValue(value, depth - 1),
    ]),
  );
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (depth <= 0) return "[deep]";
  if (value instanceof Error) return redactEntries(errorFields(value), depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, ENTRIES_MAX).map((entry) => redactValue(entry, depth - 1));
  if (value instanceof Map) return redactEntries(Object.fromEntries(value), depth);
  if (value instanceof Set) return redactValue([...value], depth);
  return redactEntries(value, depth);
}

/** An error that the user can act on needs no stack; a fault of the program does. */
function errorFields(error: Error): object {
  const { name, message, cause } = error;
  const code = (error as { code?: unknown }).code;
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(error instanceof OtlpRingError ? {} : { stack: error.stack }),
    ...(cause === undefined ? {} : { cause }),
  };
}

function isHarmless(value: unknown): boolean {
  return value === undefined || value === null || typeof value === "number" || typeof value === "boolean";
}

function redactText(text: string): string {
  return text
    .replace(/\b(bearer|basic) +[A-Za-z0-9+/=._~-]{4,}/gi, `$1 ${MASK}`)
    .replace(/(:\/\/[^/\s:@]*):[^/\s@]+@/g, `$1:${MASK}@`);
}
