import { describe, expect, it } from "vitest";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import type { Lane } from "../../../src/export/delivery.ts";
import { BackendPool, backendPoolMetrics } from "../../../src/pipeline/backend-pool.ts";
import { buildRing } from "../../../src/ring/ring.ts";

/** A lane that closes when it is told to. */
class FakeLane implements Lane {
  readonly member: string;
  readonly drains: number[] = [];
  readonly #closed = Promise.withResolvers<void>();

  constructor(member: string) {
    this.member = member;
  }

  send(): Promise<never> {
    return Promise.reject(new Error("nothing is sent here"));
  }

  close(drainMs: number): Promise<void> {
    this.drains.push(drainMs);
    return this.#closed.promise;
  }

  finish(): void {
    this.#closed.resolve();
  }

  fail(): void {
    this.#closed.reject(new Error("broken"));
  }
}

function start() {
  const lanes: FakeLane[] = [];
  const metrics = new MetricRegistry();
  const createLane = (member: string): FakeLane => {
    const lane = new FakeLane(member);
    lanes.push(lane);
    return lane;
  };
  const pool = new BackendPool(
    { name: "tier2", ringSize: 1024, drainMs: 500 },
    { createLane, metrics, logger: silentLogger },
  );
  const lane = (member: string): FakeLane => lanes.findLast((each) => each.member === member)!;
  return { pool, lanes, lane, metrics };
}

const [a, b, c] = ["10.0.0.1:4317", "10.0.0.2:4317", "10.0.0.3:4317"] as const;

describe("a pool of backends", () => {
  it("has no view before its first members, and then a lane for each, by the ring's index", () => {
    const { pool, lanes } = start();
    expect(pool.view).toBeUndefined();
    pool.setMembers([]);
    expect(pool.view).toBeUndefined();
    pool.setMembers([c, a, b, a]);
    expect(pool.view!.lanes.map(({ member }) => member)).toEqual([a, b, c]);
    expect(pool.view!.ownerCount).toBe(3);
    expect(lanes).toHaveLength(3);
    const key = Buffer.from("cart");
    expect(pool.view!.ownerOf(key, 0, 4)).toBe(
      buildRing({ members: [a, b, c], size: 1024 }).ownerOf(key, 0, 4),
    );
  });

  it("keeps its view when the members are the same, or none", () => {
    const { pool, lanes } = start();
    pool.setMembers([a, b]);
    const { view } = pool;
    pool.setMembers([b, a]);
    pool.setMembers([]);
    expect(pool.view).toBe(view);
    expect(lanes).toHaveLength(2);
  });

  it("keeps the lanes of those that stay, and drains the leaver's while requests may still hold the old view", () => {
    const { pool, lane } = start();
    pool.setMembers([a, b]);
    const before = pool.view!;
    pool.setMembers([b, c]);
    expect(pool.view!.lanes).toEqual([lane(b), lane(c)]);
    expect(pool.view!.lanes[0]).toBe(before.lanes[1]);
    expect(before.lanes).toEqual([lane(a), lane(b)]);
    expect([a, b, c].map((member) => lane(member).drains)).toEqual([[500], [], []]);
  });

  it("opens a new lane for a member that comes back while its old one still drains", () => {
    const { pool, lane, lanes } = start();
    pool.setMembers([a, b]);
    const old = lane(a);
    pool.setMembers([b]);
    pool.setMembers([a, b]);
    expect(lanes).toHaveLength(3);
    expect(pool.view!.lanes[0]).toBe(lane(a));
    expect(lane(a)).not.toBe(old);
    expect(lane(a).drains).toEqual([]);
  });

  it("shows the ring's fingerprint, and the share of each member as long as it is one", () => {
    const { pool, metrics } = start();
    const shares = (): Record<string, number> =>
      Object.fromEntries(
        metrics
          .families()
          .find(({ definition }) => definition === backendPoolMetrics.ownership)!
          .series.map(({ labelValues, instrument }) => [
            labelValues[1],
            (instrument as { value: number }).value,
          ]),
      );
    pool.setMembers([a, b]);
    const fingerprint = metrics.gauge(backendPoolMetrics.fingerprint, "tier2");
    expect(fingerprint.value).toBe(buildRing({ members: [a, b], size: 1024 }).fingerprint);
    expect(Object.keys(shares())).toEqual([a, b]);
    pool.setMembers([b]);
    expect(shares()).toEqual({ [b]: 1 });
    expect(fingerprint.value).toBe(pool.view!.ring.fingerprint);
  });

  it("closes when all of its lanes have, those of leavers too, whether or not they closed cleanly", async () => {
    const { pool, lane } = start();
    pool.setMembers([a, b]);
    pool.setMembers([b]);
    let isClosed = false;
    const closing = pool.close(100).then(() => {
      isClosed = true;
    });
    expect(pool.view).toBeUndefined();
    expect(lane(b).drains).toEqual([100]);
    lane(b).finish();
    await new Promise(setImmediate);
    expect(isClosed).toBe(false);
    lane(a).fail();
    await closing;
  });
});
