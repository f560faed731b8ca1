/** One load-balancing exporter, put together: where its members come from, its ring, and a lane to each member. */
import { clientCredentials } from "../base/client-credentials.ts";
import type { Logger } from "../base/logger.ts";
import type { MetricRegistry } from "../base/metrics.ts";
import { loadClientTls } from "../base/tls.ts";
import type { ExporterSettings } from "../config/settings.ts";
import { DnsResolver } from "../discovery/dns/resolver.ts";
import { type DnsRecordKind, DnsSource } from "../discovery/dns-source.ts";
import type { MemberSource } from "../discovery/member-source.ts";
import { StaticSource } from "../discovery/static-source.ts";
import { createGrpcSender } from "../export/grpc-sender.ts";
import { type BackendLane, createLane } from "../export/lane.ts";
import type { ExportMetrics } from "../export/metrics.ts";
import { cutInHalf } from "../otlp/cut.ts";
import { BackendPool } from "../pipeline/backend-pool.ts";
import type { Ring } from "../ring/ring.ts";

export interface ExporterModules {
  readonly metrics: MetricRegistry;
  readonly exportMetrics: ExportMetrics;
  readonly logger: Logger;
  /** `otlp-ring/<version>`. */
  readonly userAgent: string;
}

export interface Exporter {
  readonly name: string;
  readonly settings: ExporterSettings;
  readonly pool: BackendPool;
  readonly source: MemberSource;
  /** The lanes of members that are on the ring now. */
  lanes(): readonly BackendLane[];
  /**
   * Looks for members, and goes on looking; `onRing` hears of every new ring. Fulfilled after the first
   * look, whatever it found.
   */
  start(onRing: (ring: Ring) => void): Promise<void>;
  /** Delivers what waits for at most `drainMs`. */
  close(drainMs: number): Promise<void>;
}

/** @throws OtlpRingError where certificates, credentials or endpoints cannot be used. */
export function createExporter(settings: ExporterSettings, modules: ExporterModules): Exporter {
  const { metrics } = modules;
  const { name, protocol, delivery } = settings;
  const logger = modules.logger.child({ exporter: name });
  const tls = protocol.tls === undefined ? undefined : loadClientTls(protocol.tls, { logger, metrics });
  const credentials = protocol.auth === undefined ? undefined : clientCredentials(protocol.auth, { logger });
  const lanes = new Map<string, BackendLane>();

  const pool = new BackendPool(
    { name, ringSize: settings.ring.size, drainMs: protocol.timeoutMs },
    {
      metrics,
      logger,
      createLane: (member) => {
        const sender = createGrpcSender(
          {
            member,
            userAgent: modules.userAgent,
            compression: protocol.compression,
            headers: protocol.headers,
            keepaliveTimeMs: protocol.keepalive.timeMs,
            keepaliveTimeoutMs: protocol.keepalive.timeoutMs,
            ...(tls && { tls }),
            ...(credentials && { credentials }),
          },
          { logger },
        );
        const lane = createLane(
          { member, exporter: name, timeoutMs: protocol.timeoutMs, ...delivery },
          { sender, cut: cutInHalf, metrics: modules.exportMetrics, logger },
        );
        lanes.set(member, lane);
        return lane;
      },
    },
  );
  const source = createSource(settings, { metrics, logger });

  return {
    name,
    settings,
    pool,
    source,
    lanes: () => pool.view?.ring.members.flatMap((member) => lanes.get(member) ?? []) ?? [],
    start: (onRing) =>
      source.start((members) => {
        pool.setMembers(members);
        const current = new Set(members);
        for (const member of lanes.keys()) if (!current.has(member)) lanes.delete(member);
        if (pool.view !== undefined) onRing(pool.view.ring);
      }),
    async close(drainMs) {
      source.close();
      await pool.close(drainMs);
      tls?.close();
      credentials?.close();
    },
  };
}

/** Also for `otlp-ring route`, which looks once. */
export function createSource(
  settings: ExporterSettings,
  modules: { readonly metrics: MetricRegistry; readonly logger: Logger },
): MemberSource {
  const { name, resolver } = settings;
  switch (resolver.type) {
    case "static":
      return new StaticSource({ name, endpoints: resolver.members }, modules);
    case "dns":
      return new DnsSource(
        {
          name,
          hostname: resolver.hostname,
          record: recordKinds[resolver.records.join("+")]!,
          port: resolver.port,
          intervalMs: resolver.intervalMs,
          timeoutMs: resolver.timeoutMs,
          allowedCidrs: settings.allowedCidrs ?? [],
        },
        { ...modules, resolver: new DnsResolver() },
      );
  }
}

const recordKinds: Readonly<Record<string, DnsRecordKind>> = {
  A: "A",
  AAAA: "AAAA",
  "A+AAAA": "A+AAAA",
  SRV: "SRV",
};
