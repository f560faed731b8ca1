/**
 * Random histories of the real log on a simulated disk: appends at the same time, records done in any order,
 * restarts, crashes, failing and short writes, failing syncs, a full disk. Before every operation on the disk one
 * crash is looked at: what was promised must be there.
 *
 * `WAL_CRASH_IMAGES` says how many crashes are looked at in all; `npm run test:durability` sets it.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { SimulatedDisk, seededRandom } from "../../support/simulated-disk.ts";
import { newDisk } from "../../support/wal.ts";
import { type Fault, Rig } from "./rig.ts";

const imagesWanted = Number(process.env["WAL_CRASH_IMAGES"] ?? 2000);
type Command = fc.AsyncCommand<object, Rig>;

function command(name: string, run: (rig: Rig) => Promise<void>): Command {
  return {
    check: () => true,
    run: async (_, rig) => {
      await run(rig);
      await rig.verify();
    },
    toString: () => name,
  };
}

const append = (to: string, bytes: readonly number[]): Command =>
  command(`append(${to}, [${bytes.join()}])`, (rig) => rig.append(to, bytes));

const appendWhileFailing = (fault: Fault, to: string, bytes: readonly number[]): Command =>
  command(
    `append(${to}, [${bytes.join()}]) while ${fault.operation} fails with ${fault.code}`,
    async (rig) => {
      rig.faults.push(fault);
      await rig.append(to, bytes);
    },
  );

const appendWithRoom = (roomBytes: number, to: string, bytes: readonly number[]): Command =>
  command(`append(${to}, [${bytes.join()}]) with ${roomBytes} bytes free`, async (rig) => {
    rig.disk.capacityBytes = rig.disk.usedBytes + roomBytes;
    await rig.append(to, bytes);
  });

const appendCutShort = (writtenBytes: number, to: string, bytes: readonly number[]): Command =>
  command(`append(${to}, [${bytes.join()}]) cut short after ${writtenBytes} bytes`, async (rig) => {
    rig.disk.nextWriteBytesMax = writtenBytes;
    await rig.append(to, bytes);
  });

const markDone = (share: number): Command => command(`markDone(${share})`, (rig) => rig.markDone(share));
const reopen = command("reopen", (rig) => rig.reopen());
const crash = command("crash", (rig) => rig.crash());

const destination = fc.constantFrom("a:4317", "b:4317", "c:4317", "");
const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 4 });
const fault = fc.record({
  operation: fc.constantFrom("create", "write", "sync", "syncDirectory", "unlink", "truncate"),
  code: fc.constantFrom("EIO", "ENOSPC"),
} as const);

const commands = fc.commands(
  [
    fc.tuple(destination, sizes).map((of) => append(...of)),
    fc.tuple(destination, sizes).map((of) => append(...of)),
    fc.constantFrom(0.3, 1).map(markDone),
    fc.constant(reopen),
    fc.constant(crash),
    fc.tuple(fault, destination, sizes).map((of) => appendWhileFailing(...of)),
    fc.tuple(fc.integer({ min: 0, max: 600 }), destination, sizes).map((of) => appendWithRoom(...of)),
    fc.tuple(fc.integer({ min: 0, max: 200 }), destination, sizes).map((of) => appendCutShort(...of)),
  ],
  { maxCommands: 10 },
);

/** Histories that once failed, with the seed of their disk. */
const onceFailed: readonly (readonly [what: string, seed: number, history: readonly Command[]])[] = [
  [
    "a refused append, in a file whose header was lost, comes back behind newer records of the shared chain",
    0,
    [
      appendWhileFailing({ operation: "truncate", code: "EIO" }, "", [1]),
      append("a:4317", [1]),
      appendWhileFailing({ operation: "unlink", code: "EIO" }, "a:4317", [1]),
      appendWithRoom(352, "a:4317", [27, 140, 15]),
      appendCutShort(2, "a:4317", [1]),
      appendWhileFailing({ operation: "sync", code: "EIO" }, "", [1]),
    ],
  ],
];

test.for(onceFailed)("%s", async ([, seed, history]) => {
  const rig = await Rig.open(newDisk(seed), seed);
  for (const step of history) await step.run({}, rig);
  await rig.close();
  expect(rig.verifiedImages).toBeGreaterThan(0);
});

test("whatever happens, what was promised is there after a crash, unaltered and in order", async () => {
  let images = 0;
  const crashPoints = new Set<string>();
  const history = fc.asyncProperty(fc.integer(), commands, async (seed, steps) => {
    const rig = await Rig.open(newDisk(seed), seed);
    await fc.asyncModelRun(() => ({ model: {}, real: rig }), steps);
    await rig.close();
    images += rig.verifiedImages;
    for (const point of rig.crashPoints) crashPoints.add(point);
  });
  while (images < imagesWanted) await fc.assert(history, { numRuns: 50 });
  expect([...crashPoints].sort()).toEqual(
    expect.arrayContaining(["create", "sync", "syncDirectory", "unlink", "write"]),
  );
}, 3_600_000);

test.for(["sync", "syncDirectory"] as const)(
  "a log that answers before its %s is found out",
  async (liesAbout) => {
    const histories = Array.from({ length: 50 }, async (_, seed) => {
      const disk = new SimulatedDisk({ random: seededRandom(seed), liesAbout });
      const rig = await Rig.open(disk, seed);
      for (const size of [10, 200, 300]) await rig.append("a:4317", [size, size]);
      await rig.verify();
    });
    const outcomes = await Promise.allSettled(histories);
    const losses = outcomes.filter(({ status }) => status === "rejected");
    expect(losses.length).toBeGreaterThan(25);
  },
);
