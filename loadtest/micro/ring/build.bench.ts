/** Building a slot table from nothing, and changing it by one member. */
import { bench, do_not_optimize, run, summary } from "mitata";
import { buildRing, changeMembers } from "../../../src/ring/ring.ts";

function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `10.0.${n >>> 8}.${n & 255}:4317`);
}

for (const count of [10, 100, 1000]) {
  const members = addresses(count);
  const joined = [...members, "10.9.9.9:4317"];
  const left = members.slice(1);
  const ring = buildRing({ members });
  summary(() => {
    bench(`build, ${count} members`, () => do_not_optimize(buildRing({ members })));
    bench(`one joins ${count} members`, () => do_not_optimize(changeMembers(ring, joined)));
    bench(`one leaves ${count} members`, () => do_not_optimize(changeMembers(ring, left)));
  });
}

await run({ colors: false });
