/** `sink` and `generate` as processes of their own. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import type { Summary } from "../../../src/tools/generate/summary.ts";
import type { SinksReport } from "../../../src/tools/sink/report-server.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** A program with just these two commands. */
const program = `
import { Command } from "commander";
import { sinkCommand } from "./src/tools/sink/command.ts";
import { generateCommand } from "./src/tools/generate/command.ts";
const program = new Command("otlp-ring").addCommand(sinkCommand()).addCommand(generateCommand());
await program.parseAsync(process.argv.slice(1), { from: "user" });
`;

interface Run {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  readonly exitCode: Promise<number | null>;
}

const running: Run[] = [];
afterEach(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await Promise.all(running.splice(0).map(({ exitCode }) => exitCode));
});

function start(...args: string[]): Run {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program, "--", ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  const exitCode = new Promise<number | null>((resolve) => child.once("close", resolve));
  const run = { child, output, exitCode };
  running.push(run);
  return run;
}

async function startSink(...args: string[]): Promise<{ sink: Run; endpoint: string; report: string }> {
  const sink = start("sink", "--report-endpoint", "127.0.0.1:0", ...args);
  await expect.poll(() => sink.output.stderr, { timeout: 20_000 }).toContain("report on");
  const endpoint = /listening on (\S+)/.exec(sink.output.stderr)![1]!;
  const report = /report on (\S+)/.exec(sink.output.stderr)![1]!;
  return { sink, endpoint, report };
}

describe("the commands", () => {
  it("send, receive and agree, in JSON", async () => {
    const { sink, endpoint, report } = await startSink("--json");
    const generate = start(
      "generate",
      "--endpoint",
      endpoint,
      "--count",
      "2k",
      "--sink-report",
      report,
      "--expect-whole-traces",
      "--json",
    );
    expect(await generate.exitCode).toBe(0);
    const summary = JSON.parse(generate.output.stdout) as Summary;
    expect(summary.faults).toEqual([]);
    expect(summary.traces!.split).toBe(0);
    sink.child.kill("SIGTERM");
    expect(await sink.exitCode).toBe(0);
    const sinks = JSON.parse(sink.output.stdout) as SinksReport;
    expect(sinks.sinks[0]!.signals.traces.items).toBe(summary.signals.traces!.acknowledged);
  });

  it("print tables for people, the sink's on SIGUSR1 too, and end on SIGINT", async () => {
    const { sink, endpoint, report } = await startSink();
    const generate = start(
      "generate",
      "--endpoint",
      endpoint,
      "--rate",
      "2k",
      "--duration",
      "10m",
      "--sink-report",
      report,
    );
    const report1 = async (): Promise<number> =>
      ((await (await fetch(report)).json()) as SinksReport).sinks[0]!.signals.traces.items;
    await expect.poll(report1, { timeout: 20_000 }).toBeGreaterThan(0);
    generate.child.kill("SIGINT");
    expect(await generate.exitCode).toBe(0);
    expect(generate.output.stdout).toContain("OK: every acknowledged item arrived");
    expect(generate.output.stdout).toMatch(/^spans +\d/m);
    sink.child.kill("SIGUSR1");
    await expect.poll(() => sink.output.stdout, { timeout: 20_000 }).toContain("frontend");
    sink.child.kill("SIGINT");
    expect(await sink.exitCode).toBe(0);
  });

  it("exit with 1 where a trace is split and should not be, where nothing goes through, and where a report is missing", async () => {
    const { endpoint, report, sink } = await startSink(
      "--endpoint",
      "127.0.0.1:0",
      "--endpoint",
      "127.0.0.1:0",
    );
    const [, other] = [...sink.output.stderr.matchAll(/listening on (\S+)/g)].map(([, address]) => address!);
    const split = start(
      "generate",
      "--endpoint",
      endpoint,
      "--endpoint",
      other!,
      "--count",
      "2k",
      "--sink-report",
      report,
      "--expect-whole-traces",
    );
    const unreachable = start(
      "generate",
      "--endpoint",
      "127.0.0.1:1",
      "--no-retry",
      "--count",
      "10",
      "--batch-size",
      "10",
    );
    const noReport = start("generate", "--endpoint", endpoint, "--sink-report", "http://127.0.0.1:1/report");
    expect(await split.exitCode).toBe(1);
    expect(split.output.stdout).toMatch(/NOT OK: \d+ traces are at more than one sink/);
    expect(await unreachable.exitCode).toBe(1);
    expect(unreachable.output.stdout).toContain("NOT OK: nothing was acknowledged");
    expect(await noReport.exitCode).toBe(1);
    expect(noReport.output.stderr).toContain(
      "otlp-ring generate: cannot read the sinks' report at http://127.0.0.1:1/report",
    );
  });

  it("exit with 2 where they are used wrongly, and say how", async () => {
    const wrong = [
      start("generate", "--signals", "traces,spans"),
      start("generate", "--count", "many"),
      start("sink", "--fail-code", "OK"),
      start("sink", "--no-such-option"),
    ];
    expect(await Promise.all(wrong.map(({ exitCode }) => exitCode))).toEqual([2, 2, 2, 2]);
    expect(wrong[0]!.output.stderr).toContain(`expected a list such as "traces,metrics,logs"`);
    const help = start("generate", "--help");
    expect(await help.exitCode).toBe(0);
    expect(help.output.stdout).toContain("--expect-whole-traces");
  });
});
