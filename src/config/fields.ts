/**
 * What a schema is made of. Each field reads and checks a value (zod), and says what it is (its facts), from which
 * come the texts of faults, docs/configuration.md, the JSON Schema and the redaction of secrets.
 *
 * A null value is an absent one, as in the Collector: `grpc:` with nothing after it takes every default.
 */
import { z } from "zod";
import type { Path } from "./fault.ts";
import { isAbsent, typed } from "./plain-value.ts";

export type Field<T> = z.ZodType<T>;
/** What reading a field yields. */
export type Infer<F extends z.ZodType> = z.output<F>;
export type JsonSchema = Readonly<Record<string, unknown>>;
type Shape = Readonly<Record<string, z.ZodType>>;

interface CommonFacts {
  /** A sentence or two for the person who writes the file. */
  readonly about: string;
  /** True for what a Collector's file does not have. */
  readonly ours?: true;
  /** Never printed; counts for everything inside as well. */
  readonly secret?: true;
  /** Accepted, but not acted on: what a warning says of it. */
  readonly ignored?: string;
  /** The key's present spelling; a warning names it. */
  readonly oldNameOf?: string;
  readonly optional?: true;
}

export interface ValueFacts extends CommonFacts {
  /** As it would be written; makes the field optional. */
  readonly default?: string | number | boolean;
}

export type FieldFacts =
  | (ValueFacts & {
      readonly kind: "value";
      /** For the documents: "duration", "one of a, b". */
      readonly type: string;
      readonly range?: string;
      readonly choices?: readonly string[];
      readonly json: JsonSchema;
    })
  | (CommonFacts & { readonly kind: "section"; readonly shape: Shape; readonly filled?: true })
  | (CommonFacts & { readonly kind: "list"; readonly element: z.ZodType; readonly min: number })
  | (CommonFacts & { readonly kind: "map"; readonly element: z.ZodType })
  | (CommonFacts & { readonly kind: "anything" });

const factsOfFields = new WeakMap<z.ZodType, FieldFacts>();

export function factsOf(field: z.ZodType): FieldFacts {
  const facts = factsOfFields.get(field);
  if (facts === undefined) throw new TypeError("the field was not made by fields.ts");
  return facts;
}

/** True for what a file must have. */
export function isRequired(facts: FieldFacts): boolean {
  switch (facts.kind) {
    case "value":
      return facts.optional !== true && facts.default === undefined;
    case "section":
      return facts.optional !== true && facts.filled !== true;
    case "list":
      return facts.optional !== true && facts.min > 0;
    case "map":
    case "anything":
      return false;
  }
}

export type Presence = { readonly optional?: true; readonly default?: unknown };
export type Read<T, F extends Presence> = F extends { readonly optional: true } ? T | undefined : T;

/** What was expected instead, as in "expected …, got …". */
export class Mismatch {
  readonly expected: string;

  constructor(expected: string) {
    this.expected = expected;
  }
}

export interface ValueType<T> {
  readonly type: string;
  readonly range?: string;
  readonly choices?: readonly string[];
  readonly json: JsonSchema;
  /** Never called with null or undefined. */
  readonly read: (input: unknown) => T | Mismatch;
  /** Of a value that is missing. */
  readonly expected: string;
}

/** A field of one value. */
export function valueField<T, F extends ValueFacts>(valueType: ValueType<T>, facts: F): Field<Read<T, F>> {
  const { read, expected, ...shown } = valueType;
  const defaultValue = facts.default === undefined ? undefined : read(facts.default);
  if (defaultValue instanceof Mismatch) {
    throw new TypeError(`the default ${facts.default} is no ${defaultValue.expected}`);
  }
  const isOptional = facts.optional === true || facts.default !== undefined;
  const required: z.ZodType = z.unknown().transform((input, context) => {
    if (isAbsent(input) && isOptional) return defaultValue;
    const value = isAbsent(input) ? new Mismatch(expected) : read(input);
    if (!(value instanceof Mismatch)) return value;
    context.issues.push({ code: "custom", message: value.expected, input });
    return z.NEVER;
  });
  let field: z.ZodType = required;
  if (isOptional) field = defaultValue === undefined ? required.optional() : required.default(defaultValue);
  factsOfFields.set(field, { kind: "value", ...shown, ...facts });
  return field as Field<Read<T, F>>;
}

/** A list of at most `max` elements; absent, it is empty, unless it is `optional`. */
export function list<T, const F extends CommonFacts & { readonly min?: number; readonly max: number }>(
  element: Field<T>,
  facts: F,
): Field<Read<T[], F>> {
  const { min = 0, max, ...rest } = facts;
  const elements = z
    .array(element, { error: min === 0 ? "a list" : `a list of at least ${min}` })
    .min(min, { error: `a list of at least ${min}` })
    .max(max, { error: `a list of at most ${max}` });
  const absent = facts.optional === true || min > 0 ? undefined : [];
  const field = z.preprocess(
    (input) => typed(input) ?? absent,
    facts.optional === true ? elements.optional() : elements,
  );
  return register(field, { kind: "list", element, min, ...(rest as CommonFacts) }, facts.optional, absent);
}

/** A mapping of names that are the user's own; `keyFault` says what was expected in place of a name. */
export function mapOf<
  T,
  const F extends CommonFacts & { readonly keyFault?: (key: string) => string | undefined },
>(element: Field<T>, facts: F): Field<ReadonlyMap<string, T>> {
  const { keyFault = () => undefined, ...rest } = facts;
  const keys = z.string().superRefine((key, context) => {
    const expected = keyFault(key);
    if (expected !== undefined) context.addIssue({ code: "custom", message: expected });
  });
  const field = z
    .preprocess((input) => typed(input) ?? {}, z.record(keys, element, { error: "a mapping" }))
    .transform((record) => new Map(Object.entries(record)));
  return register(field, { kind: "map", element, ...(rest as CommonFacts) }, undefined, new Map());
}

/** A mapping whose keys are known; `filled`: absent, it is there with its defaults. */
export function section<const S extends Shape, const F extends CommonFacts & { readonly filled?: true }>(
  shape: S,
  facts: F,
): Field<Read<z.output<z.ZodObject<S, z.core.$strict>>, F>> {
  const object = z.strictObject(shape, {
    error: (issue) => (issue.code === "invalid_type" ? `a mapping with ${keysOf(shape)}` : undefined),
  });
  const field = z.preprocess((input) => (typed(input) === null ? {} : typed(input)), object);
  const filled =
    facts.filled === true ? field.prefault({}) : facts.optional === true ? field.optional() : field;
  factsOfFields.set(filled, { kind: "section", shape, ...facts });
  return filled as unknown as Field<Read<z.output<z.ZodObject<S, z.core.$strict>>, F>>;
}

/** Accepted, whatever it is, and not read. */
export function anything(facts: CommonFacts): Field<unknown> {
  const field = z.unknown().optional();
  factsOfFields.set(field, { kind: "anything", ...facts });
  return field;
}

const keysShown = 6;

function keysOf(shape: Shape): string {
  const keys = Object.keys(shape);
  return keys.slice(0, keysShown).join(", ") + (keys.length > keysShown ? ", …" : "");
}

function register<T>(
  field: z.ZodType,
  facts: FieldFacts,
  isOptional: true | undefined,
  absent: unknown,
): Field<T> {
  let present = field;
  if (isOptional === true) present = field.optional();
  else if (absent !== undefined) present = field.default(absent);
  factsOfFields.set(present, facts);
  return present as Field<T>;
}

export type ReadIssue =
  | { readonly kind: "mismatch"; readonly path: Path; readonly expected: string }
  | { readonly kind: "wrong_key"; readonly path: Path; readonly expected: string }
  | { readonly kind: "unknown_keys"; readonly path: Path; readonly keys: readonly string[] };

/** Reads a plain value; every issue of it, or the result. */
export function readField<T>(
  field: Field<T>,
  input: unknown,
): { readonly value: T } | { readonly issues: readonly ReadIssue[] } {
  const result = field.safeParse(input);
  if (result.success) return { value: result.data };
  return { issues: result.error.issues.map(readIssue) };
}

function readIssue(issue: z.core.$ZodIssue): ReadIssue {
  const path = issue.path.map((segment) => (typeof segment === "number" ? segment : String(segment)));
  if (issue.code === "unrecognized_keys") return { kind: "unknown_keys", path, keys: issue.keys };
  if (issue.code === "invalid_key") {
    return { kind: "wrong_key", path, expected: issue.issues[0]?.message ?? "another key" };
  }
  return { kind: "mismatch", path, expected: issue.message };
}
