/** Programs as a user starts them: the command line in processes of its own, with files and ports. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";

export const program = fileURLToPath(new URL("../../../bin/otlp-ring", import.meta.url));

const readyTimeoutMs = 20_000;
/** A command that has not ended by then never will. */
const runTimeoutMs = 120_000;
const pollMs = 50;

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until `holds` answers true. Throws with `what`, which may look at how things stand then, when it does not in time. */
export async function until(
  what: string | (() => string),
  holds: () => boolean | Promise<boolean>,
  timeoutMs = readyTimeoutMs,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > endMs) {
      throw new Error(`not in ${timeoutMs} ms: ${typeof what === "string" ? what : what()}`);
    }
    await sleep(pollMs);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

export interface Running {
  readonly child: ChildProcess;
  /** What it wrote so far, both streams together. */
  output(): string;
  /** Sends the signal and answers the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A scenario's processes and files; all are gone when it ends, whatever happened. */
export class Workplace {
  readonly folder = mkdtempSync(`${tmpdir()}/otlp-ring-e2e-`);
  readonly #running = new Set<ChildProcess>();

  file(name: string, text: string): string {
    const path = `${this.folder}/${name}`;
    writeFileSync(path, text);
    return path;
  }

  start(args: readonly string[]): Running {
    const child = spawn(program, args, { cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
    this.#running.add(child);
    let output = "";
    const exited = once(child, "exit").then(() => this.#running.delete(child));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    return {
      child,
      output: () => output,
      stop: async (signal = "SIGTERM") => {
        child.kill(signal);
        await exited;
        return child.exitCode;
      },
    };
  }

  /** Runs a command to its end; its exit code is null when it had to be killed. */
  async run(args: readonly string[]): Promise<Finished> {
    const child = spawn(program, args, {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: runTimeoutMs,
      killSignal: "SIGKILL",
    });
    this.#running.add(child);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    await once(child, "close");
    this.#running.delete(child);
    return { exitCode: child.exitCode, stdout, stderr };
  }

  async close(): Promise<void> {
    for (const child of this.#running) child.kill("SIGKILL");
    await until("every process has ended", () => this.#running.size === 0);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
