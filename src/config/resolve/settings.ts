/** The whole configuration, section by section; every section is read, whatever is wrong with the others. */
import type { ConfigurationReader } from "../reader.ts";
import { exporterTypes, receiverTypes, replacedProcessors } from "../schema/components.ts";
import { service as serviceField } from "../schema/service.ts";
import type { GatewaySettings } from "../settings.ts";
import { checkIsMapping, readComponents, typeOf, unsupportedComponent } from "./components.ts";
import { defined } from "./defined.ts";
import { resolveExporters } from "./exporters.ts";
import { Extensions } from "./extensions.ts";
import { checkListeners } from "./listeners.ts";
import { resolvePipelines } from "./pipelines.ts";
import { resolveReceivers } from "./receivers.ts";
import { resolveLogs, resolveMetrics } from "./telemetry.ts";

const sectionNames = ["receivers", "processors", "exporters", "connectors", "extensions", "service"] as const;

/** Undefined where `service` has a fault of its own; the reader has every fault. */
export function resolveSettings(reader: ConfigurationReader): GatewaySettings | undefined {
  for (const key of reader.keys([])) {
    if (!sectionNames.some((name) => name === key)) reader.unknownKey([key], sectionNames);
  }
  checkProcessors(reader);
  checkConnectors(reader);
  const receivers = readComponents(
    reader,
    "receivers",
    receiverTypes,
    unsupportedComponent(reader, "receiver", receiverTypes),
  );
  const exporters = readComponents(
    reader,
    "exporters",
    exporterTypes,
    unsupportedComponent(reader, "exporter", exporterTypes),
  );
  for (const [name, example] of examples) {
    if (reader.keys([name]).length === 0) reader.expected([name], `at least one, such as "${example}"`);
  }
  const service = reader.read(serviceField, ["service"]);
  const extensions = new Extensions(reader, service?.extensions ?? reader.texts(["service", "extensions"]));
  const listening = {
    receivers: resolveReceivers(reader, receivers, extensions),
    ...defined({
      healthCheck: resolveHealthCheck(extensions),
      zpages: extensions.theOne("zpages")?.endpoint,
      metrics: service && resolveMetrics(reader, service),
    }),
  };
  checkListeners(reader, listening);
  const exporterSettings = resolveExporters(reader, exporters, extensions);
  const pipelines = resolvePipelines(reader, receivers, exporters);
  if (service === undefined) return undefined;
  if (typeof service.workers === "number" && service.workers > 1) {
    reader.warn(["service", "workers"], "has no effect: this version runs one worker");
  }
  return {
    ...listening,
    exporters: exporterSettings,
    pipelines,
    logs: resolveLogs(service),
    memory: defined({ inFlightBytes: service.memory.in_flight }),
    shutdown: { delayMs: service.shutdown.delay, drainTimeoutMs: service.shutdown.drain_timeout },
    workers: service.workers,
  };
}

const examples = [
  ["receivers", "otlp: { protocols: { grpc: } }"],
  ["exporters", "load_balancing: { resolver: { dns: { hostname: tier2-headless.obs } } }"],
] as const;

function checkProcessors(reader: ConfigurationReader): void {
  checkIsMapping(reader, "processors");
  const unsupported = unsupportedComponent(reader, "processors", replacedProcessors);
  for (const name of reader.keys(["processors"])) {
    const path = ["processors", name];
    const replacement = Object.hasOwn(replacedProcessors, typeOf(name)) && replacedProcessors[typeOf(name)];
    if (typeof replacement === "string") reader.warn(path, `has no effect: ${replacement}`);
    else unsupported(path, typeOf(name));
  }
}

function checkConnectors(reader: ConfigurationReader): void {
  for (const name of reader.keys(["connectors"])) {
    reader.faultAtKey(
      ["connectors", name],
      `expected no connectors, got ${name}, which belongs in tier 2 or in a Collector in front`,
    );
  }
}

function resolveHealthCheck(extensions: Extensions): GatewaySettings["healthCheck"] {
  const section = extensions.theOne("health_check");
  return section && { ...section.endpoint, path: section.path };
}
