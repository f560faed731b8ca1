/** A whole gateway in the test's process, from the text of a configuration. */
import { afterEach } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { loadSettings } from "../../src/config/load.ts";
import { Gateway, type GatewayModules } from "../../src/gateway.ts";
import { Sink, type SinkOptions } from "../../src/tools/sink/sink.ts";

const toClose: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  // Last begun, first ended: the gateway before its backends.
  for (const close of toClose.splice(0).reverse()) await close();
});

export async function startSink(options: SinkOptions = {}): Promise<Sink> {
  const sink = new Sink(options);
  await sink.start();
  toClose.push(() => sink.stop());
  return sink;
}

export interface StartedGateway {
  readonly gateway: Gateway;
  /** `host:port` of its receivers, by name: `otlp/grpc`. */
  readonly endpoints: Readonly<Record<string, string>>;
}

/** Starts it; it is stopped when the test has ended. Metrics and health are off unless the text asks for them. */
export async function startGateway(
  text: string,
  modules: Partial<GatewayModules> = {},
): Promise<StartedGateway> {
  const files = [{ name: "test.yaml", text }];
  const sets = ["service.telemetry.metrics.level=none"];
  const { settings } = loadSettings({ files, sets, env: {} });
  const gateway = new Gateway(settings, { logger: silentLogger, version: "0.0.0", ...modules });
  const addresses = await gateway.start();
  toClose.push(() => gateway.stop({ delayMs: 0, drainTimeoutMs: 2000 }));
  return {
    gateway,
    endpoints: Object.fromEntries(addresses.map(({ name, host, port }) => [name, `${host}:${port}`])),
  };
}
