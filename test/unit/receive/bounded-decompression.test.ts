import * as zlib from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteBudget } from "../../../src/base/byte-budget.ts";
import { compress, contentCodings } from "../../../src/base/compression.ts";
import { decompressWithinBudget } from "../../../src/receive/bounded-decompression.ts";
import { Reservation } from "../../../src/receive/reservation.ts";

const megabyte = 1024 * 1024;

function reservationOf(limitBytes: number): { budget: ByteBudget; reservation: Reservation } {
  const budget = new ByteBudget(limitBytes);
  return { budget, reservation: new Reservation(budget) };
}

describe("decompressWithinBudget", () => {
  it("reserves exactly the content, on top of what was held", () => {
    fc.assert(
      fc.property(fc.nat(300_000), fc.nat(255), fc.constantFrom(...contentCodings), (size, value, coding) => {
        const { budget, reservation } = reservationOf(8 * megabyte);
        reservation.tryGrow(1000);
        const content = Buffer.alloc(size, value);
        const result = decompressWithinBudget(coding, compress(coding, content), megabyte, reservation);
        expect(result).toEqual(content);
        expect(budget.usedBytes).toBe(1000 + size);
      }),
      { numRuns: 50 },
    );
  });

  it("takes gzip of two members, which declares the size of the last alone", () => {
    const { reservation } = reservationOf(8 * megabyte);
    const members = Buffer.concat([zlib.gzipSync(Buffer.alloc(900_000)), zlib.gzipSync(Buffer.alloc(10))]);
    const result = decompressWithinBudget("gzip", members, megabyte, reservation);
    expect(result).toHaveLength(900_010);
    expect(reservation.heldBytes).toBe(900_010);
  });

  it.each([
    ["more than the limit", zlib.gzipSync(Buffer.alloc(2 * megabyte)), 8 * megabyte, "too_large"],
    ["more than is left of the budget", zlib.gzipSync(Buffer.alloc(megabyte)), 100_000, "over_budget"],
    [
      "more than is left, and says that it is little",
      Buffer.concat([zlib.gzipSync(Buffer.alloc(megabyte - 1)), zlib.gzipSync(Buffer.alloc(1))]),
      100_000,
      "over_budget",
    ],
    ["no gzip", Buffer.from("no gzip, whatever its last four bytes say"), 8 * megabyte, "corrupt"],
  ] as const)("refuses what is %s", (_name, bytes, budgetBytes, fault) => {
    const { budget, reservation } = reservationOf(budgetBytes);
    expect(decompressWithinBudget("gzip", bytes, megabyte, reservation)).toBe(fault);
    expect(budget.usedBytes).toBeLessThanOrEqual(budgetBytes);
    reservation.shrinkTo(0);
    expect(budget.usedBytes).toBe(0);
  });
});

describe("Reservation", () => {
  it("gives back what it holds, once", () => {
    const { budget, reservation } = reservationOf(100);
    expect(reservation.tryGrow(60)).toBe(true);
    expect(reservation.tryGrow(60)).toBe(false);
    expect(reservation.tryGrow(40)).toBe(true);
    reservation.shrinkTo(30);
    reservation.shrinkTo(70);
    expect(budget.usedBytes).toBe(30);
    reservation.shrinkTo(0);
    reservation.shrinkTo(0);
    expect(budget.usedBytes).toBe(0);
  });
});
