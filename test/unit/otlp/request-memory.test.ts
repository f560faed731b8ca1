import { describe, expect, it } from "vitest";
import { BufferPool } from "../../../src/base/buffer-pool.ts";
import { RequestMemory } from "../../../src/otlp/request-memory.ts";

describe("RequestMemory", () => {
  it("puts the parts behind the payload, in the same ArrayBuffer and beside it", () => {
    const memory = new RequestMemory(new BufferPool(1 << 20));
    const payload = memory.allocatePayload(50_000).fill(1);
    const parts = memory.allocateParts(60_000).fill(2);
    expect(parts.buffer).toBe(payload.buffer);
    expect(payload.every((byte) => byte === 1)).toBe(true);
  });

  it("finds other memory for parts that have no room there", () => {
    const memory = new RequestMemory(new BufferPool(1 << 20));
    const payload = memory.allocatePayload(20_000).fill(1);
    const parts = [200_000, 30_000, 200_000].map((size, index) => memory.allocateParts(size).fill(index + 2));
    expect(payload.every((byte) => byte === 1)).toBe(true);
    for (const [index, part] of parts.entries()) expect(part.every((byte) => byte === index + 2)).toBe(true);
  });

  it("gives all of it back to the pool, unless somebody keeps it", () => {
    const pool = new BufferPool(1 << 20);
    const released = new RequestMemory(pool);
    released.allocatePayload(20_000);
    released.allocateParts(200_000);
    released.release();
    released.release();
    expect(pool.retainedBytes).toBe(64 * 1024 + 256 * 1024);
    const kept = new RequestMemory(new BufferPool(1 << 20));
    const buffer = kept.allocatePayload(20_000);
    kept.keep();
    kept.release();
    expect(buffer.length).toBe(20_000);
  });
});
