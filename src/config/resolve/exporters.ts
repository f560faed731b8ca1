/** `exporters`, as pools of backends. */
import type { ClientTlsSettings } from "../../base/tls.ts";
import { defaultRoutingKey, type RoutingKey, routingKeys } from "../../otlp/routing-key.ts";
import { type Signal, signals } from "../../otlp/signal.ts";
import type { Path } from "../fault.ts";
import { readField } from "../fields.ts";
import type { ConfigurationReader } from "../reader.ts";
import { type LoadBalancingSection, walField } from "../schema/exporters.ts";
import type { ClientTlsSection } from "../schema/otlp-protocol.ts";
import type { ExporterSettings, OtlpGrpcProtocolSettings, WalSettings } from "../settings.ts";
import type { Component, Components } from "./components.ts";
import { defined } from "./defined.ts";
import type { Extensions } from "./extensions.ts";
import { resolveResolver } from "./resolvers.ts";
import { commonTlsSettings } from "./tls.ts";

const CALL_TIMEOUT_DEFAULT_MS = 5000;

/** Exporters whose sections have no fault. */
export function resolveExporters(
  reader: ConfigurationReader,
  components: Components<LoadBalancingSection>,
  extensions: Extensions,
): ExporterSettings[] {
  return [...components.values()].flatMap(
    (component) => resolveExporter(reader, component, extensions) ?? [],
  );
}

/** The key that an exporter routes a signal by; undefined where it has none for that signal. */
export function routingKeyFor(routingKey: RoutingKey | undefined, signal: Signal): RoutingKey | undefined {
  if (routingKey === undefined) return defaultRoutingKey[signal];
  const ofSignal: readonly RoutingKey[] = routingKeys[signal];
  return ofSignal.includes(routingKey) ? routingKey : undefined;
}

function resolveExporter(
  reader: ConfigurationReader,
  { name, path, section }: Component<LoadBalancingSection>,
  extensions: Extensions,
): ExporterSettings | undefined {
  if (section === undefined) return undefined;
  const wal = resolveWal(section, path, extensions);
  const protocol = resolveProtocol(reader, section, path, extensions);
  checkRoutingAttributes(reader, section, path);
  if (section.ring.compat !== "none") {
    reader.expected([...path, "ring", "compat"], "none, the only ring of this version");
  }
  if (reader.has([...path, "handoff", "window"]) && section.handoff.window > 0) {
    reader.warn([...path, "handoff"], "has no effect: in this version keys move at once");
  }
  const resolver = resolveResolver(reader, section.resolver, [...path, "resolver"]);
  if (resolver === undefined) return undefined;
  return {
    name,
    routingKey: defined(
      Object.fromEntries(
        signals.map((signal) => [signal, routingKeyFor(section.routing_key, signal)]),
      ) as Record<Signal, RoutingKey | undefined>,
    ),
    routingAttributes: section.routing_key === "attributes" ? section.routing_attributes : [],
    resolver,
    protocol,
    ring: { size: section.ring.size },
    delivery: {
      maxInFlight: section.delivery.max_in_flight,
      maxBatchSizeBytes: section.delivery.max_batch_size,
    },
    handoff: { windowMs: section.handoff.window },
    forwardHeaders: [...new Set(section.forward_headers.map((name) => name.toLowerCase()))].sort(),
    ...(section.allowed_cidrs.length > 0 && { allowedCidrs: section.allowed_cidrs }),
    ...defined({ wal }),
  };
}

function checkRoutingAttributes(
  reader: ConfigurationReader,
  section: LoadBalancingSection,
  path: Path,
): void {
  const isGiven = section.routing_attributes.length > 0;
  if (section.routing_key === "attributes" && !isGiven) {
    reader.expected([...path, "routing_attributes"], "a list of attributes for routing_key: attributes");
  } else if (section.routing_key !== "attributes" && isGiven) {
    reader.warn([...path, "routing_attributes"], "has no effect without routing_key: attributes");
  }
}

function resolveProtocol(
  reader: ConfigurationReader,
  section: LoadBalancingSection,
  exporterPath: Path,
  extensions: Extensions,
): OtlpGrpcProtocolSettings {
  const { otlp } = section.protocol;
  const path = [...exporterPath, "protocol", "otlp"];
  return {
    type: "otlp_grpc",
    timeoutMs: section.delivery.timeout ?? otlp.timeout ?? CALL_TIMEOUT_DEFAULT_MS,
    compression: otlp.compression === "none" ? "identity" : otlp.compression,
    headers: Object.fromEntries(Array.from(otlp.headers, ([name, value]) => [name.toLowerCase(), value])),
    keepalive: { timeMs: otlp.keepalive.time, timeoutMs: otlp.keepalive.timeout },
    ...defined({
      tls: resolveClientTls(reader, otlp.tls, [...path, "tls"]),
      auth: extensions.credentials(otlp.auth, [...path, "auth"]),
    }),
  };
}

/** Undefined for plain text, which an authority overrules, as in the Collector. */
function resolveClientTls(
  reader: ConfigurationReader,
  section: ClientTlsSection,
  path: Path,
): ClientTlsSettings | undefined {
  const { ca_file: caFile, ca_pem: caPem, server_name_override: serverNameOverride } = section;
  if (caFile !== undefined && caPem !== undefined) {
    reader.expected([...path, "ca_pem"], "one of ca_file and ca_pem", "both");
  }
  const settings = commonTlsSettings(reader, section, path);
  if (section.insecure && caFile === undefined && caPem === undefined) {
    if (section.insecure_skip_verify) {
      reader.warn([...path, "insecure_skip_verify"], "has no effect beside insecure: nothing is encrypted");
    }
    return undefined;
  }
  return {
    ...settings,
    insecureSkipVerify: section.insecure_skip_verify,
    includeSystemCaCertsPool: section.include_system_ca_certs_pool,
    ...defined({ caFile, caPem, serverNameOverride }),
  };
}

/** The log's settings: its own section's, or with the directory of a `file_storage`. */
function resolveWal(
  section: LoadBalancingSection,
  path: Path,
  extensions: Extensions,
): WalSettings | undefined {
  const { wal } = section;
  const outer = section.sending_queue?.storage;
  const inner = section.protocol.otlp.sending_queue?.storage;
  const queuePath =
    outer === undefined ? [...path, "protocol", "otlp", "sending_queue"] : [...path, "sending_queue"];
  const storageDirectory = extensions.storageDirectory([...queuePath, "storage"], outer ?? inner);
  const settings = wal ?? (storageDirectory === undefined ? undefined : walOf(storageDirectory));
  return (
    settings && {
      directory: settings.directory,
      maxSizeBytes: settings.max_size,
      segmentSizeBytes: settings.segment_size,
      sync: settings.sync,
      onFull: settings.on_full,
    }
  );
}

/** The defaults of a log in that directory. */
function walOf(directory: string): LoadBalancingSection["wal"] {
  const read = readField(walField, { directory });
  return "value" in read ? read.value : undefined;
}
