/** `exporters`, as pools of backends. */
import { defaultRoutingKey, type RoutingKey, routingKeys } from "../../otlp/routing-key.ts";
import { type Signal, signals } from "../../otlp/signal.ts";
import type { Path } from "../fault.ts";
import { readField } from "../fields.ts";
import type { ConfigurationReader } from "../reader.ts";
import { type LoadBalancingSection, walField } from "../schema/exporters.ts";
import type { ExporterSettings, WalSettings } from "../settings.ts";
import type { Component, Components } from "./components.ts";
import { defined } from "./defined.ts";
import type { Extensions } from "./extensions.ts";
import { type ChosenProtocol, chosenProtocol, portDefault, resolveProtocol } from "./protocol.ts";
import { resolveResolver } from "./resolvers.ts";

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
  const chosen = chosenProtocol(reader, section.protocol, [...path, "protocol"]);
  const wal = resolveWal(section, path, chosen, extensions);
  const protocol = resolveProtocol(reader, chosen, section.delivery.timeout, extensions);
  checkRoutingAttributes(reader, section, path);
  if (section.ring.compat !== "none") {
    reader.expected([...path, "ring", "compat"], "none, the only ring of this version");
  }
  if (reader.has([...path, "handoff", "window"]) && section.handoff.window > 0) {
    reader.warn([...path, "handoff"], "has no effect: in this version keys move at once");
  }
  const resolver = resolveResolver(reader, section.resolver, [...path, "resolver"], portDefault[chosen.type]);
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

/** The log's settings: its own section's, or with the directory of a `file_storage`. */
function resolveWal(
  section: LoadBalancingSection,
  path: Path,
  protocol: ChosenProtocol,
  extensions: Extensions,
): WalSettings | undefined {
  const { wal } = section;
  const outer = section.sending_queue?.storage;
  const inner = protocol.section.sending_queue?.storage;
  const queuePath = [...(outer === undefined ? protocol.path : path), "sending_queue"];
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
