/**
 * The backends of one exporter: the ring over its members and a lane to each. Membership changes
 * replace both at once; a request keeps the view that it began with, so none is dropped by a change.
 */
import { errorMessage } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { MetricDefinition, MetricRegistry } from "../base/metrics.ts";
import type { Lane } from "../export/delivery.ts";
import type { KeyOwners } from "../otlp/split.ts";
import { ownership } from "../ring/ownership.ts";
import { buildRing, changeMembers, type Ring } from "../ring/ring.ts";

export const backendPoolMetrics = {
  fingerprint: {
    name: "otlpring_ring_fingerprint",
    type: "gauge",
    help: "32-bit fingerprint of the ring; replicas that agree show the same number.",
    labels: ["ring"],
  },
  ownership: {
    name: "otlpring_ring_ownership_ratio",
    type: "gauge",
    help: "Share of the ring's slots that a backend owns.",
    labels: ["ring", "endpoint"],
  },
} as const satisfies Record<string, MetricDefinition>;

/** A ring and, for each of its members by index, the lane that delivers to it. */
export class PoolView implements KeyOwners {
  readonly ring: Ring;
  readonly lanes: readonly Lane[];
  readonly ownerCount: number;

  constructor(ring: Ring, lanes: readonly Lane[]) {
    this.ring = ring;
    this.lanes = lanes;
    this.ownerCount = lanes.length;
  }

  ownerOf(bytes: Uint8Array, start: number, end: number): number {
    return this.ring.ownerOf(bytes, start, end);
  }
}

export interface BackendPoolOptions {
  /** The exporter's name, as in the configuration. */
  readonly name: string;
  readonly ringSize: number;
  /** How long the lane of a member that has left may go on delivering what it holds. */
  readonly drainMs: number;
}

export interface BackendPoolModules {
  readonly createLane: (member: string) => Lane;
  readonly metrics: MetricRegistry;
  readonly logger: Logger;
}

export class BackendPool {
  readonly name: string;
  readonly #options: BackendPoolOptions;
  readonly #modules: BackendPoolModules;
  readonly #lanes = new Map<string, Lane>();
  /** Lanes of members that have left and still deliver. */
  readonly #leaving = new Set<Promise<void>>();
  #view: PoolView | undefined;

  constructor(options: BackendPoolOptions, modules: BackendPoolModules) {
    this.name = options.name;
    this.#options = options;
    this.#modules = modules;
  }

  /** Undefined until the first members are known. */
  get view(): PoolView | undefined {
    return this.#view;
  }

  /** Takes on a new list of members; an empty one, or one that is the same, changes nothing. */
  setMembers(members: readonly string[]): void {
    if (members.length === 0) return;
    const before = this.#view?.ring;
    const size = this.#options.ringSize;
    const ring = before === undefined ? buildRing({ members, size }) : changeMembers(before, members);
    if (before !== undefined && sameMembers(before, ring)) return;
    this.#view = new PoolView(
      ring,
      ring.members.map((member) => this.#lane(member)),
    );
    this.#closeLeavers(new Set(ring.members));
    this.#publish(ring);
    this.#modules.logger.info(
      { ring: this.name, members: ring.members.length, fingerprint: ring.fingerprint },
      before === undefined ? "ring built" : "ring changed",
    );
  }

  /** Delivers what the lanes hold for at most `drainMs`, then closes them. */
  async close(drainMs: number): Promise<void> {
    const lanes = [...this.#lanes.values()];
    this.#lanes.clear();
    this.#view = undefined;
    await Promise.all([...lanes.map((lane) => lane.close(drainMs)), ...this.#leaving]);
  }

  #lane(member: string): Lane {
    let lane = this.#lanes.get(member);
    if (lane === undefined) {
      lane = this.#modules.createLane(member);
      this.#lanes.set(member, lane);
    }
    return lane;
  }

  #closeLeavers(members: ReadonlySet<string>): void {
    for (const [member, lane] of this.#lanes) {
      if (members.has(member)) continue;
      this.#lanes.delete(member);
      this.#modules.metrics.remove(backendPoolMetrics.ownership, this.name, member);
      const closed = lane
        .close(this.#options.drainMs)
        .catch((error: unknown) => {
          this.#modules.logger.error({ member, error: errorMessage(error) }, "a lane did not close cleanly");
        })
        .finally(() => this.#leaving.delete(closed));
      this.#leaving.add(closed);
    }
  }

  #publish(ring: Ring): void {
    const { metrics } = this.#modules;
    metrics.gauge(backendPoolMetrics.fingerprint, this.name).set(ring.fingerprint);
    const shares = ownership(ring);
    for (const [index, member] of ring.members.entries()) {
      metrics.gauge(backendPoolMetrics.ownership, this.name, member).set(shares[index] ?? 0);
    }
  }
}

function sameMembers(one: Ring, other: Ring): boolean {
  return (
    one.members.length === other.members.length &&
    one.members.every((member, index) => member === other.members[index])
  );
}
