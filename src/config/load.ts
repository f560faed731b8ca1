/** From files, overrides and the environment to settings, or to every fault there is. */
import { readFileSync, statSync } from "node:fs";
import { errorMessage } from "../base/errors.ts";
import { ConfigurationError, type Fault, type Place, sortFaults } from "./fault.ts";
import { mergeTrees } from "./merge.ts";
import { parseOverride } from "./overrides.ts";
import { ConfigurationReader } from "./reader.ts";
import { resolveSettings } from "./resolve/settings.ts";
import type { GatewaySettings } from "./settings.ts";
import { describeNode, emptyMap, type SourceNode } from "./source-tree.ts";
import { type Environment, substitute } from "./substitute.ts";
import { FILE_BYTES_MAX, type ParsedYaml, parseYaml } from "./yaml.ts";

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
  const { root, faults, isBroken } = loadTree(sources);
  const files = sources.files.map(fileName);
  const reader = new ConfigurationReader(root, faults.substitution);
  // What a broken file lacks would be told of as missing.
  const settings = isBroken ? undefined : resolveSettings(reader);
  const all = sortFaults([...faults.syntax, ...reader.faults], files);
  if (settings === undefined || all.length > 0) throw new ConfigurationError(all);
  return { settings, warnings: sortFaults(reader.warnings, files) };
}

/** The merged configuration after substitution, and what was wrong with it as YAML. */
export function loadTree(sources: ConfigurationSources): {
  readonly root: SourceNode;
  readonly faults: { readonly syntax: readonly Fault[]; readonly substitution: readonly Fault[] };
  readonly isBroken: boolean;
} {
  const syntax: Fault[] = [];
  let merged: SourceNode | undefined;
  let isBroken = false;
  const mergeOver = (over: ParsedYaml): void => {
    syntax.push(...over.faults);
    isBroken ||= over.isBroken;
    merged = merged === undefined ? over.root : mergeTrees(merged, over.root);
  };
  for (const file of sources.files) mergeOver(parseFile(file));
  for (const [order, override] of sources.sets.entries()) mergeOver(parseOverride(override, order));
  const { root, faults: substitution } = substitute(
    merged ?? emptyMap({ kind: "file", file: "the configuration", line: 0, column: 0 }),
    sources.env,
  );
  return { root, faults: { syntax, substitution }, isBroken };
}

export function fileName(file: ConfigurationFile): string {
  return typeof file === "string" ? file : file.name;
}

function parseFile(file: ConfigurationFile): ParsedYaml {
  const name = fileName(file);
  const placeOf = (line: number, column: number): Place => ({ kind: "file", file: name, line, column });
  const unusable = (message: string) => ({
    root: emptyMap(placeOf(0, 0)),
    faults: [{ place: placeOf(0, 0), path: [], message }],
    isBroken: true,
  });
  let text: string;
  try {
    text = typeof file === "string" ? readBounded(file) : file.text;
  } catch (error) {
    return unusable(`expected a readable file, got: ${errorMessage(error)}`);
  }
  const parsed = parseYaml(text, placeOf);
  const { root } = parsed;
  if (parsed.isBroken || root.kind === "map") return parsed;
  if (root.kind === "scalar" && root.value === null) return { ...parsed, root: emptyMap(placeOf(1, 1)) };
  return unusable(`expected a mapping with receivers, exporters and service, got ${describeNode(root)}`);
}

function readBounded(path: string): string {
  const { size } = statSync(path);
  if (size > FILE_BYTES_MAX) throw new Error(`${size} bytes, more than ${FILE_BYTES_MAX}`);
  return readFileSync(path, "utf8");
}
