/** From files, overrides and the environment to settings, or to every fault there is. */
import { readFileSync, statSync } from "node:fs";
import { errorMessage } from "../base/errors.ts";
import { ConfigurationError, type Fault, type Place, sortFaults } from "./fault.ts";
import { mergeTrees } from "./merge.ts";
import { parseOverride } from "./overrides.ts";
import { ConfigurationReader } from "./reader.ts";
import { resolveSettings } from "./resolve/settings.ts";
import type { GatewaySettings } from "./settings.ts";
import { emptyMap, type SourceNode } from "./source-tree.ts";
import { type Environment, substitute } from "./substitute.ts";
import { FILE_BYTES_MAX, parseYaml } from "./yaml.ts";

/** A file on disk, or a text with the name that faults call it. */
export type ConfigurationFile = string | { readonly name: string; readonly text: string };

export interface ConfigurationSources {
  /** In order: later ones win. */
  readonly files: readonly ConfigurationFile[];
  /** `a.b=value`, over all files, in order. */
  readonly sets: readonly string[];
  readonly env: Environment;
}

export interface LoadedSettings {
  readonly settings: GatewaySettings;
  /** What has no effect, or will not for long; in the order of places. */
  readonly warnings: readonly Fault[];
}

/** @throws {ConfigurationError} with every fault at once, in the order of places. */
export function loadSettings(sources: ConfigurationSources): LoadedSettings {
  const { root, faults } = loadTree(sources);
  const files = sources.files.map(fileName);
  const reader = new ConfigurationReader(root, faults.substitution);
  // Values that could not be read are missing, and would be told of twice.
  const settings = faults.syntax.length === 0 ? resolveSettings(reader) : undefined;
  const all = sortFaults([...faults.syntax, ...reader.faults], files);
  if (settings === undefined || all.length > 0) throw new ConfigurationError(all);
  return { settings, warnings: sortFaults(reader.warnings, files) };
}

/** The merged configuration after substitution, and what was wrong with it as YAML. */
export function loadTree(sources: ConfigurationSources): {
  readonly root: SourceNode;
  readonly faults: { readonly syntax: readonly Fault[]; readonly substitution: readonly Fault[] };
} {
  const syntax: Fault[] = [];
  let merged: SourceNode | undefined;
  const mergeOver = (over: { root: SourceNode; faults: readonly Fault[] }): void => {
    syntax.push(...over.faults);
    merged = merged === undefined ? over.root : mergeTrees(merged, over.root);
  };
  for (const file of sources.files) mergeOver(parseFile(file));
  for (const [order, override] of sources.sets.entries()) mergeOver(parseOverride(override, order));
  const { root, faults: substitution } = substitute(
    merged ?? emptyMap({ kind: "file", file: "the configuration", line: 0, column: 0 }),
    sources.env,
  );
  return { root, faults: { syntax, substitution } };
}

function fileName(file: ConfigurationFile): string {
  return typeof file === "string" ? file : file.name;
}

function parseFile(file: ConfigurationFile): { root: SourceNode; faults: readonly Fault[] } {
  const name = fileName(file);
  const placeOf = (line: number, column: number): Place => ({ kind: "file", file: name, line, column });
  const unusable = (message: string) => ({
    root: emptyMap(placeOf(0, 0)),
    faults: [{ place: placeOf(0, 0), path: [], message }],
  });
  let text: string;
  try {
    text = typeof file === "string" ? readBounded(file) : file.text;
  } catch (error) {
    return unusable(`expected a readable file, got: ${errorMessage(error)}`);
  }
  const { root, faults } = parseYaml(text, placeOf);
  const isEmpty = root.kind === "scalar" && root.value === null;
  if (faults.length === 0 && isEmpty) return { root: emptyMap(placeOf(1, 1)), faults };
  if (faults.length === 0 && root.kind !== "map") {
    return unusable("expected a mapping with receivers, exporters and service, got something else");
  }
  return { root, faults };
}

function readBounded(path: string): string {
  const { size } = statSync(path);
  if (size > FILE_BYTES_MAX) throw new Error(`${size} bytes, more than ${FILE_BYTES_MAX}`);
  return readFileSync(path, "utf8");
}
