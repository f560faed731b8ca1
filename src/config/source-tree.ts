/**
 * A configuration as it was written: values with their places. Loading builds one tree a file, merging makes one of
 * all, substitution replaces scalars; only then is anything read by its meaning.
 */
import type { Path, Place } from "./fault.ts";

export type SourceNode = SourceMap | SourceList | SourceScalar;

export interface SourceMap {
  readonly kind: "map";
  readonly place: Place;
  readonly entries: ReadonlyMap<string, SourceEntry>;
  /** The text of the one reference that this was read from: it stands where a string is expected. */
  readonly substitutedText?: string;
}

export interface SourceEntry {
  readonly keyPlace: Place;
  readonly value: SourceNode;
}

export interface SourceList {
  readonly kind: "list";
  readonly place: Place;
  readonly items: readonly SourceNode[];
  /** The text of the one reference that this was read from: it stands where a string is expected. */
  readonly substitutedText?: string;
}

export interface SourceScalar {
  readonly kind: "scalar";
  readonly place: Place;
  readonly value: string | number | boolean | null;
  /** As it stands in the source: `0123` for the number 123. */
  readonly text: string;
  /** Quoted and block scalars are strings, whatever they look like. */
  readonly isPlain: boolean;
  /** The text of the one reference that this was read from: it stands where a string is expected. */
  readonly substitutedText?: string;
}

export const emptyMap = (place: Place): SourceMap => ({ kind: "map", place, entries: new Map() });

export function nodeAt(root: SourceNode, path: Path): SourceNode | undefined {
  let node: SourceNode | undefined = root;
  for (const segment of path) {
    if (node?.kind === "map") node = node.entries.get(String(segment))?.value;
    else if (node?.kind === "list" && typeof segment === "number") node = node.items[segment];
    else return undefined;
  }
  return node;
}

/** The place of the key at `path`, or of the nearest thing above it that is there. */
export function keyPlaceAt(root: SourceNode, path: Path): Place {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = nodeAt(root, path.slice(0, length - 1));
    const segment = path[length - 1]!;
    if (parent?.kind === "map") {
      const entry = parent.entries.get(String(segment));
      if (entry !== undefined) return entry.keyPlace;
    } else if (
      parent?.kind === "list" &&
      typeof segment === "number" &&
      parent.items[segment] !== undefined
    ) {
      return parent.items[segment].place;
    }
  }
  return root.place;
}

/** The place of the value at `path`; where it is absent or null, of its key or of what should hold it. */
export function valuePlaceAt(root: SourceNode, path: Path): Place {
  const node = nodeAt(root, path);
  const isAbsent = node === undefined || (node.kind === "scalar" && node.value === null && node.text === "");
  return isAbsent ? keyPlaceAt(root, path) : node.place;
}

/** What a fault calls a value: `got 5`, `got "abc"`, `got a mapping`. */
export function describeNode(node: SourceNode | undefined): string {
  if (node === undefined) return "nothing";
  switch (node.kind) {
    case "map":
      return "a mapping";
    case "list":
      return "a list";
    case "scalar":
      if (node.value === null) return node.substitutedText ? quoted(node.substitutedText) : "nothing";
      return typeof node.value === "string" ? quoted(node.value) : node.text;
  }
}

const shownLengthMax = 80;

export function quoted(text: string): string {
  return JSON.stringify(text.length > shownLengthMax ? `${text.slice(0, shownLengthMax)}…` : text);
}
