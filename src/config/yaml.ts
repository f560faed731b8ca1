/** YAML to source trees and back; the only file that knows the library. */
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  Scalar,
  type YAMLMap,
  type YAMLSeq,
  stringify as yamlStringify,
} from "yaml";
import type { Fault, Place } from "./fault.ts";
import { eachReference } from "./references.ts";
import {
  emptyMap,
  type SourceEntry,
  type SourceMap,
  type SourceNode,
  type SourceScalar,
} from "./source-tree.ts";

/** The largest file; a Collector's is a few kilobytes. */
export const FILE_BYTES_MAX = 1024 * 1024;
/** Values in a tree, aliases followed: what a small file may grow to ("billion laughs"). */
const NODES_MAX = 50_000;
const DEPTH_MAX = 64;

export interface ParsedYaml {
  readonly root: SourceNode;
  readonly faults: readonly Fault[];
  /** True where values may be missing from the tree, so that what is said of it may mislead. */
  readonly isBroken: boolean;
}

/** Says where an offset of the text is. */
export type PlaceOf = (line: number, column: number) => Place;

/**
 * Reads one document, with anchors, aliases and merge keys (`<<`). References to the environment stay in the scalars
 * as they are written. Never throws: what cannot be read is in `faults`, and left out of the tree.
 */
export function parseYaml(text: string, placeOf: PlaceOf): ParsedYaml {
  if (text.length > FILE_BYTES_MAX) {
    const message = `expected at most ${FILE_BYTES_MAX} characters, got ${text.length}`;
    return {
      root: emptyMap(placeOf(0, 0)),
      faults: [{ place: placeOf(0, 0), path: [], message }],
      isBroken: true,
    };
  }
  const lines = new LineCounter();
  const references = new MaskedReferences(text);
  const document = parseDocument(references.masked, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    strict: true,
  });
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return placeOf(Math.max(line, 1), Math.max(col, 1));
  };
  const duplicates = document.errors.filter(({ code }) => code === "DUPLICATE_KEY");
  // One break in the syntax makes many errors; only the first of them says something.
  const broken = document.errors.find(({ code }) => code !== "DUPLICATE_KEY");
  const faults: Fault[] = duplicates.map(({ pos }) => ({
    place: at(pos[0]),
    path: [],
    message: "expected each key once in a mapping, got it again",
  }));
  if (broken !== undefined) {
    // What stands there is left out: it may be half a password.
    const what = references.unmask(broken.message).replace(/: ".*$/s, "");
    faults.push({ place: at(broken.pos[0]), path: [], message: `expected YAML, got: ${what}` });
  }
  const builder = new TreeBuilder(references, at, faults);
  const readable = faults.length;
  const root = builder.build(document.contents, 0);
  return { root, faults, isBroken: broken !== undefined || faults.length > readable };
}

/** Writes plain values as YAML. */
export function formatYaml(value: unknown): string {
  return yamlStringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

/**
 * Hides references behind characters of Unicode's private use area, as many as they have, so that YAML does not see
 * the braces: `{ endpoint: ${env:POD_IP:-0.0.0.0}:4317 }` means what it looks like, and every column stays.
 */
class MaskedReferences {
  static readonly #firstMark = 0xe100;
  static readonly #countMax = 0xf8ff - MaskedReferences.#firstMark + 1;
  static readonly #filler = "\ue000";
  readonly masked: string;
  readonly #texts: string[] = [];

  constructor(text: string) {
    let masked = "";
    let copied = 0;
    eachReference(text, (start, end) => {
      if (this.#texts.length === MaskedReferences.#countMax) return;
      const mark = String.fromCharCode(MaskedReferences.#firstMark + this.#texts.length);
      masked += text.slice(copied, start) + mark + MaskedReferences.#filler.repeat(end - start - 1);
      this.#texts.push(text.slice(start, end));
      copied = end;
    });
    this.masked = masked + text.slice(copied);
  }

  unmask(text: string): string {
    return text.replace(/([\ue100-\uf8ff])\ue000+/g, (whole, mark: string) => {
      return this.#texts[mark.charCodeAt(0) - MaskedReferences.#firstMark] ?? whole;
    });
  }
}

class TreeBuilder {
  readonly #references: MaskedReferences;
  readonly #at: (offset: number) => Place;
  readonly #faults: Fault[];
  readonly #anchors = new Map<string, unknown>();
  readonly #openAliases = new Set<string>();
  #nodeCount = 0;

  constructor(references: MaskedReferences, at: (offset: number) => Place, faults: Fault[]) {
    this.#references = references;
    this.#at = at;
    this.#faults = faults;
  }

  build(node: unknown, depth: number): SourceNode {
    this.#nodeCount += 1;
    const place = this.#placeOf(node);
    if (this.#nodeCount > NODES_MAX) {
      if (this.#nodeCount === NODES_MAX + 1) {
        this.#fault(place, `expected at most ${NODES_MAX} values, aliases followed, got more`);
      }
      return absent(place);
    }
    if (depth > DEPTH_MAX) {
      this.#fault(place, `expected at most ${DEPTH_MAX} levels, got more`);
      return absent(place);
    }
    if (isAlias(node)) return this.#followAlias(node, depth);
    // An anchor is what was written last under its name; what an alias repeats was not written again.
    const { anchor } = (node ?? {}) as { anchor?: string };
    if (anchor !== undefined && this.#openAliases.size === 0) this.#anchors.set(anchor, node);
    if (isMap(node)) return this.#map(node, place, depth);
    if (isSeq(node)) return this.#list(node, place, depth);
    if (isScalar(node)) return this.#scalar(node, place);
    return absent(place);
  }

  #map(node: YAMLMap, place: Place, depth: number): SourceMap {
    const entries = new Map<string, SourceEntry>();
    const inherited: SourceNode[] = [];
    for (const pair of node.items) {
      const key = this.#key(pair);
      if (key === undefined) continue;
      const value = pair.value === null ? absent(key.place) : this.build(pair.value, depth + 1);
      if (key.text === "<<" && key.isPlain) inherited.push(value);
      // A key that is there already is a fault by now; the first one stands.
      else if (!entries.has(key.text)) entries.set(key.text, { keyPlace: key.place, value });
    }
    for (const value of inherited) this.#inherit(entries, value);
    return { kind: "map", place, entries };
  }

  /** A merge key's mapping, or list of mappings: keys that are there already win. */
  #inherit(entries: Map<string, SourceEntry>, from: SourceNode): void {
    for (const source of from.kind === "list" ? from.items : [from]) {
      if (source.kind !== "map") {
        this.#fault(
          source.place,
          'expected a mapping, or a list of mappings, after "<<", got something else',
        );
        continue;
      }
      for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
    }
  }

  #key(pair: Pair): { text: string; isPlain: boolean; place: Place } | undefined {
    const { key } = pair;
    const place = this.#placeOf(key);
    if (!isScalar(key) || (typeof key.value !== "string" && key.source === undefined)) {
      this.#fault(place, "expected a plain key, got a mapping, a list or nothing");
      return undefined;
    }
    const text = typeof key.value === "string" ? key.value : key.source!;
    return { text: this.#references.unmask(text), isPlain: key.type === Scalar.PLAIN, place };
  }

  #list(node: YAMLSeq, place: Place, depth: number): SourceNode {
    return { kind: "list", place, items: node.items.map((item) => this.build(item, depth + 1)) };
  }

  #scalar(node: Scalar, place: Place): SourceScalar {
    const isPlain = node.type === Scalar.PLAIN || node.type === undefined;
    if (node.tag !== undefined && !node.tag.startsWith("tag:yaml.org,2002:")) {
      this.#fault(place, `expected a value without a tag, got ${node.tag}`);
    }
    const { value } = node;
    if (typeof value === "string") {
      const text = this.#references.unmask(value);
      return { kind: "scalar", place, value: text, text, isPlain };
    }
    if (typeof value === "number" || typeof value === "boolean" || value === null) {
      return { kind: "scalar", place, value, text: node.source ?? "", isPlain };
    }
    this.#fault(place, "expected text, a number, true or false, got another type of YAML");
    return absent(place);
  }

  #followAlias(alias: Alias, depth: number): SourceNode {
    const place = this.#placeOf(alias);
    const target = this.#anchors.get(alias.source);
    if (target === undefined || this.#openAliases.has(alias.source)) {
      const why = target === undefined ? "is not defined above" : "contains itself";
      this.#fault(place, `expected the name of an anchor, got *${alias.source}, which ${why}`);
      return absent(place);
    }
    this.#openAliases.add(alias.source);
    const built = this.build(target, depth);
    this.#openAliases.delete(alias.source);
    return built;
  }

  #placeOf(node: unknown): Place {
    const range = (node as { range?: readonly number[] | null } | null)?.range;
    return this.#at(range?.[0] ?? 0);
  }

  #fault(place: Place, message: string): void {
    this.#faults.push({ place, path: [], message });
  }
}

function absent(place: Place): SourceScalar {
  return { kind: "scalar", place, value: null, text: "", isPlain: true };
}
