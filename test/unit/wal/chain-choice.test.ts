import { expect, test } from "vitest";
import { ChainChoice } from "../../../src/wal/chain-choice.ts";
import { makeRecord, newDisk, openLog } from "../../support/wal.ts";

test("destinations beyond the limit share a chain", async () => {
  const log = await openLog(newDisk(), { ownChainsMax: 8 });
  for (let n = 0; n < 100; n += 1) {
    const destination = `10.0.0.${n}:4317`;
    await log.append(destination, [makeRecord("x", { destination })]);
  }
  const chains = log.chains();
  expect(chains).toHaveLength(9);
  expect(chains.find(({ name }) => name === "")?.records).toBe(92);
});

test("a destination stays in its chain while there is something in it", () => {
  const choice = new ChainChoice(1, false);
  expect(choice.hasOwnChain("a", new Set())).toBe(true);
  expect(choice.hasOwnChain("b", new Set(["a"]))).toBe(false);
  // There would be room now, but older records of b are in the shared chain.
  expect(choice.hasOwnChain("b", new Set())).toBe(false);
  expect(choice.hasOwnChain("c", new Set())).toBe(true);
  choice.sharedIsEmpty();
  expect(choice.hasOwnChain("b", new Set())).toBe(true);
});

test("after a start with a shared chain nobody knows whose records are in it", () => {
  const choice = new ChainChoice(8, true);
  expect(choice.hasOwnChain("a", new Set())).toBe(false);
  expect(choice.hasOwnChain("b", new Set(["b"]))).toBe(true);
  choice.sharedIsEmpty();
  expect(choice.hasOwnChain("a", new Set())).toBe(true);
});

test("what has no destination is shared", () => {
  expect(new ChainChoice(8, false).hasOwnChain("", new Set())).toBe(false);
});
