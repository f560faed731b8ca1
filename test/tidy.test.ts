/** What must hold of the repository as a whole. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

describe("package-lock.json", () => {
  const { packages } = JSON.parse(readFileSync(`${root}package-lock.json`, "utf8")) as {
    packages: Readonly<Record<string, LockedPackage>>;
  };

  it("holds the optional packages of every platform: without one, npm ci installs nothing on any", () => {
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) =>
          packages[`node_modules/${name}`]?.version === undefined &&
          packages[`${path}/node_modules/${name}`]?.version === undefined,
      ),
    );
    expect(missing).toEqual([]);
  });

  it("names no registry, so that any mirror serves it", () => {
    expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
  });
});

describe("the sources", () => {
  const files = execFileSync("git", ["ls-files", "src", "test", "loadtest", "scripts"], {
    cwd: root,
    encoding: "utf8",
  })
    .split("\n")
    .filter((path) => path.endsWith(".ts") && path !== "test/tidy.test.ts");

  it.each([
    ["left-overs", /\b(?:TODO|FIXME|XXX)\b/],
    ["tests that are skipped or alone", /\b(?:it|test|describe)\.(?:only|skip|todo)\b/],
  ])("hold no %s", (_name, pattern) => {
    const found = files.filter((path) => pattern.test(readFileSync(root + path, "utf8")));
    expect(found).toEqual([]);
  });

  it.each([
    ["undici", ["src/export/http-exchanges.ts"]],
    ["zod", ["src/config/fields.ts"]],
    ["yaml", ["src/config/yaml.ts"]],
    ["dns-packet", ["src/discovery/dns/message.ts"]],
    ["farmhash", ["src/ring/hash.ts"]],
    ["pino", ["src/log.ts"]],
  ])("import %s in one place", (library, expected) => {
    const importing = files.filter(
      (path) =>
        path.startsWith("src/") && new RegExp(`from "${library}"`).test(readFileSync(root + path, "utf8")),
    );
    expect(importing).toEqual(expected);
  });
});
