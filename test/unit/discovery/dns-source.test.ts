import { beforeEach, describe, expect, test } from "vitest";
import type { Logger } from "../../../src/base/logger.ts";
import { Counter, Gauge, MetricRegistry } from "../../../src/base/metrics.ts";
import type { WantedRecord } from "../../../src/discovery/dns/answers.ts";
import { DnsError } from "../../../src/discovery/dns/dns-error.ts";
import type { NameResolver, Resolution, ResolveLimits } from "../../../src/discovery/dns/resolver.ts";
import { DnsSource, type DnsSourceOptions } from "../../../src/discovery/dns-source.ts";
import { membersOf } from "../../../src/discovery/member-source.ts";
import type { WallClock } from "../../../src/discovery/poll-schedule.ts";

/** Stands still until it is told to go on. */
class ManualClock implements WallClock {
  ms = 1_000_003_200;
  #timer: { run: () => void; dueMs: number } | undefined;

  nowMs(): number {
    return this.ms;
  }

  setTimer(run: () => void, delayMs: number): () => void {
    this.#timer = { run, dueMs: this.ms + delayMs };
    return () => {
      this.#timer = undefined;
    };
  }

  get dueMs(): number | undefined {
    return this.#timer?.dueMs;
  }

  /** Goes to the next timer, `earlyMs` before it is due, and lets all that follows happen. */
  async fire(earlyMs = 0): Promise<void> {
    const { run, dueMs } = this.#timer!;
    this.#timer = undefined;
    this.ms = dueMs - earlyMs;
    run();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Answers as it is told to; `answer` may be changed between polls. */
class ScriptedResolver implements NameResolver {
  answer: () => Promise<Resolution> = () =>
    Promise.reject(new DnsError("dns_not_found", "tier2 does not exist"));
  readonly asked: { hostname: string; types: readonly string[]; limits: ResolveLimits }[] = [];

  resolve(hostname: string, types: readonly string[], limits: ResolveLimits): Promise<Resolution> {
    this.asked.push({ hostname, types, limits });
    return this.answer();
  }

  addresses(addresses: readonly string[], origin: "dns" | "local" = "dns"): void {
    this.records(
      addresses.map((address) => ({
        type: address.includes(":") ? "AAAA" : "A",
        name: "tier2",
        ttlS: 5,
        address,
      })),
      origin,
    );
  }

  records(records: readonly WantedRecord[], origin: "dns" | "local" = "dns"): void {
    this.answer = () => Promise.resolve({ origin, name: "tier2", records, ttlS: 5 });
  }

  fails(code: "dns_not_found" | "dns_empty" | "dns_server_failure" | "dns_timeout"): void {
    this.answer = () => Promise.reject(new DnsError(code, `${code}, said the server`));
  }
}

let clock: ManualClock;
let resolver: ScriptedResolver;
let metrics: MetricRegistry;
let lists: (readonly string[])[];
let logged: { level: string; fields: Record<string, unknown>; message: string }[];

beforeEach(() => {
  clock = new ManualClock();
  resolver = new ScriptedResolver();
  metrics = new MetricRegistry();
  lists = [];
  logged = [];
});

function recordingLogger(): Logger {
  const at = (level: string) => (fields: object, message: string) => {
    logged.push({ level, fields: { ...fields }, message });
  };
  const logger: Logger = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: () => logger,
  };
  return logger;
}

function createSource(options: Partial<DnsSourceOptions> = {}): DnsSource {
  return new DnsSource(
    {
      name: "load_balancing/traces",
      hostname: "tier2",
      record: "A",
      intervalMs: 5000,
      timeoutMs: 1000,
      allowedCidrs: [],
      ...options,
    },
    { resolver, logger: recordingLogger(), metrics, wallClock: clock },
  );
}

async function started(options: Partial<DnsSourceOptions> = {}): Promise<DnsSource> {
  const source = createSource(options);
  await source.start((members) => lists.push(members));
  return source;
}

function metric(name: string): Record<string, number> {
  const family = metrics.families().find(({ definition }) => definition.name === name);
  return Object.fromEntries(
    (family?.series ?? []).map(({ labelValues, instrument }) => [
      labelValues.join(" "),
      instrument instanceof Counter || instrument instanceof Gauge ? instrument.value : Number.NaN,
    ]),
  );
}

function srv(target: string, port = 4317, priority = 0): WantedRecord {
  return { type: "SRV", name: "tier2", ttlS: 5, target, port, priority };
}

describe("members", () => {
  test("are addresses with the port that will be dialled, sorted, each once", async () => {
    resolver.addresses(["10.0.0.9", "10.0.0.10", "10.0.0.9", "fd00::1"]);
    await started({ record: "A+AAAA", port: 14_317 });
    expect(lists).toEqual([["10.0.0.10:14317", "10.0.0.9:14317", "[fd00::1]:14317"]]);
    expect(resolver.asked[0]).toMatchObject({
      hostname: "tier2",
      types: ["A", "AAAA"],
      limits: { timeoutMs: 1000 },
    });
  });

  test("have port 4317 unless told otherwise", async () => {
    resolver.addresses(["10.0.0.1"]);
    await started();
    expect(lists).toEqual([["10.0.0.1:4317"]]);
  });

  test("of SRV records are the targets' names with the records' ports", async () => {
    resolver.records([srv("pod-1.tier2", 4318), srv("pod-0.tier2")]);
    await started({ record: "SRV", port: 9999 });
    expect(lists).toEqual([["pod-0.tier2:4317", "pod-1.tier2:4318"]]);
  });

  test("of SRV records are those of the lowest priority", async () => {
    resolver.records([
      srv("stand-in.tier2", 4317, 10),
      srv("pod-0.tier2", 4317, 1),
      srv("pod-1.tier2", 4317, 1),
    ]);
    await started({ record: "SRV" });
    expect(lists).toEqual([["pod-0.tier2:4317", "pod-1.tier2:4317"]]);
  });

  test("change nothing when they come in another order or twice", async () => {
    resolver.addresses(["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    await started();
    resolver.addresses(["10.0.0.3", "10.0.0.1", "10.0.0.2", "10.0.0.1"]);
    await clock.fire();
    expect(lists).toHaveLength(1);
    expect(metric("otelcol_loadbalancer_num_backend_updates_total")).toEqual({
      "dns load_balancing/traces": 1,
    });
  });

  test("follow a scale-up and a scale-down, poll by poll", async () => {
    const three = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
    resolver.addresses(three);
    const source = await started();
    resolver.addresses([...three, "10.0.0.4"]);
    await clock.fire();
    resolver.addresses(three);
    await clock.fire();
    expect(lists.map((list) => list.length)).toEqual([3, 4, 3]);
    expect(source.status).toMatchObject({ kind: "current", confirmedAtMs: clock.ms });
    expect(metric("otelcol_loadbalancer_num_backends")).toEqual({ "dns load_balancing/traces": 3 });
    expect(
      logged.filter(({ message }) => message === "members changed").map(({ fields }) => fields),
    ).toMatchObject([
      { members: 3, joinedCount: 3, leftCount: 0 },
      { members: 4, joined: ["10.0.0.4:4317"], leftCount: 0 },
      { members: 3, joinedCount: 0, left: ["10.0.0.4:4317"] },
    ]);
  });
});

describe("polls", () => {
  test("happen at multiples of the interval on the wall clock, whenever the start was", async () => {
    resolver.addresses(["10.0.0.1"]);
    await started();
    const due: (number | undefined)[] = [clock.dueMs];
    for (let n = 0; n < 3; n += 1) {
      await clock.fire();
      due.push(clock.dueMs);
    }
    expect(due).toEqual([1_000_005_000, 1_000_010_000, 1_000_015_000, 1_000_020_000]);
  });

  test("are not repeated when a timer fires a moment early", async () => {
    resolver.addresses(["10.0.0.1"]);
    await started();
    await clock.fire(0.4);
    expect(clock.dueMs).toBe(1_000_010_000);
  });

  test("never overlap: while one waits for its answer no other is due", async () => {
    resolver.addresses(["10.0.0.1"]);
    await started();
    let answer: (resolution: Resolution) => void = () => undefined;
    resolver.answer = () => new Promise((resolve) => (answer = resolve));
    await clock.fire();
    expect(clock.dueMs).toBeUndefined();
    clock.ms += 12_000;
    answer({ origin: "dns", name: "tier2", ttlS: 5, records: [] });
    await new Promise((resolve) => setImmediate(resolve));
    expect(clock.dueMs).toBe(1_000_020_000);
  });
});

describe("what must not empty the ring", () => {
  test.each(["dns_not_found", "dns_empty", "dns_server_failure", "dns_timeout"] as const)(
    "%s keeps the last good list, and counts and says so",
    async (code) => {
      resolver.addresses(["10.0.0.1", "10.0.0.2"]);
      const source = await started();
      const confirmedAtMs = clock.ms;
      resolver.fails(code);
      await clock.fire();
      await clock.fire();
      expect(lists).toHaveLength(1);
      expect(membersOf(source)).toEqual(["10.0.0.1:4317", "10.0.0.2:4317"]);
      expect(source.status).toMatchObject({
        kind: "held",
        confirmedAtMs,
        failedLooks: 2,
        failure: { code, message: `${code}, said the server`, atMs: clock.ms },
      });
      expect(metric("otelcol_loadbalancer_num_resolutions_total")).toEqual({
        "dns true load_balancing/traces": 1,
        "dns false load_balancing/traces": 2,
      });
      expect(metric("otelcol_loadbalancer_num_backends")).toEqual({ "dns load_balancing/traces": 2 });
      expect(logged.filter(({ level }) => level === "warn")).toEqual([
        {
          level: "warn",
          fields: { code, reason: `${code}, said the server` },
          message: "members were not found: the last good list stays in force",
        },
      ]);
    },
  );

  test("a name that flaps, found and not found from poll to poll, moves nothing", async () => {
    resolver.addresses(["10.0.0.1", "10.0.0.2"]);
    const source = await started();
    for (let n = 0; n < 5; n += 1) {
      resolver.fails("dns_not_found");
      await clock.fire();
      resolver.addresses(["10.0.0.2", "10.0.0.1"]);
      await clock.fire();
    }
    expect(lists).toHaveLength(1);
    expect(source.status.kind).toBe("current");
  });

  test("a change that happened during a failure is taken up after it", async () => {
    resolver.addresses(["10.0.0.1"]);
    await started();
    resolver.fails("dns_server_failure");
    await clock.fire();
    resolver.addresses(["10.0.0.2"]);
    await clock.fire();
    expect(lists).toEqual([["10.0.0.1:4317"], ["10.0.0.2:4317"]]);
    expect(logged.map(({ message }) => message)).toContain("members are found again");
  });

  test("an SRV answer that offers nothing keeps the last good list", async () => {
    resolver.records([srv("pod-0.tier2")]);
    const source = await started({ record: "SRV" });
    for (const records of [[srv("")], [srv("not a name")], [srv("pod-0.tier2", 0)]]) {
      resolver.records(records);
      await clock.fire();
    }
    expect(lists).toHaveLength(1);
    expect(source.status).toMatchObject({ kind: "held", failedLooks: 3 });
  });

  test("an answer with more members than are taken is refused whole", async () => {
    resolver.addresses(["10.0.0.1"]);
    const source = await started({ memberCountMax: 3 });
    resolver.addresses(["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]);
    await clock.fire();
    expect(lists).toHaveLength(1);
    expect(source.status).toMatchObject({ kind: "held", failure: { code: "too_many_members" } });
  });
});

describe("addresses that are refused", () => {
  test.each(["127.0.0.1", "169.254.169.254", "0.0.0.0"])(
    "an answer with %s changes nothing",
    async (address) => {
      resolver.addresses(["10.0.0.1", "10.0.0.2"]);
      const source = await started();
      resolver.addresses(["10.0.0.1", address]);
      await clock.fire();
      expect(lists).toHaveLength(1);
      expect(source.status).toMatchObject({
        kind: "held",
        failure: { code: "address_refused", message: expect.stringContaining(`resolves to ${address}`) },
      });
    },
  );

  test("nor does one outside allowed_cidrs", async () => {
    resolver.addresses(["10.0.0.1"]);
    await started({ allowedCidrs: ["10.0.0.0/8"] });
    resolver.addresses(["10.0.0.1", "192.0.2.1"]);
    await clock.fire();
    expect(lists).toHaveLength(1);
  });

  test("loopback is taken when it is listed", async () => {
    resolver.addresses(["127.0.0.1", "127.0.0.2"]);
    await started({ allowedCidrs: ["127.0.0.0/8"] });
    expect(lists).toEqual([["127.0.0.1:4317", "127.0.0.2:4317"]]);
  });

  test("localhost, addresses and names of the hosts file are the operator's own words", async () => {
    resolver.addresses(["127.0.0.1"], "local");
    await started({ hostname: "localhost" });
    expect(lists).toEqual([["127.0.0.1:4317"]]);
  });

  test("a range that cannot be read is refused at once", () => {
    expect(() => createSource({ allowedCidrs: ["10.0.0.0/99"] })).toThrow(/is no range/);
  });
});

describe("start and close", () => {
  test("a name that is not found at first is warned of once, tried again, and then used", async () => {
    const source = await started();
    expect(source.status).toMatchObject({ kind: "searching", failure: { code: "dns_not_found" } });
    expect(membersOf(source)).toEqual([]);
    await clock.fire();
    resolver.addresses(["10.0.0.1"]);
    await clock.fire();
    expect(lists).toEqual([["10.0.0.1:4317"]]);
    expect(logged.map(({ level, message }) => `${level}: ${message}`)).toEqual([
      "warn: members were not found: no members are known yet; still trying",
      "info: members changed",
    ]);
  });

  test("after close nothing is asked, and no answer that comes late is heard", async () => {
    resolver.addresses(["10.0.0.1"]);
    const source = await started();
    let answer: (resolution: Resolution) => void = () => undefined;
    resolver.answer = () => new Promise((resolve) => (answer = resolve));
    await clock.fire();
    source.close();
    expect(resolver.asked.at(-1)?.limits.signal.aborted).toBe(true);
    answer({
      origin: "dns",
      name: "tier2",
      ttlS: 5,
      records: [{ type: "A", name: "t", ttlS: 5, address: "10.0.0.2" }],
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(lists).toHaveLength(1);
    expect(clock.dueMs).toBeUndefined();
    expect(source.status).toEqual({ kind: "closed" });
    expect(metric("otelcol_loadbalancer_num_backends")).toEqual({});
  });

  test("a listener that throws is logged, and does not end the polls", async () => {
    resolver.addresses(["10.0.0.1"]);
    await createSource().start(() => {
      throw new Error("no room");
    });
    expect(logged.some(({ level, message }) => level === "error" && message.includes("no room"))).toBe(true);
    expect(clock.dueMs).toBeDefined();
  });
});
