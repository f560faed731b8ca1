import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { buildRing, changeMembers } from "../../../src/ring/ring.ts";
import vectors from "./vectors.json" with { type: "json" };

function littleEndian(slots: Uint16Array): Buffer {
  const bytes = Buffer.alloc(slots.length * 2);
  for (const [slot, owner] of slots.entries()) bytes.writeUInt16LE(owner, slot * 2);
  return bytes;
}

describe.each(vectors.rings)("the ring of $name", ({ members, size, fingerprint, slotsCrc32, owners }) => {
  const ring = buildRing({ members, size });

  test("has the published slot table and fingerprint", () => {
    expect(crc32(littleEndian(ring.slots))).toBe(slotsCrc32);
    expect(ring.fingerprint).toBe(fingerprint);
  });

  test("gives the published keys to their owners", () => {
    const found = Object.fromEntries(
      Object.keys(owners).map((hex) => {
        const key = Buffer.from(hex, "hex");
        return [hex, ring.members[ring.ownerOf(key, 0, key.length)]];
      }),
    );
    expect(found).toEqual(owners);
  });

  test("is the same when reached by a change from other members", () => {
    const changed = changeMembers(buildRing({ members: ["left:1", members[0]!], size }), members);
    expect(crc32(littleEndian(changed.slots))).toBe(slotsCrc32);
    expect(changed.fingerprint).toBe(fingerprint);
  });
});
