/** `resolver`: where an exporter's backends are. */
import { formatEndpoint, parseEndpoint } from "../endpoint.ts";
import type { Path } from "../fault.ts";
import type { ConfigurationReader } from "../reader.ts";
import type { ResolverSection } from "../schema/resolver.ts";
import type { ResolverSettings } from "../settings.ts";

/** Resolvers that are known, but cannot be had. */
const unavailable = {
  k8s: "resolver k8s is not available in this version; use dns with the headless service's name",
  aws_cloud_map: "resolver aws_cloud_map is not supported; use dns or static",
} as const;

/**
 * Undefined where there is a fault: exactly one resolver is needed, and one that there is. `portDefault` is of backends
 * that name none.
 */
export function resolveResolver(
  reader: ConfigurationReader,
  section: ResolverSection,
  path: Path,
  portDefault: number,
): ResolverSettings | undefined {
  let isUnavailable = false;
  for (const [type, message] of Object.entries(unavailable)) {
    if (reader.node([...path, type]) === undefined) continue;
    reader.faultAtKey([...path, type], message);
    isUnavailable = true;
  }
  if (isUnavailable) return undefined;
  const { static: fixed, dns } = section;
  if (fixed !== undefined && dns !== undefined) {
    reader.expected(path, "exactly one of static and dns", "both");
    return undefined;
  }
  if (fixed !== undefined) {
    return resolveStatic(reader, fixed.hostnames, [...path, "static", "hostnames"], portDefault);
  }
  if (dns !== undefined) return resolveDns(reader, dns, [...path, "dns"], portDefault);
  reader.expected(path, "exactly one of static and dns", "neither");
  return undefined;
}

function resolveStatic(
  reader: ConfigurationReader,
  hostnames: readonly string[],
  path: Path,
  portDefault: number,
): ResolverSettings {
  const members = hostnames.map((hostname) => formatEndpoint(parseEndpoint(hostname, portDefault)!));
  for (const [index, member] of members.entries()) {
    if (members.indexOf(member) < index) {
      reader.expected([...path, index], "each backend once", `${JSON.stringify(member)} again`);
    }
  }
  return { type: "static", members };
}

function resolveDns(
  reader: ConfigurationReader,
  section: NonNullable<ResolverSection["dns"]>,
  path: Path,
  portDefault: number,
): ResolverSettings {
  const { record } = section;
  if (record === "SRV" && section.port !== undefined) {
    reader.warn([...path, "port"], "has no effect with record SRV: the records say the port");
  }
  if (!section.keep_last_good) {
    reader.warn([...path, "keep_last_good"], "has no effect: in this version the last list is always kept");
  }
  return {
    type: "dns",
    hostname: section.hostname,
    port: section.port ?? portDefault,
    intervalMs: section.interval,
    timeoutMs: section.timeout,
    records: record === undefined ? ["A", "AAAA"] : record === "SRV" ? ["SRV"] : [record],
  };
}
