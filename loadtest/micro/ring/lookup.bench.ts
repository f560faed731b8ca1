/** Finding the owner of a trace id, and the hash it rests on beside the library's native call. */
import { randomBytes } from "node:crypto";
import farmhash from "farmhash";
import { bench, do_not_optimize, run, summary } from "mitata";
import { fingerprint32 } from "../../../src/ring/hash.ts";
import { buildRing } from "../../../src/ring/ring.ts";

/** Keys lie behind one another, as they do in a request; a power of two of them. */
const keyCount = 4096;
const traceIds = randomBytes(keyCount * 16);
const serviceNames = randomBytes(keyCount * 22);
const longNames = randomBytes(keyCount * 40);
const ring = buildRing({
  members: Array.from({ length: 100 }, (_, n) => `10.0.0.${n}:4317`),
});

let next = 0;
function nextKey(): number {
  next = (next + 1) & (keyCount - 1);
  return next;
}

bench("owner of a trace id, 100 members", () => {
  const at = nextKey() * 16;
  do_not_optimize(ring.ownerOf(traceIds, at, at + 16));
});

for (const [what, bytes, length] of [
  ["a trace id (16 bytes)", traceIds, 16],
  ["a name of 22 bytes", serviceNames, 22],
  ["a name of 40 bytes", longNames, 40],
] as const) {
  summary(() => {
    bench(`fingerprint32 of ${what}`, () => {
      const at = nextKey() * length;
      do_not_optimize(fingerprint32(bytes, at, at + length));
    });
    bench(`the library's, of ${what}`, () => {
      const at = nextKey() * length;
      do_not_optimize(farmhash.fingerprint32(bytes.subarray(at, at + length)));
    });
  });
}

await run({ colors: false });
