import { describe, expect, test } from "vitest";
import { claimSlots, nobody, worstScore } from "../../../src/ring/rendezvous.ts";

const size = 4096;
const everySlot = Int32Array.from({ length: size }, (_, slot) => slot);

function unclaimed() {
  return { slots: new Uint16Array(size).fill(nobody), scores: new Int32Array(size).fill(worstScore) };
}

describe("a member's scores", () => {
  test.each(["10.0.0.1:4317", "[fd00::1]:4317", "pod-0.tier2:4317", ""])(
    "of %j have every value of their high bits exactly once",
    (member) => {
      const { slots, scores } = unclaimed();
      claimSlots(member, 0, everySlot, slots, scores);
      const strata = Array.from(scores, (score) => score >>> 20);
      expect(new Set(strata).size).toBe(size);
      expect(strata).not.toEqual(strata.toSorted((a, b) => a - b));
    },
  );

  test("are the same whichever slots are claimed with them", () => {
    const all = unclaimed();
    claimSlots("a:1", 0, everySlot, all.slots, all.scores);
    const some = unclaimed();
    claimSlots("a:1", 0, Int32Array.of(7, 4095), some.slots, some.scores);
    expect([some.scores[7], some.scores[4095]]).toEqual([all.scores[7], all.scores[4095]]);
    expect(some.slots.filter((owner) => owner !== nobody)).toHaveLength(2);
  });
});

test("equal scores go to the lower index, whoever claims first", () => {
  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    const { slots, scores } = unclaimed();
    for (const index of order) claimSlots("the same name", index, everySlot, slots, scores);
    expect(slots.filter((owner) => owner !== 0)).toEqual(new Uint16Array());
  }
});
