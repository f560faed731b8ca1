/** Reads parts of a source tree by their schema, and gathers every fault and warning with its place. */
import type { Fault, Path } from "./fault.ts";
import { formatPath } from "./fault.ts";
import { type Field, type FieldFacts, factsOf, type ReadIssue, readField } from "./fields.ts";
import { toPlain } from "./plain-value.ts";
import { describeNode, keyPlaceAt, nodeAt, quoted, type SourceNode, valuePlaceAt } from "./source-tree.ts";
import { suggestion } from "./suggest.ts";

/** More keys than this are not listed in a fault. */
const KEYS_SHOWN = 20;

export class ConfigurationReader {
  readonly faults: Fault[] = [];
  readonly warnings: Fault[] = [];
  readonly #root: SourceNode;
  /** Values that substitution has found wanting: one fault is enough. */
  readonly #faultyPaths: ReadonlySet<string>;

  constructor(root: SourceNode, substitutionFaults: readonly Fault[]) {
    this.#root = root;
    this.faults.push(...substitutionFaults);
    this.#faultyPaths = new Set(substitutionFaults.map(({ path }) => formatPath(path)));
  }

  /** The keys of the mapping at `path`; none where there is nothing, or something else. */
  keys(path: Path): string[] {
    const node = nodeAt(this.#root, path);
    return node?.kind === "map" ? [...node.entries.keys()] : [];
  }

  node(path: Path): SourceNode | undefined {
    return nodeAt(this.#root, path);
  }

  /** The strings of the list at `path`, for what must go on where the list has faults. */
  texts(path: Path): string[] {
    const node = nodeAt(this.#root, path);
    const items = node?.kind === "list" ? node.items : [];
    return items.flatMap((item) =>
      item.kind === "scalar" && typeof item.value === "string" ? item.value : [],
    );
  }

  /** True for a value that is there and not null. */
  has(path: Path): boolean {
    const node = nodeAt(this.#root, path);
    return node !== undefined && !(node.kind === "scalar" && node.value === null);
  }

  /** The value at `path`; undefined where it has a fault, which is then among `faults`. */
  read<T>(field: Field<T>, path: Path): T | undefined {
    const node = nodeAt(this.#root, path);
    this.#warnOfIgnored(factsOf(field), path);
    const result = readField(field, node === undefined ? undefined : toPlain(node));
    if ("value" in result) return result.value;
    for (const issue of result.issues) this.#report(field, path, issue);
    return undefined;
  }

  /** A fault of the value at `path`: `expected …, got …`. */
  expected(path: Path, what: string, got?: string): void {
    if (this.#isFaulty(path)) return;
    const message = `expected ${what}, got ${got ?? describeNode(nodeAt(this.#root, path))}`;
    this.faults.push({ place: valuePlaceAt(this.#root, path), path, message });
  }

  /** A fault of the key at `path`, whatever its value. */
  faultAtKey(path: Path, message: string): void {
    this.faults.push({ place: keyPlaceAt(this.#root, path), path, message });
  }

  warn(path: Path, message: string): void {
    this.warnings.push({ place: keyPlaceAt(this.#root, path), path, message });
  }

  #report(field: Field<unknown>, base: Path, issue: ReadIssue): void {
    const path = [...base, ...issue.path];
    const { facts, isSecret } = followFacts(field, issue.path);
    if (issue.kind === "unknown_keys") {
      const known = facts.kind === "section" ? Object.keys(facts.shape) : [];
      for (const key of issue.keys) this.unknownKey([...path, key], known);
      return;
    }
    const node = nodeAt(this.#root, path);
    const isShown = !isSecret || node?.kind !== "scalar" || node.value === null;
    const got = isShown ? describeNode(node) : "a value that is not shown";
    const isWord =
      facts.kind === "value" && node?.kind === "scalar" && typeof node.value === "string" && isShown;
    this.expected(
      path,
      issue.expected,
      got + (isWord ? suggestion(String(node.value), facts.choices ?? []) : ""),
    );
  }

  unknownKey(path: Path, known: readonly string[]): void {
    const key = String(path.at(-1));
    const meant = suggestion(key, known);
    const what = meant !== "" || known.length > KEYS_SHOWN ? "a known key" : `one of ${known.join(", ")}`;
    this.faultAtKey(path, `expected ${what}, got ${quoted(key)}${meant}`);
  }

  #isFaulty(path: Path): boolean {
    return path.some((_, index) => this.#faultyPaths.has(formatPath(path.slice(0, index + 1))));
  }

  /** Warns of every key that is there, but has no effect. */
  #warnOfIgnored(facts: FieldFacts, path: Path): void {
    const node = nodeAt(this.#root, path);
    if (node === undefined) return;
    if (facts.ignored !== undefined) this.warn(path, `has no effect: ${facts.ignored}`);
    if (facts.kind === "section" && node.kind === "map") {
      for (const key of node.entries.keys()) {
        const field = Object.hasOwn(facts.shape, key) ? facts.shape[key] : undefined;
        if (field !== undefined) this.#warnOfIgnored(factsOf(field), [...path, key]);
      }
    }
    if (facts.kind === "list" && node.kind === "list") {
      const element = factsOf(facts.element);
      for (const index of node.items.keys()) this.#warnOfIgnored(element, [...path, index]);
    }
  }
}

/** The facts of what a path leads to within a field, and whether anything on the way is secret. */
export function followFacts(field: Field<unknown>, path: Path): { facts: FieldFacts; isSecret: boolean } {
  let facts = factsOf(field);
  let isSecret = facts.secret === true;
  for (const segment of path) {
    let next: Field<unknown> | undefined;
    if (facts.kind === "section")
      next = Object.hasOwn(facts.shape, segment) ? facts.shape[segment] : undefined;
    else if (facts.kind === "list" || facts.kind === "map") next = facts.element;
    if (next === undefined) break;
    facts = factsOf(next);
    isSecret ||= facts.secret === true;
  }
  return { facts, isSecret };
}
