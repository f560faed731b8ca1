/**
 * `npm run e2e [NAME…]`: the program as a user runs it, each scenario in processes of its own. Prints a
 * line a scenario and, last, `N passed, N failed`; the exit code is 1 when one failed.
 */
import { Workplace } from "./lib/processes.ts";
import { scenarios } from "./scenarios.ts";

const names = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const [name, scenario] of Object.entries(scenarios)) {
  if (names.length > 0 && !names.some((part) => name.includes(part))) continue;
  const workplace = new Workplace();
  const startedMs = performance.now();
  try {
    await scenario(workplace);
    passed += 1;
    console.log(`ok    ${name} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  } finally {
    await workplace.close();
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
