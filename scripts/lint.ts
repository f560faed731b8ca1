/** Runs every static check; each finds what the other cannot (CONTRIBUTING.md). */
import { spawnSync } from "node:child_process";

const root = new URL("..", import.meta.url).pathname;
const checks: readonly (readonly [string, readonly string[]])[] = [
  ["biome (format, imports between folders)", ["node_modules/@biomejs/biome/bin/biome", "ci", "."]],
  [
    "oxlint (floating promises, exhaustive switches)",
    ["node_modules/oxlint/bin/oxlint", "--type-aware", "."],
  ],
];

let failed = 0;
for (const [name, args] of checks) {
  console.log(`# ${name}`);
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) failed += 1;
}
process.exitCode = failed === 0 ? 0 : 1;
