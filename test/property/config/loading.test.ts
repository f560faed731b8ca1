import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { mergeTrees } from "../../../src/config/merge.ts";
import { toPlain } from "../../../src/config/plain-value.ts";
import { printConfig } from "../../../src/config/print.ts";
import { substitute } from "../../../src/config/substitute.ts";
import { editDistance } from "../../../src/config/suggest.ts";
import { formatYaml, parseYaml } from "../../../src/config/yaml.ts";

const placeOf = (line: number, column: number) => ({ kind: "file", file: "f", line, column }) as const;
const tree = (value: unknown) => parseYaml(formatYaml(value), placeOf).root;
/** Plain values of the library's own reading: mappings without a prototype compare as others. */
const plain = (root: ReturnType<typeof tree>): unknown => JSON.parse(JSON.stringify(toPlain(root)));

const key = fc.stringMatching(/^[a-z_/]{1,6}$/);
const leaf = fc.oneof(fc.stringMatching(/^[ -~]{0,12}$/), fc.integer(), fc.boolean(), fc.constant(null));
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: "small" }, leaf, fc.array(tie("value"), { maxLength: 4 }), tie("map")),
  map: fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true }),
}));
const anyMap = fc.dictionary(key, anyValue, { maxKeys: 5, noNullPrototype: true });

function mergedPlain(under: unknown, over: unknown): unknown {
  const isMap = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isMap(under) || !isMap(over)) return over;
  const keys = new Set([...Object.keys(under), ...Object.keys(over)]);
  return Object.fromEntries(
    Array.from(keys, (name) => {
      if (!(name in over)) return [name, under[name]];
      return [name, name in under ? mergedPlain(under[name], over[name]) : over[name]];
    }),
  );
}

describe("parsing", () => {
  it("reads what YAML says", () => {
    fc.assert(
      fc.property(anyMap, (value) => {
        const text = formatYaml(value);
        expect(plain(parseYaml(text, placeOf).root)).toEqual(JSON.parse(JSON.stringify(parse(text))));
      }),
    );
  });

  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ maxLength: 200 }), fc.stringMatching(/^[-:{}[\]$&*!|>'"#, a\n]{0,60}$/)),
        (text) => {
          const { root, faults } = parseYaml(text, placeOf);
          substitute(root, {});
          expect(faults.every(({ message }) => message.startsWith("expected "))).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("merging", () => {
  it("is what a merge of plain values is", () => {
    fc.assert(
      fc.property(anyMap, anyMap, (under, over) => {
        expect(plain(mergeTrees(tree(under), tree(over)))).toEqual(mergedPlain(under, over));
      }),
    );
  });

  it("does not depend on how files are grouped", () => {
    fc.assert(
      fc.property(anyMap, anyMap, anyMap, (a, b, c) => {
        const left = mergeTrees(mergeTrees(tree(a), tree(b)), tree(c));
        const right = mergeTrees(tree(a), mergeTrees(tree(b), tree(c)));
        expect(plain(left)).toEqual(plain(right));
      }),
    );
  });
});

describe("substitution", () => {
  const environmentValue = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom("0123", "true", "${env:B}", "$$", "a: b", "[1", "*x", "null", ""),
  );

  it("puts a value into a quoted string unchanged, and leaves text without references alone", () => {
    fc.assert(
      fc.property(environmentValue, fc.stringMatching(/^[a-z :#]{0,8}$/), (value, around) => {
        const { root, faults } = substitute(tree({ k: `${around}\${env:A}${around}!` }), {
          A: value,
          B: "no",
        });
        expect(faults).toEqual([]);
        expect(plain(root)).toEqual({ k: `${around}${value}${around}!` });
      }),
    );
  });

  it("takes $$ back to what was written", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab${}:]{0,12}$/), (text) => {
        const escaped = `x${text.replaceAll("$", "$$$$")}`;
        const { root, faults } = substitute(tree({ k: escaped }), {});
        expect(faults).toEqual([]);
        expect(plain(root)).toEqual({ k: `x${text}` });
      }),
    );
  });

  it("moves no place", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Z]{1,8}$/), fc.stringMatching(/^[a-z{}]{0,8}$/), (name, rest) => {
        const text = `{ a: \${env:${name}:-${rest.replaceAll("}", "").replaceAll("{", "")}}:1, b: 2 }`;
        const { root, faults } = parseYaml(text, placeOf);
        const entry = root.kind === "map" ? root.entries.get("b") : undefined;
        expect(faults).toEqual([]);
        expect(entry?.keyPlace).toEqual(placeOf(1, text.indexOf("b:") + 1));
      }),
    );
  });
});

describe("print-config", () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9]{8,20}$/).map((text) => `SECRET-${text}`);

  it("never shows a secret, wherever one can stand and in whatever shape", () => {
    const shapes = fc.constantFrom(
      (value: string): unknown => value,
      (value: string): unknown => [value],
      (value: string): unknown => ({ nested: value }),
    );
    fc.assert(
      fc.property(secret, shapes, fc.boolean(), (value, shape, isFromEnvironment) => {
        const given = shape(isFromEnvironment ? "${env:SECRET}" : value);
        const otlp = { headers: { "X-Token": given }, tls: { key_pem: given, keypem: given }, headrs: given };
        const text = formatYaml({
          receivers: {
            otlp: { protocols: { grpc: { tls: { key_pem: given } } } },
            other: { password: given },
          },
          exporters: {
            load_balancing: { protocol: { otlp } },
            "loadbalancing/x": { protocol: { otlp } },
            debug: given,
          },
          processors: { attributes: { actions: [given] } },
          connectors: given,
          extensions: {
            "basicauth/a": { htpasswd: { inline: given }, client_auth: { username: "me", password: given } },
            basicauth: { htpasswd: given, client_auth: given },
            bearertokenauth: { token: given, tokens: [given], tokn: given },
            oauth2client: { client_secret: given },
          },
          service: { telemetry: { logs: { initial_fields: { a: given } } }, unknown: given },
          more: given,
        });
        const printed = printConfig({ files: [{ name: "f", text }], sets: [], env: { SECRET: value } });
        expect(printed).not.toContain("SECRET-");
        expect(printed).toContain("[REDACTED]");
        expect(printed).toContain("username: me");
      }),
    );
  });
});

describe("edit distance", () => {
  it("is a distance", () => {
    const word = fc.stringMatching(/^[abc]{0,6}$/);
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      }),
    );
  });
});
