/**
 * The lane against a backend that keeps books: whatever comes, in whatever order calls end, every shard hears exactly
 * what became of its items.
 */
import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import type { Shard, ShardOutcome } from "../../../src/export/delivery.ts";
import type { Cut } from "../../../src/export/joined-delivery.ts";
import { createLane } from "../../../src/export/lane.ts";
import { ExportMetrics } from "../../../src/export/metrics.ts";
import type { CallOutcome } from "../../../src/export/outcome.ts";
import { signals } from "../../../src/otlp/signal.ts";
import { FakeSender, rejected, settled, tooLarge, undelivered } from "../../unit/export/fake-sender.ts";

/** An item is eight bytes: which shard it is of, which of its items it is, and what the backend makes of it. */
const itemBytes = 8;
const fate = { good: 0, declined: 1, poison: 2 } as const;

interface Item {
  readonly shard: number;
  readonly index: number;
  readonly fate: number;
}

function encode(items: readonly Item[]): Buffer {
  const bytes = Buffer.alloc(items.length * itemBytes);
  for (const [at, item] of items.entries()) {
    bytes.writeUInt32BE(item.shard, at * itemBytes);
    bytes.writeUInt16BE(item.index, at * itemBytes + 4);
    bytes.writeUInt16BE(item.fate, at * itemBytes + 6);
  }
  return bytes;
}

function decode(bytes: Buffer): Item[] {
  return Array.from({ length: bytes.length / itemBytes }, (_, at) => ({
    shard: bytes.readUInt32BE(at * itemBytes),
    index: bytes.readUInt16BE(at * itemBytes + 4),
    fate: bytes.readUInt16BE(at * itemBytes + 6),
  }));
}

const cut: Cut = (_signal, payload) => {
  const items = decode(payload);
  if (items.length < 2) return undefined;
  const middle = Math.ceil(items.length / 2);
  return [items.slice(0, middle), items.slice(middle)].map((half) => ({
    payload: encode(half),
    itemCount: half.length,
  }));
};

const shardPlan = fc.record({
  signal: fc.constantFrom(...signals),
  headersKey: fc.constantFrom("", "a", "b"),
  fates: fc.array(
    fc.oneof(
      { weight: 20, arbitrary: fc.constant(fate.good) },
      { weight: 3, arbitrary: fc.constant(fate.declined) },
      { weight: 1, arbitrary: fc.constant(fate.poison) },
    ),
    { minLength: 1, maxLength: 12 },
  ),
});

const plan = fc.record({
  shards: fc.array(shardPlan, { minLength: 1, maxLength: 40 }),
  maxInFlight: fc.integer({ min: 1, max: 4 }),
  maxBatchItems: fc.integer({ min: 1, max: 20 }),
  backendItemsMax: fc.integer({ min: 1, max: 30 }),
  /** At each step: below 4 sends the next shard, others end one of the open calls. */
  steps: fc.infiniteStream(fc.nat({ max: 5 })),
  /** At each call: whether the backend goes away before it looks at it, or after. */
  failures: fc.infiniteStream(fc.nat({ max: 9 })),
});

interface Run {
  readonly shards: readonly Shard[];
  readonly items: readonly (readonly Item[])[];
  /** In the order in which they were told; one entry a shard if all is well. */
  readonly outcomes: readonly (readonly [shard: number, outcome: ShardOutcome])[];
  /** Items in the order in which the backend took them. */
  readonly accepted: readonly Item[];
  readonly sender: FakeSender;
  readonly heldBytes: number;
}

type Plan = ReturnType<(typeof plan)["generate"]>["value"];

/** Plays a plan, and checks at every step what must hold of the calls that are open. */
async function play(
  { shards: plans, maxInFlight, maxBatchItems, backendItemsMax, steps, failures }: Plan,
  mayFail: boolean,
): Promise<Run> {
  const sender = new FakeSender();
  const lane = createLane(
    { member: "backend:1", exporter: "e", maxInFlight, maxBatchSizeBytes: maxBatchItems * itemBytes },
    {
      sender,
      cut,
      metrics: new ExportMetrics(new MetricRegistry()),
      logger: silentLogger,
      clock: () => 0,
      soon: (start) => start(),
    },
  );
  const items = plans.map(({ fates }, shard) => fates.map((given, index) => ({ shard, index, fate: given })));
  const shards = plans.map(({ signal, headersKey }, shard): Shard => {
    const payload = encode(items[shard]!);
    return {
      signal,
      payload,
      itemCount: items[shard]!.length,
      forwardedHeaders: { key: headersKey, entries: [] },
    };
  });
  const outcomes: [number, ShardOutcome][] = [];
  const accepted: Item[] = [];

  const backend = (payload: Buffer): CallOutcome => {
    const failure = mayFail ? failures.next().value : 9;
    if (failure === 0) return undelivered();
    const got = decode(payload);
    if (got.length > backendItemsMax) return tooLarge();
    if (got.some((item) => item.fate === fate.poison)) return rejected();
    accepted.push(...got.filter((item) => item.fate === fate.good));
    if (failure === 1) return { ...undelivered(), mayHaveArrived: true } as CallOutcome;
    const declined = got.filter((item) => item.fate === fate.declined).length;
    return { kind: "delivered", rejectedItems: declined, message: declined > 0 ? "declined" : "" };
  };

  let next = 0;
  while (next < shards.length || sender.open.size > 0) {
    const step = steps.next().value;
    if (next < shards.length && (step < 4 || sender.open.size === 0)) {
      const index = next;
      next += 1;
      void lane.send(shards[index]!).then((outcome) => outcomes.push([index, outcome]));
    } else {
      const call = [...sender.open][step % Math.max(1, sender.open.size)];
      call?.answer(backend(Buffer.concat(call.payloads)));
    }
    await settled();
    const open = [...sender.open];
    expect(open.length).toBeLessThanOrEqual(maxInFlight);
    expect(open.filter(({ signal }) => signal === "metrics").length).toBeLessThanOrEqual(1);
  }
  return { shards, items, outcomes, accepted, sender, heldBytes: lane.snapshot().heldBytes };
}

const names = (items: readonly Item[]): string[] => items.map(({ shard, index }) => `${shard}/${index}`);

function checkCalls({ sender, shards }: Run, maxBatchItems: number): void {
  for (const call of sender.calls) {
    const payload = Buffer.concat(call.payloads);
    const ofShards = new Set(decode(payload).map(({ shard }) => shards[shard]!));
    for (const { signal, forwardedHeaders } of ofShards) {
      expect(signal).toBe(call.signal);
      expect(forwardedHeaders.key).toBe(call.headersKey);
    }
    expect(payload.length).toBeLessThanOrEqual(Math.max(maxBatchItems, 1) * itemBytes);
  }
}

/** Per group, shards are sent for the first time in the order in which they came. */
function checkOrder({ sender, shards, accepted }: Run): void {
  const firsts = new Map<string, number[]>();
  for (const call of sender.calls) {
    const group = `${call.signal} ${call.headersKey}`;
    const order = firsts.get(group) ?? [];
    firsts.set(group, order);
    for (const { shard } of decode(Buffer.concat(call.payloads))) {
      if (!order.includes(shard)) order.push(shard);
    }
  }
  for (const order of firsts.values()) expect(order).toEqual(order.toSorted((a, b) => a - b));
  for (const key of ["", "a", "b"]) {
    const metrics = accepted.filter(
      ({ shard }) => shards[shard]!.signal === "metrics" && shards[shard]!.forwardedHeaders.key === key,
    );
    const sequence = metrics.map(({ shard, index }) => shard * 1000 + index);
    expect(sequence).toEqual(sequence.toSorted((a, b) => a - b));
  }
}

describe("a lane", () => {
  test.prop([plan])("to a backend that is there accounts for every item exactly", async (given) => {
    const run = await play(given, false);
    checkCalls(run, given.maxBatchItems);
    checkOrder(run);

    const indexes = run.outcomes.map(([shard]) => shard);
    expect(indexes.toSorted((a, b) => a - b)).toEqual(run.shards.map((_, shard) => shard));
    expect(run.heldBytes).toBe(0);

    // Nothing twice, and nothing of a good shard missing.
    const acceptedNames = new Set(names(run.accepted));
    expect(acceptedNames.size).toBe(run.accepted.length);
    const isPoisoned = (shard: number): boolean =>
      run.items[shard]!.some((item) => item.fate === fate.poison);
    const good = run.items.flat().filter((item) => item.fate === fate.good && !isPoisoned(item.shard));
    expect(names(good).filter((name) => !acceptedNames.has(name))).toEqual([]);

    // A shard with poison costs no other shard its delivery.
    const refusedWhole = run.outcomes.filter(([, { kind }]) => kind !== "delivered");
    expect(refusedWhole.filter(([shard, { kind }]) => kind !== "rejected" || !isPoisoned(shard))).toEqual([]);
    expect(run.accepted.filter(({ shard }) => refusedWhole.some(([refused]) => refused === shard))).toEqual(
      [],
    );

    // What clients hear to be lost is what the backend did not take, to the item.
    const lostOf = ([shard, outcome]: Run["outcomes"][number]): number =>
      outcome.kind === "delivered" ? outcome.rejectedItems : run.items[shard]!.length;
    expect(run.outcomes.filter((entry) => lostOf(entry) > run.items[entry[0]]!.length)).toEqual([]);
    const lost = run.outcomes.reduce((sum, entry) => sum + lostOf(entry), 0);
    expect(lost + run.accepted.length).toBe(run.items.flat().length);
  });

  test.prop([plan])("to a backend that comes and goes says what may have arrived", async (given) => {
    const run = await play(given, true);
    checkCalls(run, given.maxBatchItems);
    checkOrder(run);
    const indexes = run.outcomes.map(([shard]) => shard);
    expect(indexes.toSorted((a, b) => a - b)).toEqual(run.shards.map((_, shard) => shard));
    // Nothing arrives of a shard of which nobody was told that it may have.
    const isToldOf = ({ kind, ...outcome }: ShardOutcome): boolean =>
      kind === "delivered" || ("mayHaveArrived" in outcome && outcome.mayHaveArrived === true);
    const untold = new Set(run.outcomes.filter(([, outcome]) => !isToldOf(outcome)).map(([shard]) => shard));
    expect(run.accepted.filter(({ shard }) => untold.has(shard))).toEqual([]);
  });
});
