/** Components by their names: what is defined, what it is, what it holds. */
import type { Path } from "../fault.ts";
import type { Field } from "../fields.ts";
import type { ConfigurationReader } from "../reader.ts";
import { oldNames } from "../schema/components.ts";
import { suggestion } from "../suggest.ts";

export interface Component<T> {
  readonly name: string;
  readonly type: string;
  readonly path: Path;
  /** Undefined where it has a fault: it is defined all the same. */
  readonly section: T | undefined;
}

export type Components<T> = ReadonlyMap<string, Component<T>>;

/** As the Collector's component identifiers: a type, and a name of the user's own. */
const namePattern = /^[A-Za-z][A-Za-z0-9_]{0,62}(?:\/[^\s,/][^,]{0,1023})?$/;

export function isComponentName(name: string): boolean {
  return namePattern.test(name) && name.trim() === name;
}

/** The type of `type/name`, in its present spelling. */
export function typeOf(name: string): string {
  const type = name.split("/", 1)[0]!;
  return oldNames[type] ?? type;
}

/**
 * Reads a section of components. `unknown` says what becomes of a type that is not in `types`; a component with a name
 * that is none is a fault.
 */
export function readComponents<Types extends Readonly<Record<string, Field<unknown>>>>(
  reader: ConfigurationReader,
  sectionName: string,
  types: Types,
  unknown: (path: Path, type: string) => void,
): Components<Types[keyof Types] extends Field<infer T> ? T : never> {
  type Section = Types[keyof Types] extends Field<infer T> ? T : never;
  const components = new Map<string, Component<Section>>();
  checkIsMapping(reader, sectionName);
  for (const name of reader.keys([sectionName])) {
    const path = [sectionName, name];
    const type = typeOf(name);
    const field = Object.hasOwn(types, type) ? types[type] : undefined;
    if (!isComponentName(name)) {
      reader.faultAtKey(path, `expected a name such as ${example(types)}, got ${JSON.stringify(name)}`);
    } else if (field === undefined) {
      unknown(path, type);
    } else {
      warnOfOldName(reader, path);
      const section = reader.read(field, path) as Section | undefined;
      components.set(name, { name, type, path, section });
    }
  }
  return components;
}

/** Faults a section that is something else than a mapping; null is an empty one. */
export function checkIsMapping(reader: ConfigurationReader, sectionName: string): void {
  const node = reader.node([sectionName]);
  if (node !== undefined && node.kind !== "map" && reader.has([sectionName])) {
    reader.expected([sectionName], `a mapping of ${sectionName}`);
  }
}

/** What a component of an unknown type is told: nearly right, or not here at all. */
export function unsupportedComponent(
  reader: ConfigurationReader,
  kind: string,
  types: Readonly<Record<string, unknown>>,
): (path: Path, type: string) => void {
  return (path, type) => {
    const known = Object.keys(types);
    const meant = suggestion(type, known);
    reader.faultAtKey(
      path,
      `expected the ${kind} ${known.join(" or ")}, got ${type}${
        meant === "" ? ", which belongs in tier 2 or in a Collector in front" : meant
      }`,
    );
  };
}

function warnOfOldName(reader: ConfigurationReader, path: Path): void {
  const old = String(path.at(-1)).split("/", 1)[0]!;
  const present = oldNames[old];
  if (present !== undefined) reader.warn(path, `${old} is the old name of ${present}`);
}

function example(types: Readonly<Record<string, unknown>>): string {
  const [type] = Object.keys(types);
  return `${type} or ${type}/name`;
}
