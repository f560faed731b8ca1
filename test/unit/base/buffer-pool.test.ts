import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BufferPool } from "../../../src/base/buffer-pool.ts";

describe("BufferPool", () => {
  it("gives a buffer again once it has been given back, and not before", () => {
    const pool = new BufferPool(1 << 20);
    const first = pool.take(20_000);
    const second = pool.take(20_000);
    expect(second.buffer).not.toBe(first.buffer);
    pool.giveBack(first);
    expect(pool.take(30_000)).toBe(first);
  });

  it("keeps no more than it may", () => {
    const pool = new BufferPool(100_000);
    const buffers = Array.from({ length: 5 }, () => pool.take(32 * 1024));
    for (const buffer of buffers) pool.giveBack(buffer);
    expect(pool.retainedBytes).toBe(3 * 32 * 1024);
  });

  it("never hands out memory that somebody holds, and never less than was asked for", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 10_000_000 }), fc.boolean())), (steps) => {
        const pool = new BufferPool(4 << 20);
        const held = new Set<ArrayBufferLike>();
        for (const [sizeBytes, givesBack] of steps) {
          const buffer = pool.take(sizeBytes);
          expect(buffer.length).toBeGreaterThanOrEqual(sizeBytes);
          expect(held.has(buffer.buffer)).toBe(false);
          if (givesBack) pool.giveBack(buffer);
          else held.add(buffer.buffer);
        }
        expect(pool.retainedBytes).toBeLessThanOrEqual(4 << 20);
      }),
      { numRuns: 50 },
    );
  });
});
