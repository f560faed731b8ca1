/** The configuration as it takes effect, without its secrets. */
import { ConfigurationError, sortFaults } from "./fault.ts";
import { type Field, factsOf } from "./fields.ts";
import { type ConfigurationSources, fileName, loadTree } from "./load.ts";
import { typeOf } from "./resolve/components.ts";
import { fieldOfComponent } from "./schema/components.ts";
import { pipeline, service } from "./schema/service.ts";
import type { SourceMap, SourceNode } from "./source-tree.ts";
import { formatYaml } from "./yaml.ts";

const REDACTED = "[REDACTED]";

/**
 * All files and overrides merged, and references replaced, as YAML. What the schema calls secret is `[REDACTED]`, and so
 * is everything that it does not describe: a key that is misspelt may hold a secret.
 * @throws {ConfigurationError} when it cannot be read as YAML, or a variable is missing; other faults print as they are.
 */
export function printConfig(sources: ConfigurationSources): string {
  const { root, faults } = loadTree(sources);
  const all = [...faults.syntax, ...faults.substitution];
  if (all.length > 0) throw new ConfigurationError(sortFaults(all, sources.files.map(fileName)));
  return root.kind === "map" ? formatYaml(printRoot(root)) : "{}\n";
}

function printRoot(root: SourceMap): unknown {
  return mapEntries(root, (section, value) => {
    if (section === "service") return printService(value);
    if (value.kind !== "map") return value.kind === "scalar" && value.value === null ? null : REDACTED;
    return mapEntries(value, (name, component) =>
      printNode(component, fieldOfComponent(section, typeOf(name))),
    );
  });
}

function printService(node: SourceNode): unknown {
  if (node.kind !== "map") return printNode(node, service);
  const facts = factsOf(service);
  return mapEntries(node, (key, value) => {
    if (key === "pipelines" && value.kind === "map") {
      return mapEntries(value, (_name, section) => printNode(section, pipeline));
    }
    return printNode(
      value,
      facts.kind === "section" && Object.hasOwn(facts.shape, key) ? facts.shape[key] : undefined,
    );
  });
}

/** A value that is not of the kind that its field has is not printed either. */
function printNode(node: SourceNode, field: Field<unknown> | undefined): unknown {
  if (node.kind === "scalar" && node.value === null) return null;
  const facts = field && factsOf(field);
  if (facts === undefined) return REDACTED;
  switch (facts.kind) {
    case "section":
      if (node.kind !== "map") return REDACTED;
      return mapEntries(node, (key, value) =>
        printNode(value, Object.hasOwn(facts.shape, key) ? facts.shape[key] : undefined),
      );
    case "map":
      if (node.kind !== "map") return REDACTED;
      return mapEntries(node, (_key, value) =>
        facts.secret === true ? REDACTED : printNode(value, facts.element),
      );
    case "list":
      if (node.kind !== "list" || facts.secret === true) return REDACTED;
      return node.items.map((item) => printNode(item, facts.element));
    case "value":
      return node.kind === "scalar" && facts.secret !== true ? node.value : REDACTED;
    case "anything":
      return REDACTED;
  }
}

function mapEntries(node: SourceMap, print: (key: string, value: SourceNode) => unknown): unknown {
  return new Map(Array.from(node.entries, ([key, entry]) => [key, print(key, entry.value)]));
}
