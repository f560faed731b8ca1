import { crc32 } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { movedSlots } from "../../../src/ring/ownership.ts";
import { buildRing, changeMembers, type Ring } from "../../../src/ring/ring.ts";

const size = 1024;
const member = fc.oneof(
  fc.nat({ max: 60 }).map((n) => `10.0.0.${n}:4317`),
  fc.nat({ max: 60 }).map((n) => `pod-${n}.tier2.obs.svc.cluster.local:4317`),
  fc.string({ minLength: 1, maxLength: 40, unit: "binary" }),
);
const memberList = fc.uniqueArray(member, { minLength: 1, maxLength: 40 });

function ownerNames(ring: Ring): string[] {
  return Array.from(ring.slots, (owner) => ring.members[owner]!);
}

function sameRing(a: Ring, b: Ring): void {
  expect(a.members).toEqual(b.members);
  expect(crc32(a.slots)).toBe(crc32(b.slots));
  expect(a.slots).toEqual(b.slots);
  expect(a.ownerScores).toEqual(b.ownerScores);
  expect(a.fingerprint).toBe(b.fingerprint);
}

test("the same members in any order, and given more than once, make the same table", () => {
  const shuffled = memberList.chain((members) =>
    fc.tuple(
      fc.constant(members),
      fc.shuffledSubarray([...members, ...members], {
        minLength: members.length * 2,
        maxLength: members.length * 2,
      }),
    ),
  );
  fc.assert(
    fc.property(shuffled, ([members, disordered]) => {
      sameRing(buildRing({ members, size }), buildRing({ members: disordered, size }));
    }),
  );
});

test("a joiner only takes: every slot stays with its owner or goes to the joiner", () => {
  fc.assert(
    fc.property(memberList, member, (members, joiner) => {
      fc.pre(!members.includes(joiner));
      const before = ownerNames(buildRing({ members, size }));
      const after = ownerNames(buildRing({ members: [...members, joiner], size }));
      expect(after.filter((owner, slot) => owner !== before[slot] && owner !== joiner)).toEqual([]);
    }),
  );
});

test("a leaver only gives: its slots move, and no other does", () => {
  const withLeaver = fc
    .uniqueArray(member, { minLength: 2, maxLength: 40 })
    .chain((members) => fc.tuple(fc.constant(members), fc.constantFrom(...members)));
  fc.assert(
    fc.property(withLeaver, ([members, leaver]) => {
      const ring = buildRing({ members, size });
      const before = ownerNames(ring);
      const remaining = buildRing({ members: members.filter((name) => name !== leaver), size });
      const after = ownerNames(remaining);
      const movedFrom = before.filter((owner, slot) => owner !== after[slot]);
      expect(movedFrom.filter((owner) => owner !== leaver)).toEqual([]);
      expect(movedFrom).toHaveLength(before.filter((owner) => owner === leaver).length);
      expect(movedSlots(ring, remaining)).toBe(movedFrom.length);
    }),
  );
});

test("a changed ring is bit for bit the ring built anew, after any chain of changes", () => {
  fc.assert(
    fc.property(memberList, fc.array(memberList, { minLength: 1, maxLength: 4 }), (first, changes) => {
      let ring = buildRing({ members: first, size });
      for (const members of changes) {
        ring = changeMembers(ring, members);
        sameRing(ring, buildRing({ members, size }));
      }
    }),
  );
});

test("a key keeps its owner when the list only changes elsewhere", () => {
  fc.assert(
    fc.property(
      memberList,
      member,
      fc.uint8Array({ minLength: 0, maxLength: 64 }),
      (members, joiner, key) => {
        fc.pre(!members.includes(joiner));
        const ring = buildRing({ members, size });
        const changed = changeMembers(ring, [...members, joiner]);
        const owner = ring.members[ring.ownerOf(key, 0, key.length)]!;
        expect([owner, joiner]).toContain(changed.members[changed.ownerOf(key, 0, key.length)]);
      },
    ),
  );
});
