/** Fields of one value: text, words, numbers, durations, sizes and addresses. */
import { formatDuration, formatSize, parseDurationMs, parseSizeBytes } from "../base/units.ts";
import { type Endpoint, formatEndpoint, parseEndpoint } from "./endpoint.ts";
import { type Field, Mismatch, type Read, type ValueFacts, valueField } from "./fields.ts";
import { textual, typed } from "./plain-value.ts";

interface TextFacts extends ValueFacts {
  /** "expected …" in a fault; default: text. */
  readonly expected?: string;
  readonly pattern?: RegExp;
  readonly lengthMax?: number;
  readonly allowEmpty?: true;
}

/** A string, not empty unless `allowEmpty`. */
export function text<const F extends TextFacts>(facts: F): Field<Read<string, F>> {
  const { expected = "text", pattern, lengthMax = 4096, allowEmpty = false, ...rest } = facts;
  return valueField(
    {
      type: "text",
      expected,
      json: {
        type: "string",
        minLength: allowEmpty ? 0 : 1,
        ...(pattern === undefined ? {} : { pattern: pattern.source }),
      },
      read: (input) => {
        const value = textual(input);
        if (typeof value === "number" || typeof value === "boolean")
          return new Mismatch(`${expected} in quotes`);
        if (typeof value !== "string" || (value === "" && !allowEmpty)) return new Mismatch(expected);
        if (value.length > lengthMax) return new Mismatch(`${expected} of at most ${lengthMax} characters`);
        return pattern === undefined || pattern.test(value) ? value : new Mismatch(expected);
      },
    },
    rest as unknown as F,
  );
}

/** One of a few words; letters' case must match unless `anyCase`. */
export function choice<const V extends string, const F extends ValueFacts & { readonly anyCase?: true }>(
  choices: readonly V[],
  facts: F,
): Field<Read<V, F>> {
  const expected = choices.length === 1 ? `"${choices[0]}"` : `one of ${choices.join(", ")}`;
  const { anyCase = false, ...rest } = facts;
  return valueField(
    {
      type: expected,
      choices,
      expected,
      json: anyCase ? { type: "string" } : { enum: choices },
      read: (input) => {
        // A word that looks like a number (`min_version: 1.2`) means itself.
        const given = String(textual(input));
        const word = anyCase ? given.toLowerCase() : given;
        return choices.find((value) => value === word) ?? new Mismatch(expected);
      },
    },
    rest as unknown as F,
  );
}

export function flag<const F extends ValueFacts>(facts: F): Field<Read<boolean, F>> {
  return valueField(
    {
      type: "true or false",
      expected: "true or false",
      json: { type: "boolean" },
      read: (input) => {
        const value = typed(input);
        return typeof value === "boolean" ? value : new Mismatch("true or false");
      },
    },
    facts,
  );
}

interface IntegerFacts extends ValueFacts {
  readonly min: number;
  readonly max: number;
  readonly powerOfTwo?: true;
}

export function integer<const F extends IntegerFacts>(facts: F): Field<Read<number, F>> {
  const { min, max, powerOfTwo = false, ...rest } = facts;
  const what = powerOfTwo ? "a power of two" : "an integer";
  const expected = `${what} from ${min} to ${max}`;
  return valueField(
    {
      type: powerOfTwo ? "power of two" : "integer",
      range: `${min} to ${max}`,
      expected,
      json: { type: "integer", minimum: min, maximum: max },
      read: (input) => {
        const value = typed(input);
        if (!Number.isInteger(value)) return new Mismatch(expected);
        const number = value as number;
        if (number < min || number > max) return new Mismatch(expected);
        return powerOfTwo && !Number.isInteger(Math.log2(number)) ? new Mismatch(expected) : number;
      },
    },
    rest as unknown as F,
  );
}

/** A port as a number, or as the string that the Collector's DNS resolver takes. */
export function port<const F extends ValueFacts>(facts: F): Field<Read<number, F>> {
  const expected = "a port from 1 to 65535";
  return valueField(
    {
      type: "integer or text",
      range: "1 to 65535",
      expected,
      json: {
        anyOf: [
          { type: "integer", minimum: 1, maximum: 65_535 },
          { type: "string", pattern: "^[0-9]{1,5}$" },
        ],
      },
      read: (input) => {
        const value = textual(input);
        const number = typeof value === "string" && /^\d{1,5}$/.test(value) ? Number(value) : value;
        return Number.isInteger(number) && (number as number) >= 1 && (number as number) <= 65_535
          ? (number as number)
          : new Mismatch(expected);
      },
    },
    facts,
  );
}

/** A quantity in `min` to `max`, both as they are written. */
interface QuantityFacts extends ValueFacts {
  readonly min?: string;
  readonly max?: string;
}

/** Milliseconds. A bare number is refused: the Collector would read it as nanoseconds, which nobody means. */
export function duration<const F extends QuantityFacts>(facts: F): Field<Read<number, F>> {
  const { min = "0s", max = "24h", ...rest } = facts;
  const [minMs, maxMs] = [parseDurationMs(min)!, parseDurationMs(max)!];
  const expected = 'a duration such as "5s"';
  return valueField(
    {
      type: "duration",
      range: `${formatDuration(minMs)} to ${formatDuration(maxMs)}`,
      expected,
      json: { type: "string", pattern: "^(0|([0-9]+(\\.[0-9]+)?(h|ms|us|µs|ns|m|s))+)$" },
      read: (input) => {
        const value = textual(input);
        const durationMs = value === 0 ? 0 : typeof value === "string" ? parseDurationMs(value) : undefined;
        if (durationMs === undefined) return new Mismatch(expected);
        return durationMs >= minMs && durationMs <= maxMs
          ? durationMs
          : new Mismatch(`a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`);
      },
    },
    rest as unknown as F,
  );
}

/** Bytes: a size with its unit, or a plain number of bytes. */
export function size<const F extends QuantityFacts>(facts: F): Field<Read<number, F>> {
  const { min = "1B", max = "1TiB", ...rest } = facts;
  const [minBytes, maxBytes] = [parseSizeBytes(min)!, parseSizeBytes(max)!];
  const expected = 'a size such as "64MiB"';
  return valueField(
    {
      type: "size",
      range: `${formatSize(minBytes)} to ${formatSize(maxBytes)}`,
      expected,
      json: {
        anyOf: [
          { type: "integer", minimum: minBytes, maximum: maxBytes },
          { type: "string", pattern: "^[0-9]+(\\.[0-9]+)? ?([TGMK]iB|[TGMkK]B|B)?$" },
        ],
      },
      read: (input) => {
        const value = textual(input);
        const sizeBytes =
          typeof value === "number" || typeof value === "string" ? parseSizeBytes(`${value}`) : undefined;
        if (sizeBytes === undefined) return new Mismatch(expected);
        return sizeBytes >= minBytes && sizeBytes <= maxBytes
          ? sizeBytes
          : new Mismatch(`a size from ${formatSize(minBytes)} to ${formatSize(maxBytes)}`);
      },
    },
    rest as unknown as F,
  );
}

/** An address to listen on. */
export function endpoint<const F extends ValueFacts>(facts: F): Field<Read<Endpoint, F>> {
  const expected = 'an address such as "localhost:4317", "0.0.0.0:4317" or "[::]:4317"';
  return valueField(
    {
      type: "host:port",
      expected,
      json: { type: "string", pattern: ":[0-9]{1,5}$" },
      read: (input) => {
        const value = textual(input);
        return (typeof value === "string" ? parseEndpoint(value) : undefined) ?? new Mismatch(expected);
      },
    },
    facts,
  );
}

/** A member of a fixed list: `host:port`, where the port may be left out. Without a default for it, as it was given. */
export function target<const F extends ValueFacts>(facts: F, defaultPort?: number): Field<Read<string, F>> {
  const expected = 'a backend such as "collector-1:4317"';
  return valueField(
    {
      type: "host or host:port",
      expected,
      json: { type: "string", minLength: 1 },
      read: (input) => {
        const value = textual(input);
        const parsed = typeof value === "string" ? parseEndpoint(value, defaultPort ?? 1) : undefined;
        if (parsed === undefined || parsed.host === "" || parsed.port === 0) return new Mismatch(expected);
        return defaultPort === undefined ? (value as string) : formatEndpoint(parsed);
      },
    },
    facts,
  );
}

/** A path, with its query if `mayHaveQuery`; of a URL, which may stand in its place, the path alone is read. */
export function urlPath<const F extends ValueFacts & { readonly mayHaveQuery?: true }>(
  facts: F,
): Field<Read<string, F>> {
  const { mayHaveQuery = false, ...rest } = facts;
  const expected = `a path such as "/v1/traces", or a URL${mayHaveQuery ? "" : " without a query"}`;
  return valueField(
    {
      type: "path or URL",
      expected,
      json: { type: "string", pattern: "^(https?://|/)" },
      read: (input) => {
        const value = textual(input);
        const path = typeof value === "string" ? pathOf(value) : undefined;
        return path === undefined || (path.includes("?") && !mayHaveQuery) ? new Mismatch(expected) : path;
      },
    },
    rest as unknown as F,
  );
}

const pathLengthMax = 2048;

/** Path and query of a URL, or of what follows its authority; undefined: neither. */
function pathOf(text: string): string | undefined {
  if (text.length > pathLengthMax || !/^(?:https?:\/\/[^/]|\/(?!\/))[\x21-\x7e]*$/.test(text))
    return undefined;
  const url = URL.parse(text, "http://any");
  return url === null || url.hash !== "" ? undefined : url.pathname + url.search;
}

/** Text that a function checks: it answers what was expected instead, or undefined. */
export function checkedText<const F extends ValueFacts>(
  checked: {
    readonly type: string;
    readonly expected: string;
    readonly fault: (value: string) => string | undefined;
  },
  facts: F,
): Field<Read<string, F>> {
  const { type, expected, fault } = checked;
  return valueField(
    {
      type,
      expected,
      json: { type: "string", minLength: 1 },
      read: (input) => {
        const value = textual(input);
        if (typeof value !== "string" || value === "") return new Mismatch(expected);
        const instead = fault(value);
        return instead === undefined ? value : new Mismatch(instead);
      },
    },
    facts,
  );
}

/** `auto` or a count. */
export function autoOr<const F extends IntegerFacts>(facts: F): Field<Read<number | "auto", F>> {
  const { min, max, ...rest } = facts;
  const expected = `"auto" or an integer from ${min} to ${max}`;
  return valueField(
    {
      type: '"auto" or integer',
      range: `${min} to ${max}`,
      expected,
      json: { anyOf: [{ const: "auto" }, { type: "integer", minimum: min, maximum: max }] },
      read: (input) => {
        const value = typed(input);
        if (value === "auto") return value;
        return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
          ? (value as number)
          : new Mismatch(expected);
      },
    },
    rest as unknown as F,
  );
}
