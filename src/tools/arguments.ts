/** Command-line values of the tools. What is wrong with one is said by commander, with exit code 2. */
import { Command, InvalidArgumentError } from "commander";
import { errorMessage, OtlpRingError } from "../base/errors.ts";

/** A command whose usage faults exit with 2, wherever it is mounted. */
export function toolCommand(name: string): Command {
  return new Command(name).exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
}

/** Runs a command's action; what a user can act on is said in one line, with exit code 1. */
export async function runTool(name: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof OtlpRingError)) throw error;
    process.stderr.write(`otlp-ring ${name}: ${errorMessage(error)}\n`);
    process.exitCode = 1;
  }
}

const durationUnitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** "500ms", "5s", "1m30s" in milliseconds; "0" too. */
export function parseDurationMs(text: string): number {
  if (text === "0") return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
    throw new InvalidArgumentError(`expected a duration such as "500ms", "5s" or "1m30s".`);
  }
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    totalMs += Number(amount) * durationUnitsMs[unit!]!;
  }
  return totalMs;
}

/** "1500", "10k", "2.5M": a whole number of at least 1. */
export function parseCount(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([kM]?)$/.exec(text);
  const scale = match?.[2] === "k" ? 1e3 : match?.[2] === "M" ? 1e6 : 1;
  const count = Math.round(Number(match?.[1]) * scale);
  if (!(count >= 1)) throw new InvalidArgumentError(`expected a count such as "1500", "10k" or "2M".`);
  return count;
}

/** Any whole number that JavaScript counts exactly; the same number gives the same load. */
export function parseSeed(text: string): number {
  const seed = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(seed)) {
    throw new InvalidArgumentError("expected a whole number of at least 0.");
  }
  return seed;
}

/** A probability from 0 to 1. */
export function parseProbability(text: string): number {
  const probability = text.trim() === "" ? Number.NaN : Number(text);
  if (!(probability >= 0 && probability <= 1))
    throw new InvalidArgumentError("expected a number from 0 to 1.");
  return probability;
}

/** "host:port" as it is; also with an "http://" in front, as OTEL_EXPORTER_OTLP_ENDPOINT has it. */
export function parseEndpoint(text: string): string {
  const endpoint = text.replace(/^http:\/\//, "").replace(/\/$/, "");
  const port = Number(/^(?:[^\s:/[\]]+|\[[0-9a-f:.]+\]):(\d+)$/i.exec(endpoint)?.[1]);
  if (!(port <= 65_535)) throw new InvalidArgumentError(`expected host:port, such as "localhost:4317".`);
  return endpoint;
}

/** "name=value" as a lower-case name and a value. */
export function parseHeader(text: string): readonly [string, string] {
  const match = /^([0-9a-z_.-]+)=(.*)$/i.exec(text);
  if (match === null) throw new InvalidArgumentError(`expected name=value, such as "x-scope-orgid=shop".`);
  return [match[1]!.toLowerCase(), match[2]!];
}

/** For options that may be given several times. */
export function collect<T>(
  parse: (text: string) => T,
): (text: string, soFar: readonly T[] | undefined) => T[] {
  return (text, soFar) => [...(soFar ?? []), parse(text)];
}
