/** `service.pipelines`: every name in it must be defined, and every key fit its signal. */
import { routingKeys } from "../../otlp/routing-key.ts";
import { type Signal, signals } from "../../otlp/signal.ts";
import type { Path } from "../fault.ts";
import type { ConfigurationReader } from "../reader.ts";
import { replacedProcessors } from "../schema/components.ts";
import type { LoadBalancingSection } from "../schema/exporters.ts";
import type { OtlpReceiverSection } from "../schema/receivers.ts";
import { type PipelineSection, pipeline as pipelineField } from "../schema/service.ts";
import type { PipelineSettings } from "../settings.ts";
import { quoted } from "../source-tree.ts";
import { suggestion } from "../suggest.ts";
import { type Components, isComponentName, typeOf } from "./components.ts";
import { routingKeyFor } from "./exporters.ts";
import { listed } from "./extensions.ts";

const pipelinesPath: Path = ["service", "pipelines"];

export function resolvePipelines(
  reader: ConfigurationReader,
  receivers: Components<OtlpReceiverSection>,
  exporters: Components<LoadBalancingSection>,
): PipelineSettings[] {
  const names = reader.keys(pipelinesPath);
  if (names.length === 0) {
    const example = '"traces: { receivers: [otlp], exporters: [load_balancing] }"';
    reader.expected(pipelinesPath, `at least one pipeline, such as ${example}`);
  }
  const pipelines = names.flatMap((name) => {
    const signal = signalOf(reader, name);
    const path = [...pipelinesPath, name];
    const section = signal === undefined ? undefined : reader.read(pipelineField, path);
    return signal === undefined || section === undefined ? [] : [{ name, signal, path, section }];
  });
  for (const { signal, path, section } of pipelines) {
    checkReferences(reader, "receiver", path, section.receivers, reader.keys(["receivers"]));
    checkReferences(reader, "exporter", path, section.exporters, reader.keys(["exporters"]));
    checkProcessors(reader, path, section.processors);
    checkRoutingKeys(reader, signal, path, section, exporters);
  }
  if (pipelines.length === names.length) {
    warnOfUnused(reader, receivers, new Set(pipelines.flatMap(({ section }) => section.receivers)));
    warnOfUnused(reader, exporters, new Set(pipelines.flatMap(({ section }) => section.exporters)));
  }
  return pipelines.map(({ name, signal, section: { receivers: from, exporters: to } }) => ({
    name,
    signal,
    receivers: from,
    exporters: to,
  }));
}

function signalOf(reader: ConfigurationReader, name: string): Signal | undefined {
  const type = name.split("/", 1)[0]!;
  const signal = signals.find((known) => known === type);
  if (signal !== undefined && isComponentName(name)) return signal;
  const what = `a pipeline of ${signals.join(", ")}, such as traces or traces/name`;
  reader.faultAtKey(
    [...pipelinesPath, name],
    `expected ${what}, got ${quoted(name)}${suggestion(type, signals)}`,
  );
  return undefined;
}

function checkReferences(
  reader: ConfigurationReader,
  kind: "receiver" | "exporter",
  pipelinePath: Path,
  names: readonly string[],
  definedNames: readonly string[],
): void {
  const article = kind === "exporter" ? "an" : "a";
  for (const [index, name] of names.entries()) {
    const path = [...pipelinePath, `${kind}s`, index];
    if (names.indexOf(name) < index) reader.expected(path, `each ${kind} once`, `${quoted(name)} again`);
    else if (!definedNames.includes(name)) {
      const got = quoted(name) + suggestion(name, definedNames);
      reader.expected(path, `${article} ${kind} that is defined${listed(definedNames)}`, got);
    }
  }
}

/** What is defined is warned or told of where it is defined; here only what is not. */
function checkProcessors(reader: ConfigurationReader, pipelinePath: Path, names: readonly string[]): void {
  const definedNames = reader.keys(["processors"]);
  for (const [index, name] of names.entries()) {
    if (definedNames.includes(name)) continue;
    const isReplaced = Object.hasOwn(replacedProcessors, typeOf(name));
    const what = isReplaced
      ? `a processor that is defined${listed(definedNames)}`
      : "no processors but memory_limiter and batch";
    reader.expected([...pipelinePath, "processors", index], what);
  }
}

function checkRoutingKeys(
  reader: ConfigurationReader,
  signal: Signal,
  pipelinePath: Path,
  section: PipelineSection,
  exporters: Components<LoadBalancingSection>,
): void {
  for (const [index, name] of section.exporters.entries()) {
    const key = exporters.get(name)?.section?.routing_key;
    if (key === undefined || routingKeyFor(key, signal) !== undefined) continue;
    const keys = routingKeys[signal].join(", ");
    reader.expected(
      [...pipelinePath, "exporters", index],
      `an exporter whose routing_key is for ${signal} (${keys})`,
      `${quoted(name)}, whose key is ${key}`,
    );
  }
}

function warnOfUnused(
  reader: ConfigurationReader,
  components: Components<unknown>,
  used: ReadonlySet<string>,
): void {
  for (const { name, path } of components.values()) {
    if (!used.has(name)) reader.warn(path, `has no effect: no pipeline uses ${name}`);
  }
}
