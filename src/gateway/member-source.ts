/** Where an exporter's members come from, as its configuration says. */
import type { LookupFunction } from "node:net";
import type { Logger } from "../base/logger.ts";
import type { MetricRegistry } from "../base/metrics.ts";
import type { ExporterSettings } from "../config/settings.ts";
import { AddressGuard } from "../discovery/address-guard.ts";
import { createDialLookup } from "../discovery/dial-lookup.ts";
import type { NameResolver } from "../discovery/dns/resolver.ts";
import { type DnsRecordKind, DnsSource } from "../discovery/dns-source.ts";
import type { MemberSource } from "../discovery/member-source.ts";
import { StaticSource } from "../discovery/static-source.ts";

export interface MemberSourceModules {
  readonly metrics: MetricRegistry;
  readonly logger: Logger;
  readonly resolver: NameResolver;
}

const recordKinds: Readonly<Record<string, DnsRecordKind>> = {
  A: "A",
  AAAA: "AAAA",
  "A+AAAA": "A+AAAA",
  SRV: "SRV",
};

/** How the names of SRV records are resolved when they are dialled; undefined where members are addresses or the operator's words. */
export function createMemberLookup(
  { resolver: settings, allowedCidrs }: ExporterSettings,
  resolver: NameResolver,
): LookupFunction | undefined {
  if (settings.type !== "dns" || settings.records[0] !== "SRV") return undefined;
  const guard = new AddressGuard(allowedCidrs ?? []);
  return createDialLookup({ timeoutMs: settings.timeoutMs, guard }, { resolver });
}

/** Not started yet; `otlp-ring route` makes one too, and looks once. */
export function createMemberSource(settings: ExporterSettings, modules: MemberSourceModules): MemberSource {
  const { name, resolver } = settings;
  switch (resolver.type) {
    case "static":
      return new StaticSource({ name, endpoints: resolver.members }, modules);
    case "dns": {
      const record = recordKinds[resolver.records.join("+")]!;
      return new DnsSource(
        {
          name,
          hostname: resolver.hostname,
          record,
          // SRV records bring their own.
          ...(record !== "SRV" && { port: resolver.port }),
          intervalMs: resolver.intervalMs,
          timeoutMs: resolver.timeoutMs,
          allowedCidrs: settings.allowedCidrs ?? [],
        },
        modules,
      );
    }
  }
}
