/** One load-balancing exporter, put together: where its members come from, its ring, and a lane to each member. */
import { clientCredentials } from "../base/client-credentials.ts";
import type { Logger } from "../base/logger.ts";
import type { MetricRegistry } from "../base/metrics.ts";
import { loadClientTls } from "../base/tls.ts";
import type { ExporterSettings } from "../config/settings.ts";
import type { NameResolver } from "../discovery/dns/resolver.ts";
import type { MemberSource } from "../discovery/member-source.ts";
import { type BackendLane, createLane } from "../export/lane.ts";
import type { ExportMetrics } from "../export/metrics.ts";
import { cutInHalf } from "../otlp/cut.ts";
import { BackendPool } from "../pipeline/backend-pool.ts";
import type { Ring } from "../ring/ring.ts";
import { createMemberLookup, createMemberSource } from "./member-source.ts";
import { createSender } from "./sender.ts";

export interface ExporterModules {
  readonly metrics: MetricRegistry;
  readonly exportMetrics: ExportMetrics;
  readonly logger: Logger;
  /** `otlp-ring/<version>`. */
  readonly userAgent: string;
  /** By which names are found. */
  readonly resolver: NameResolver;
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
  const lookup = createMemberLookup(settings, modules.resolver);
  const lanes = new Map<string, BackendLane>();

  const pool = new BackendPool(
    { name, ringSize: settings.ring.size, drainMs: protocol.timeoutMs },
    {
      metrics,
      logger,
      createLane: (member) => {
        const sender = createSender(
          settings,
          {
            member,
            userAgent: modules.userAgent,
            ...(lookup && { lookup }),
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
  const source = createMemberSource(settings, { metrics, logger, resolver: modules.resolver });

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
