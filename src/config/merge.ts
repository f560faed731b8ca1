/** Several configurations as one: mappings merge key by key, anything else is replaced, as the Collector does. */
import type { SourceNode } from "./source-tree.ts";

/** `over` wins; every value keeps the place where it was written. */
export function mergeTrees(under: SourceNode, over: SourceNode): SourceNode {
  if (under.kind !== "map" || over.kind !== "map") return over;
  const entries = new Map(under.entries);
  for (const [key, entry] of over.entries) {
    const below = entries.get(key);
    entries.set(key, below === undefined ? entry : { ...entry, value: mergeTrees(below.value, entry.value) });
  }
  return { kind: "map", place: over.place, entries };
}
