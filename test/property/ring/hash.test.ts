import { randomBytes } from "node:crypto";
import farmhash from "farmhash";
import { expect, test } from "vitest";
import { fingerprint32, mix32 } from "../../../src/ring/hash.ts";

/** Where the first key of `keyLength` bytes in `noise` hashes otherwise than the library says; -1 where none does. */
function firstDifference(noise: Buffer, keyLength: number): number {
  for (let start = 0; start + keyLength <= noise.length; start += Math.max(keyLength, 1)) {
    const expected = farmhash.fingerprint32(noise.subarray(start, start + keyLength));
    if (fingerprint32(noise, start, start + keyLength) !== expected) return start;
  }
  return -1;
}

test("a trace id hashes as FarmHash's Fingerprint32, on 100,000 random ones", () => {
  expect(firstDifference(randomBytes(1_600_000), 16)).toBe(-1);
});

test("a key of any length from 0 to 300 bytes hashes as FarmHash's Fingerprint32", () => {
  const differing = Array.from({ length: 301 }, (_, keyLength) => keyLength).filter(
    (keyLength) => firstDifference(randomBytes(200 * (keyLength + 1)), keyLength) !== -1,
  );
  expect(differing).toEqual([]);
});

test("a key hashes alike wherever it lies, in a Buffer or in a plain array of bytes", () => {
  const noise = randomBytes(400);
  for (const keyLength of [0, 3, 4, 5, 12, 13, 16, 24, 25, 100]) {
    const key = noise.subarray(7, 7 + keyLength);
    const plain = new Uint8Array(keyLength + 2);
    plain.set(key, 1);
    expect(fingerprint32(plain, 1, 1 + keyLength)).toBe(fingerprint32(noise, 7, 7 + keyLength));
  }
});

test("mix32 gives unsigned numbers, and different ones for different inputs", () => {
  const mixed = new Set(Array.from({ length: 100_000 }, (_, value) => mix32(value)));
  expect(mixed.size).toBe(100_000);
  expect([...mixed].every((value) => value >= 0 && value <= 0xffffffff)).toBe(true);
});
