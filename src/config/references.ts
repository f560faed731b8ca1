/**
 * The grammar of references to the environment, as the Collector has it
 * (https://opentelemetry.io/docs/collector/configuration/#environment-variables): `${env:NAME}`,
 * `${env:NAME:-default}` (the default may hold references), `${NAME}` for short, and `$$` for one `$`.
 */

/** How deep references may stand in each other's defaults. */
const nestingMax = 8;

export type TextPart =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "reference"; readonly text: string; readonly reference: Reference }
  | { readonly kind: "fault"; readonly text: string; readonly message: string };

export interface Reference {
  readonly name: string;
  /** As it was written, references included; undefined where there is none. */
  readonly defaultText: string | undefined;
}

/** What may follow `${`: something like a name, then the end or a default. */
const headPattern = /\$\{[^\s{}'"$]*(?:\}|:-)/y;

/** The end of the reference that begins at `start` (where `${` stands); undefined where it is none, or nested too deep. */
function referenceEnd(text: string, start: number): number | undefined {
  headPattern.lastIndex = start;
  if (!headPattern.test(text)) return undefined;
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    if (text.startsWith("${", at)) {
      depth += 1;
      if (depth > nestingMax) return undefined;
      at += 1;
    } else if (text[at] === "}") {
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (text[at] === "\n") {
      return undefined;
    }
  }
  return undefined;
}

/** Calls `found` for each reference, outermost only, from left to right. `$${` is none. */
export function eachReference(text: string, found: (start: number, end: number) => void): void {
  let at = text.indexOf("$");
  while (at !== -1) {
    let next = at + 1;
    if (text[next] === "$") {
      next += 1;
    } else if (text[next] === "{") {
      const end = referenceEnd(text, at);
      if (end !== undefined) {
        found(at, end);
        next = end;
      }
    }
    at = text.indexOf("$", next);
  }
}

/** Cuts a text into literals, with `$$` undone, and references. */
export function splitReferences(text: string): TextPart[] {
  const parts: TextPart[] = [];
  const literal = (start: number, end: number): void => {
    if (end === start) return;
    const between = text.slice(start, end);
    const open = unclosedReference(between);
    if (open === undefined) parts.push({ kind: "literal", text: between.replaceAll("$$", "$") });
    else parts.push({ kind: "fault", text: between, message: unclosedMessage(open) });
  };
  let at = 0;
  eachReference(text, (start, end) => {
    literal(at, start);
    parts.push(parseReference(text.slice(start, end)));
    at = end;
  });
  literal(at, text.length);
  return parts;
}

const unclosedMessage = (open: string): string =>
  `expected "}" on the same line after ${JSON.stringify(open)} (a literal "\${" is written "$\${")`;

/** A `${` that eachReference could not close; the `$` of `$${` is escaped. */
function unclosedReference(text: string): string | undefined {
  return /^(?:[^$]|\$\$|\$(?![{$]))*?(\$\{.{0,20})/s.exec(text)?.[1];
}

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;
const schemePattern = /^([A-Za-z][A-Za-z0-9+.-]+):(?!-)/;

function parseReference(text: string): TextPart {
  let body = text.slice(2, -1);
  const scheme = schemePattern.exec(body)?.[1];
  if (scheme === "env") body = body.slice("env:".length);
  else if (scheme !== undefined) {
    return {
      kind: "fault",
      text,
      message: `expected a reference such as \${env:NAME}, got the scheme "${scheme}"`,
    };
  }
  const separator = body.indexOf(":-");
  const name = separator === -1 ? body : body.slice(0, separator);
  if (!namePattern.test(name)) {
    return {
      kind: "fault",
      text,
      message: `expected the name of an environment variable (letters, digits, _), got ${JSON.stringify(name)}`,
    };
  }
  const defaultText = separator === -1 ? undefined : body.slice(separator + 2);
  return { kind: "reference", text, reference: { name, defaultText } };
}
