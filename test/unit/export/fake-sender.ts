/** A backend in the test's hand: calls wait until they are answered. */
import type { CallOutcome } from "../../../src/export/outcome.ts";
import type { Sender } from "../../../src/export/sender.ts";
import type { ForwardedHeaders } from "../../../src/otlp/export-request.ts";
import type { Signal } from "../../../src/otlp/signal.ts";

export interface FakeCall {
  readonly signal: Signal;
  readonly headersKey: string;
  readonly payloads: readonly Buffer[];
  readonly deadlineMs: number;
  answer(outcome: CallOutcome): void;
}

export class FakeSender implements Sender {
  connectionState: Sender["connectionState"] = "ready";
  readonly calls: FakeCall[] = [];
  readonly open = new Set<FakeCall>();

  call(
    signal: Signal,
    forwardedHeaders: ForwardedHeaders,
    payloads: readonly Buffer[],
    deadlineMs: number,
  ): Promise<CallOutcome> {
    return new Promise((resolve) => {
      const call: FakeCall = {
        signal,
        headersKey: forwardedHeaders.key,
        payloads,
        deadlineMs,
        answer: (outcome) => {
          this.open.delete(call);
          resolve(outcome);
        },
      };
      this.calls.push(call);
      this.open.add(call);
    });
  }

  close(): void {
    this.connectionState = "closed";
    for (const call of this.open) call.answer(undelivered("closed"));
  }
}

export const delivered: CallOutcome = { kind: "delivered", rejectedItems: 0, message: "" };

export function rejected(message = "bad"): CallOutcome {
  return { kind: "rejected", status: { code: 3, message } };
}

export function undelivered(message = "away", retryDelayMs?: number): CallOutcome {
  const status = { code: 14, message } as const;
  return { kind: "undelivered", status: retryDelayMs === undefined ? status : { ...status, retryDelayMs } };
}

export function tooLarge(isAboutSize = true): CallOutcome {
  return { kind: "too_large", status: { code: 8, message: "too large" }, isAboutSize };
}

/** Everything that follows from what was just done, short of timers, has happened when it answers. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
