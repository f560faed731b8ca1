/** Senders of OTLP/HTTP and backends for them, which end with the test. */
import { readFileSync } from "node:fs";
import { afterEach } from "vitest";
import { monotonicMs } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import { type ClientTlsSettings, loadClientTls } from "../../../src/base/tls.ts";
import { createHttpSender, type HttpSenderOptions } from "../../../src/export/http-sender.ts";
import type { CallOutcome } from "../../../src/export/outcome.ts";
import type { Sender } from "../../../src/export/sender.ts";
import { noForwardedHeaders } from "../../../src/otlp/export-request.ts";
import type { Signal } from "../../../src/otlp/signal.ts";
import { certificates } from "../../support/certificates/paths.ts";
import { startRawPeer } from "./backends.ts";
import { type HttpBackendOptions, type Respond, startHttpBackend } from "./http-backends.ts";

/** Undone in reverse when a test has ended. */
export const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export async function backend(respond?: Respond, options?: HttpBackendOptions) {
  const started = await startHttpBackend(respond, options);
  cleanups.push(started.stop);
  return started;
}

export async function rawPeer(onConnection: Parameters<typeof startRawPeer>[0]) {
  const started = await startRawPeer(onConnection);
  cleanups.push(started.stop);
  return started;
}

export function sender(member: string, options: Partial<HttpSenderOptions> = {}): Sender {
  const created = createHttpSender(
    { member, userAgent: "otlp-ring/test", ...options },
    { logger: silentLogger },
  );
  cleanups.push(() => created.close());
  return created;
}

/** `payload` alone, or pieces. */
export function call(
  to: Sender,
  payload: string | readonly Buffer[],
  timeoutMs = 5000,
  signal: Signal = "traces",
) {
  const payloads = typeof payload === "string" ? [Buffer.from(payload)] : payload;
  return to.call(signal, noForwardedHeaders, payloads, monotonicMs() + timeoutMs);
}

export async function outcomeFrom(respond: Respond, signal?: Signal): Promise<CallOutcome> {
  const { member } = await backend(respond);
  return call(sender(member), "payload", 5000, signal);
}

export const delivered = { kind: "delivered", rejectedItems: 0, message: "" };

export function tls(settings: ClientTlsSettings) {
  const loaded = loadClientTls(settings, { logger: silentLogger, metrics: new MetricRegistry() });
  if (loaded === undefined) throw new Error("no TLS");
  cleanups.push(() => loaded.close());
  return loaded;
}

export const serverTls = {
  cert: readFileSync(certificates.serverOne.cert),
  key: readFileSync(certificates.serverOne.key),
};
