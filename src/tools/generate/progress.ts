/** How a run is doing while it goes on: a bar on a terminal, a plain line every few seconds elsewhere. */
import { monotonicMs } from "../../base/clock.ts";
import { signals } from "../otlp-proto.ts";
import { formatApproximate, formatCount, formatDuration } from "../text.ts";
import type { Generator } from "./generator.ts";

const barWidth = 24;
const terminalIntervalMs = 150;
const plainIntervalMs = 5000;

/** The stream to write to; process.stderr in the command. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class Progress {
  readonly #generator: Generator;
  readonly #stream: ProgressStream;
  readonly #isTerminal: boolean;
  readonly #useColor: boolean;
  readonly #timer: NodeJS.Timeout;
  #lastMs = monotonicMs();
  #lastAcknowledged = 0;

  constructor(generator: Generator, stream: ProgressStream, environment: NodeJS.ProcessEnv = process.env) {
    this.#generator = generator;
    this.#stream = stream;
    this.#isTerminal = stream.isTTY === true && environment["TERM"] !== "dumb";
    this.#useColor = this.#isTerminal && (environment["NO_COLOR"] ?? "") === "";
    this.#timer = setInterval(() => this.#write(), this.#isTerminal ? terminalIntervalMs : plainIntervalMs);
  }

  /** Takes the bar away. */
  stop(): void {
    clearInterval(this.#timer);
    if (this.#isTerminal) this.#stream.write("\r\u001b[K");
  }

  #write(): void {
    const line = this.#line();
    if (!this.#isTerminal) this.#stream.write(`${line}\n`);
    else
      this.#stream.write(
        `\r${this.#bar()} ${line.slice(0, (this.#stream.columns ?? 80) - barWidth - 4)}\u001b[K`,
      );
  }

  #line(): string {
    const accounts = signals.map((signal) => this.#generator.accounts[signal]);
    const sum = (field: "acknowledged" | "rejected" | "failed" | "retries"): number =>
      accounts.reduce((total, account) => total + account[field], 0);
    const acknowledged = sum("acknowledged");
    const nowMs = monotonicMs();
    const rate = ((acknowledged - this.#lastAcknowledged) / Math.max(1, nowMs - this.#lastMs)) * 1000;
    this.#lastMs = nowMs;
    this.#lastAcknowledged = acknowledged;
    const troubles = (["rejected", "failed", "retries"] as const)
      .filter((field) => sum(field) > 0)
      .map((field) => `, ${formatCount(sum(field))} ${field}`);
    const elapsed = formatDuration(this.#generator.elapsedMs);
    return `${elapsed}  ${formatCount(acknowledged)} acknowledged, ${formatApproximate(rate)}/s${troubles.join("")}`;
  }

  /** A run without an end has a bar that only wanders. */
  #bar(): string {
    const { progress, elapsedMs } = this.#generator;
    const full = Math.round((progress ?? 0) * barWidth);
    const cells =
      progress === undefined
        ? "─"
            .repeat(barWidth)
            .split("")
            .with(Math.floor(elapsedMs / 200) % barWidth, "━")
            .join("")
        : "━".repeat(full) + "─".repeat(barWidth - full);
    return this.#useColor ? `\u001b[36m${cells}\u001b[0m` : cells;
  }
}
