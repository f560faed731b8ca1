import { globSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const source = fileURLToPath(new URL("../../../src", import.meta.url));
const files = globSync("tools/{*.ts,sink/*.ts,generate/*.ts}", { cwd: source });

describe("the tools", () => {
  it("share nothing with the gateway that they check, but src/base", () => {
    const imported = files.flatMap((file) =>
      [...readFileSync(resolve(source, file), "utf8").matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)].map(
        ([, target]) => relative(source, resolve(source, dirname(file), target!)),
      ),
    );
    expect(files.length).toBeGreaterThan(30);
    expect(imported.length).toBeGreaterThan(100);
    expect(imported.filter((target) => !/^(tools|base)\//.test(target))).toEqual([]);
  });
});
