/** A source tree as plain values, for the schema; what came from the environment keeps both its readings. */
import type { SourceNode } from "./source-tree.ts";

/** A plain scalar that was one reference: its text where a string is expected, else its value as YAML. */
export class Substituted {
  readonly text: string;
  readonly value: unknown;

  constructor(text: string, value: unknown) {
    this.text = text;
    this.value = value;
  }
}

export function toPlain(node: SourceNode): unknown {
  const value = plainOf(node);
  return node.substitutedText === undefined ? value : new Substituted(node.substitutedText, value);
}

/** True for nothing at all, null, and a reference to an empty variable. */
export function isAbsent(input: unknown): boolean {
  return input === undefined || input === null || (input instanceof Substituted && input.text.trim() === "");
}

/** The typed reading. */
export function typed(input: unknown): unknown {
  return input instanceof Substituted ? input.value : input;
}

/** The reading as text. */
export function textual(input: unknown): unknown {
  return input instanceof Substituted ? input.text : input;
}

function plainOf(node: SourceNode): unknown {
  switch (node.kind) {
    case "scalar":
      return node.value;
    case "list":
      return node.items.map(toPlain);
    case "map":
      // Without a prototype: `__proto__` is a key like any other.
      return Object.assign(
        Object.create(null),
        Object.fromEntries(Array.from(node.entries, ([key, entry]) => [key, toPlain(entry.value)])),
      );
  }
}
