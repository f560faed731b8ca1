/** Reads parts of a source tree by their schema, and gathers every fault and warning with its place. */
import type { Fault, Path } from "./fault.ts";
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

  constructor(root: SourceNode, substitutionFaults: readonly Fault[]) {
    this.#root = root;
    this.faults.push(...substitutionFaults);
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

  /**
   * The value at `path`. Where parts of it have faults (which are then among `faults`), it is what is left without
   * them, so that the rest can be checked all the same; undefined where that is not enough.
   */
  read<T>(field: Field<T>, path: Path): T | undefined {
    const node = nodeAt(this.#root, path);
    this.#warnOfKeys(factsOf(field), path);
    const plain = node === undefined ? undefined : toPlain(node);
    const result = readField(field, plain);
    if ("value" in result) return result.value;
    let rest = plain;
    for (const issue of result.issues) {
      this.#report(field, path, issue);
      for (const faulty of faultyPathsOf(issue)) rest = withoutPath(rest, faulty);
    }
    const again = readField(field, rest);
    return "value" in again ? again.value : undefined;
  }

  /** A fault of the value at `path`: `expected …, got …`. Nothing where it, or a part of it, has a fault already. */
  expected(path: Path, what: string, got?: string): void {
    if (this.faults.some((fault) => isWithin(fault.path, path) || isWithin(path, fault.path))) return;
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
    switch (issue.kind) {
      case "unknown_keys": {
        const known = facts.kind === "section" ? Object.keys(facts.shape) : [];
        for (const key of issue.keys) this.unknownKey([...path, key], known);
        break;
      }
      case "wrong_key":
        this.faultAtKey(path, `expected ${issue.expected}, got ${quoted(String(path.at(-1)))}`);
        break;
      case "mismatch":
        this.expected(path, issue.expected, describe(nodeAt(this.#root, path), facts, isSecret));
        break;
    }
  }

  unknownKey(path: Path, known: readonly string[]): void {
    const key = String(path.at(-1));
    const meant = suggestion(key, known);
    const what = meant !== "" || known.length > KEYS_SHOWN ? "a known key" : `one of ${known.join(", ")}`;
    this.faultAtKey(path, `expected ${what}, got ${quoted(key)}${meant}`);
  }

  /** Warns of every key that is there, but has no effect, or another name by now. */
  #warnOfKeys(facts: FieldFacts, path: Path): void {
    const node = nodeAt(this.#root, path);
    if (node === undefined) return;
    if (facts.ignored !== undefined) this.warn(path, `has no effect: ${facts.ignored}`);
    if (facts.oldNameOf !== undefined)
      this.warn(path, `${path.at(-1)} is the old name of ${facts.oldNameOf}`);
    if (facts.kind === "section" && node.kind === "map") {
      for (const key of node.entries.keys()) {
        const field = Object.hasOwn(facts.shape, key) ? facts.shape[key] : undefined;
        if (field !== undefined) this.#warnOfKeys(factsOf(field), [...path, key]);
      }
    }
    if (facts.kind === "list" && node.kind === "list") {
      const element = factsOf(facts.element);
      for (const index of node.items.keys()) this.#warnOfKeys(element, [...path, index]);
    }
  }
}

/** What a fault says of a value: nothing of one that is secret, or that stands where secrets should. */
function describe(node: SourceNode | undefined, facts: FieldFacts, isSecret: boolean): string {
  const isScalar = node?.kind === "scalar" && node.value !== null;
  if (!isScalar) return describeNode(node);
  if (isSecret || holdsSecrets(facts)) return "a value that is not shown";
  const choices = facts.kind === "value" ? (facts.choices ?? []) : [];
  return describeNode(node) + suggestion(node.text, choices);
}

function holdsSecrets(facts: FieldFacts): boolean {
  if (facts.secret === true) return true;
  if (facts.kind === "section")
    return Object.values(facts.shape).some((field) => holdsSecrets(factsOf(field)));
  return (facts.kind === "list" || facts.kind === "map") && holdsSecrets(factsOf(facts.element));
}

function faultyPathsOf(issue: ReadIssue): Path[] {
  return issue.kind === "unknown_keys" ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
}

/** A copy without what is at `path`; where that is in a list, without the list. */
function withoutPath(value: unknown, path: Path): unknown {
  const [key, ...rest] = path;
  const isMapping = typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null;
  if (!isMapping || key === undefined) return undefined;
  const child = withoutPath((value as Record<string, unknown>)[key], rest);
  const copy: Record<string, unknown> = Object.assign(Object.create(null), value);
  if (child === undefined) delete copy[key];
  else copy[key] = child;
  return copy;
}

function isWithin(path: Path, outer: Path): boolean {
  return path.length > 0 && outer.length > 0 && outer.every((segment, index) => path[index] === segment);
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
