/**
 * The gateway, composed: everything is built before anything listens, started from the back to the
 * front, and stopped from the front to the back, so that what has been taken can still be delivered.
 */

import { HealthModel, type HealthReporter } from "./admin/health.ts";
import { listenHealth } from "./admin/health-server.ts";
import type { AdminServer } from "./admin/http-server.ts";
import { listenMetrics } from "./admin/metrics-server.ts";
import { ProcessMetrics } from "./admin/process-metrics.ts";
import { RecentEvents } from "./admin/recent-events.ts";
import { listenStatus } from "./admin/status-server.ts";
import { ByteBudget } from "./base/byte-budget.ts";
import { monotonicMs } from "./base/clock.ts";
import type { Logger } from "./base/logger.ts";
import { MetricRegistry } from "./base/metrics.ts";
import type { GatewaySettings } from "./config/settings.ts";
import { DnsResolver, type NameResolver } from "./discovery/dns/resolver.ts";
import { ExportMetrics } from "./export/metrics.ts";
import { createExporter, type Exporter } from "./gateway/exporter.ts";
import { createReceivers, type Receiver } from "./gateway/receivers.ts";
import { Routes } from "./gateway/routes.ts";
import { GatewayStatus } from "./gateway/status.ts";

export interface GatewayModules {
  readonly logger: Logger;
  readonly version: string;
  /** By which backends are found. Default: the machine's nameservers. */
  readonly resolver?: NameResolver;
}

/** `process.constrainedMemory()` answers this much where nothing constrains the process. */
const unconstrainedBytes = 2 ** 48;

type GatewayState =
  | { readonly kind: "built" }
  | { readonly kind: "running" }
  | { readonly kind: "stopping"; readonly stopped: Promise<void> };

export class Gateway {
  readonly metrics = new MetricRegistry();
  readonly #settings: GatewaySettings;
  readonly #logger: Logger;
  readonly #health: HealthModel;
  readonly #process: HealthReporter;
  readonly #events = new RecentEvents();
  readonly #exporters: ReadonlyMap<string, Exporter>;
  readonly #receivers: readonly Receiver[];
  readonly #status: GatewayStatus;
  readonly #processMetrics: ProcessMetrics;
  readonly #adminServers: AdminServer[] = [];
  #state: GatewayState = { kind: "built" };

  /** @throws OtlpRingError where a file that the settings name cannot be used. */
  constructor(settings: GatewaySettings, { logger, version, resolver = new DnsResolver() }: GatewayModules) {
    this.#settings = settings;
    this.#logger = logger;
    const { metrics } = this;
    this.#health = new HealthModel({ logger, metrics });
    this.#process = this.#health.add("gateway", { group: "process" });
    this.#processMetrics = new ProcessMetrics({ metrics });
    const exportMetrics = new ExportMetrics(metrics);
    const userAgent = `otlp-ring/${version}`;
    this.#exporters = new Map(
      settings.exporters.map((exporter) => [
        exporter.name,
        createExporter(exporter, { metrics, exportMetrics, logger, userAgent, resolver }),
      ]),
    );
    const budget = new ByteBudget(settings.memory.inFlightBytes ?? defaultInFlightBytes());
    const routes = new Routes(settings, { exporters: this.#exporters, metrics });
    this.#receivers = createReceivers(settings, { routes, budget, metrics, logger });
    this.#status = new GatewayStatus({
      version,
      health: this.#health,
      events: this.#events,
      exporters: [...this.#exporters.values()],
      routes: routes.all(),
    });
  }

  /**
   * Starts admin servers, discovery and receivers, in this order; answers the receivers' addresses.
   * @throws OtlpRingError where an address cannot be listened on; nothing is left running then.
   */
  async start(): Promise<readonly { readonly name: string; readonly host: string; readonly port: number }[]> {
    this.#state = { kind: "running" };
    try {
      await this.#startAdminServers();
      await Promise.all(Array.from(this.#exporters.values(), (exporter) => this.#startExporter(exporter)));
      const addresses = [];
      for (const receiver of this.#receivers) {
        const reporter = this.#health.add(`receiver:${receiver.name}`, { group: "receivers" });
        const address = await receiver.listen();
        reporter.report("ok");
        this.#logger.info({ receiver: receiver.name, ...address }, "receiving OTLP");
        addresses.push({ name: receiver.name, ...address });
      }
      this.#process.report("ok");
      return addresses;
    } catch (error) {
      await this.stop({ delayMs: 0, drainTimeoutMs: 0 });
      throw error;
    }
  }

  /**
   * Not ready at once; after `delayMs`, in which clients learn of that, they are sent elsewhere; what is
   * in flight gets until `drainTimeoutMs` to be delivered. Calling it again waits for the first.
   */
  stop(
    { delayMs, drainTimeoutMs }: { delayMs: number; drainTimeoutMs: number } = this.#settings.shutdown,
  ): Promise<void> {
    if (this.#state.kind !== "stopping")
      this.#state = { kind: "stopping", stopped: this.#stop(delayMs, drainTimeoutMs) };
    return this.#state.stopped;
  }

  async #stop(delayMs: number, drainTimeoutMs: number): Promise<void> {
    this.#process.report("draining", "it was told to stop");
    this.#logger.info({ delayMs, drainTimeoutMs }, "stopping");
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    const endMs = monotonicMs() + drainTimeoutMs;
    const remainingMs = (): number => Math.max(0, endMs - monotonicMs());
    await Promise.all(this.#receivers.map((receiver) => receiver.close(drainTimeoutMs)));
    await Promise.all(Array.from(this.#exporters.values(), (exporter) => exporter.close(remainingMs())));
    this.#processMetrics.close();
    await Promise.all(this.#adminServers.map((server) => server.close()));
    this.#logger.info({}, "stopped");
  }

  async #startAdminServers(): Promise<void> {
    const { healthCheck, metrics, zpages } = this.#settings;
    const logger = this.#logger;
    if (healthCheck !== undefined) {
      this.#adminServers.push(await listenHealth(healthCheck, { logger, health: this.#health }));
    }
    if (metrics !== undefined) {
      const collect = () => {
        this.#processMetrics.collect();
        return this.metrics.families();
      };
      this.#adminServers.push(await listenMetrics(metrics, { logger, collect }));
    }
    if (zpages !== undefined) {
      this.#adminServers.push(await listenStatus(zpages, { logger, source: this.#status }));
    }
  }

  /** Ready when members have been found once: a later failure keeps the last list. */
  async #startExporter(exporter: Exporter): Promise<void> {
    const reporter = this.#health.add(`ring:${exporter.name}`, { group: "rings" });
    reporter.report("starting", "no backend has been found yet");
    await exporter.start((ring) => {
      reporter.report("ok");
      this.#events.record(
        "ring",
        `${exporter.name}: ${ring.members.length} members, fingerprint ${ring.fingerprint}`,
      );
    });
  }
}

/** A quarter of the memory that the process may use. */
function defaultInFlightBytes(): number {
  const constrained = process.constrainedMemory();
  const available =
    constrained > 0 && constrained < unconstrainedBytes ? constrained : process.availableMemory();
  return Math.floor(available / 4);
}
