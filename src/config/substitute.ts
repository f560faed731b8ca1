/** Puts the environment's values in the place of references, once everything is merged. */
import type { Fault, Path, Place } from "./fault.ts";
import { type Reference, splitReferences } from "./references.ts";
import type { SourceEntry, SourceNode, SourceScalar } from "./source-tree.ts";
import { parseYaml } from "./yaml.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Longer texts are refused before they are multiplied. */
const TEXT_LENGTH_MAX = 1024 * 1024;

/**
 * A tree without references. A plain scalar that is one reference and nothing else is read as YAML, so that
 * `${env:PORT}` can be a number and `${env:HOSTS}` a list; everywhere else a reference yields text. What the
 * environment holds is not searched for further references.
 */
export function substitute(
  root: SourceNode,
  environment: Environment,
): { root: SourceNode; faults: readonly Fault[] } {
  const faults: Fault[] = [];
  return { root: substituteIn(root, [], environment, faults), faults };
}

function substituteIn(node: SourceNode, path: Path, environment: Environment, faults: Fault[]): SourceNode {
  switch (node.kind) {
    case "map": {
      const entries = new Map<string, SourceEntry>();
      for (const [key, entry] of node.entries) {
        entries.set(key, { ...entry, value: substituteIn(entry.value, [...path, key], environment, faults) });
      }
      return { ...node, entries };
    }
    case "list":
      return {
        ...node,
        items: node.items.map((item, index) => substituteIn(item, [...path, index], environment, faults)),
      };
    case "scalar":
      return substituteScalar(node, path, environment, faults);
  }
}

function substituteScalar(
  node: SourceScalar,
  path: Path,
  environment: Environment,
  faults: Fault[],
): SourceNode {
  if (typeof node.value !== "string" || !node.value.includes("$")) return node;
  const fault = (message: string): void => void faults.push({ place: node.place, path, message });
  const text = expand(node.value, environment, fault);
  const parts = splitReferences(node.value);
  const isOneReference = node.isPlain && parts.length === 1 && parts[0]!.kind === "reference";
  if (!isOneReference) return { ...node, value: text, text };
  return readSubstituted(text, node.place);
}

/** The value of a plain scalar that was one reference, typed as YAML would; text that is no YAML stays text. */
function readSubstituted(text: string, place: Place): SourceNode {
  const { root, faults } = parseYaml(text, () => place);
  if (faults.length > 0) return { kind: "scalar", place, value: text, text, isPlain: true };
  return { ...root, substitutedText: text };
}

/** The text with every reference replaced; a reference that cannot be is left out, and told to `fault`. */
function expand(text: string, environment: Environment, fault: (message: string) => void): string {
  let expanded = "";
  for (const part of splitReferences(text)) {
    switch (part.kind) {
      case "literal":
        expanded += part.text;
        break;
      case "fault":
        fault(part.message);
        break;
      case "reference":
        expanded += referenceValue(part.reference, environment, fault);
        break;
    }
    if (expanded.length > TEXT_LENGTH_MAX) {
      fault(`expected at most ${TEXT_LENGTH_MAX} characters after substitution, got more`);
      return "";
    }
  }
  return expanded;
}

/** As in the Collector, a variable that is set but empty is empty: only an unset one takes the default. */
function referenceValue(
  { name, defaultText }: Reference,
  environment: Environment,
  fault: (message: string) => void,
): string {
  const value = environment[name];
  if (value !== undefined) return value;
  if (defaultText !== undefined) return expand(defaultText, environment, fault);
  fault(
    `expected the environment variable ${name} to be set, or a default as in \${env:${name}:-value}, got nothing`,
  );
  return "";
}
