/** Loads texts as if they were files, for tests that compare what comes of them. */
import { ConfigurationError, formatFault } from "../../../src/config/fault.ts";
import { loadSettings } from "../../../src/config/load.ts";
import type { GatewaySettings } from "../../../src/config/settings.ts";

export interface Sources {
  readonly files: readonly string[];
  readonly sets?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The first file is config.yaml, the next config2.yaml. */
export function sourcesOf({ files, sets = [], env = {} }: Sources) {
  return {
    files: files.map((text, index) => ({ name: `config${index === 0 ? "" : index + 1}.yaml`, text })),
    sets,
    env,
  };
}

export function load(sources: Sources | string): { settings: GatewaySettings; warnings: string[] } {
  const { settings, warnings } = loadSettings(
    sourcesOf(typeof sources === "string" ? { files: [sources] } : sources),
  );
  return { settings, warnings: warnings.map(formatFault) };
}

/** The texts of every fault; none where it loads. */
export function faultsOf(sources: Sources | string): string[] {
  try {
    load(sources);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.faults.map(formatFault);
    throw error;
  }
}

/** What every file needs besides the part that a test is about. */
export function minimal(
  parts: Readonly<Partial<Record<"grpc" | "exporter" | "service" | "extensions", string>>> = {},
): string {
  const {
    grpc = "",
    exporter = "{ resolver: { dns: { hostname: tier2.obs } } }",
    service,
    extensions,
  } = parts;
  return `receivers:
  otlp:
    protocols:
      grpc: ${grpc}
exporters:
  load_balancing: ${exporter}
extensions: ${extensions ?? ""}
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [load_balancing] }
${service === undefined ? "" : `  ${service}\n`}`;
}

/** A text without its caret, and the place where that stood: `config.yaml:4:7`. */
export function placeOfCaret(marked: string): { text: string; place: string } {
  const offset = marked.indexOf("‸");
  const before = marked.slice(0, offset).split("\n");
  return {
    text: marked.replace("‸", ""),
    place: `config.yaml:${before.length}:${before.at(-1)!.length + 1}`,
  };
}

/** A file with one receiver, exporter and pipeline, in which one part is replaced. */
export function file(parts: {
  receiver?: string;
  exporter?: string;
  rest?: string;
  extensions?: string;
}): string {
  const {
    receiver = "{ protocols: { grpc: } }",
    exporter = "{ resolver: { static: { hostnames: [a, b] } } }",
    rest = "",
    extensions = "[]",
  } = parts;
  return `receivers:
  otlp: ${receiver}
exporters:
  load_balancing: ${exporter}
service:
  extensions: ${extensions}
  pipelines:
    traces: { receivers: [otlp], exporters: [load_balancing] }
${rest}`;
}
