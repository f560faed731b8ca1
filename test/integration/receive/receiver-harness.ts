/** What the harnesses of both receivers share: a sink that records and answers as told, and what is looked at. */
import { expect, onTestFinished, vi } from "vitest";
import { ByteBudget } from "../../../src/base/byte-budget.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import type { ExportRequest, ExportResult, TelemetrySink } from "../../../src/otlp/export-request.ts";
import type { ReceiverModules } from "../../../src/receive/receiver-options.ts";

export const megabyte = 1024 * 1024;

/** What came in one request; the payload is a copy, since the receiver may use its memory again. */
export type RecordedRequest = Pick<ExportRequest, "signal" | "payload" | "forwardedHeaders" | "deadlineMs">;

export class RecordingSink implements TelemetrySink {
  readonly requests: RecordedRequest[] = [];
  /** What is answered; a request is recorded before it is asked. */
  answer: (request: ExportRequest) => ExportResult | Promise<ExportResult> = () => ({ kind: "success" });

  async export(request: ExportRequest): Promise<ExportResult> {
    const { signal, payload, forwardedHeaders, deadlineMs } = request;
    this.requests.push({ signal, payload: Buffer.from(payload), forwardedHeaders, deadlineMs });
    return this.answer(request);
  }
}

interface Receiver {
  listen(): Promise<{ port: number }>;
  close(graceMs: number): Promise<void>;
}

export interface ReceiverHarness<R> {
  readonly receiver: R;
  readonly port: number;
  readonly sink: RecordingSink;
  readonly budget: ByteBudget;
  /** The value of a series of the receiver's metrics; 0 where it was never counted. */
  metric(name: string, ...labelValues: string[]): number;
}

/** Listens until the test is finished. */
export async function listenForTest<R extends Receiver>(
  budgetBytes: number,
  create: (modules: ReceiverModules) => R,
): Promise<ReceiverHarness<R>> {
  const sink = new RecordingSink();
  const budget = new ByteBudget(budgetBytes);
  const metrics = new MetricRegistry();
  const receiver = create({ sink, budget, metrics, logger: silentLogger });
  const { port } = await receiver.listen();
  onTestFinished(() => receiver.close(0));
  const metric = (name: string, ...labelValues: string[]) => {
    const family = metrics.families().find(({ definition }) => definition.name === name);
    const series = family?.series.find((entry) => entry.labelValues.join() === labelValues.join());
    return series === undefined ? 0 : (series.instrument as { value: number }).value;
  };
  return { receiver, port, sink, budget, metric };
}

export async function expectNothingHeld({ budget }: { readonly budget: ByteBudget }): Promise<void> {
  await vi.waitFor(() => expect(budget.usedBytes).toBe(0), { timeout: 10_000 });
}
