import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { type Accounts, createAccounts } from "../../../src/tools/generate/accounts.ts";
import { type Comparison, compare, type SinkView } from "../../../src/tools/generate/comparison.ts";
import type { SendOutcome } from "../../../src/tools/generate/sender.ts";
import { summarize } from "../../../src/tools/generate/summary.ts";
import { RunTracker } from "../../../src/tools/sink/run-tracker.ts";

const run = 77;
const sequenceLimit = 1000;

interface Sent {
  readonly items: readonly number[];
  readonly outcome: SendOutcome;
}

interface Arrival {
  readonly sink: number;
  readonly item: number | undefined;
  readonly trace: number;
  readonly service: string;
}

const ok: SendOutcome = { kind: "acknowledged", rejectedItems: 0, retries: 0 };
const rejecting = (rejectedItems: number): SendOutcome => ({
  kind: "acknowledged",
  rejectedItems,
  retries: 0,
});
const unavailable: SendOutcome = { kind: "failed", code: "UNAVAILABLE", message: "", retries: 4 };

const at = (sink: number, item: number | undefined, trace = 1, service = "cart"): Arrival => ({
  sink,
  item,
  trace,
  service,
});

function account(sent: readonly Sent[]): Accounts {
  const accounts = createAccounts(sequenceLimit);
  for (const { items, outcome } of sent) {
    const batch = { signal: "traces", payload: Buffer.alloc(0), sequences: Uint32Array.from(items) } as const;
    accounts.traces.begin(batch);
    accounts.traces.end(batch, outcome);
  }
  return accounts;
}

function view(arrivals: readonly Arrival[], sinks = 2): SinkView[] {
  return Array.from({ length: sinks }, (_, sink) => {
    const tracker = new RunTracker(sequenceLimit);
    for (const arrival of arrivals.filter((each) => each.sink === sink)) {
      tracker.noteSpan({ run, sequence: arrival.trace }, arrival.item, arrival.service);
    }
    return { endpoint: `sink-${sink}`, run: tracker.report(run)[0] };
  });
}

function compareSpans(sent: readonly Sent[], arrivals: readonly Arrival[]): Comparison {
  return compare(account(sent), view(arrivals), sequenceLimit);
}

const nothingWrong = {
  lost: 0,
  duplicated: 0,
  invented: 0,
  rejectedYetSeen: 0,
  seenUnanswered: 0,
  beyondLimit: 0,
  splitServices: [],
};

describe("the comparison of what was sent with what the sinks saw", () => {
  it.each<[string, Sent[], Arrival[], object]>([
    ["everything arrived once", [{ items: [1, 2], outcome: ok }], [at(0, 1), at(0, 2)], { seen: 2 }],
    ["an acknowledged item is missing", [{ items: [1, 2], outcome: ok }], [at(0, 1)], { seen: 1, lost: 1 }],
    ["nothing arrived", [{ items: [1, 2], outcome: ok }], [], { seen: 0, lost: 2 }],
    [
      "an item came twice to one sink",
      [{ items: [1], outcome: ok }],
      [at(0, 1), at(0, 1)],
      { seen: 1, duplicated: 1 },
    ],
    [
      "an item came to both sinks",
      [{ items: [1], outcome: ok }],
      [at(0, 1), at(1, 1)],
      { seen: 1, duplicated: 1, splitServices: ["cart"] },
    ],
    ["an item was never sent", [{ items: [1], outcome: ok }], [at(0, 1), at(0, 5)], { seen: 2, invented: 1 }],
    [
      "an item is damaged",
      [{ items: [1], outcome: ok }],
      [at(0, 1), at(0, undefined)],
      { seen: 1, invented: 1 },
    ],
    ["a failed request did not arrive", [{ items: [1], outcome: unavailable }], [], { seen: 0 }],
    [
      "a failed request arrived",
      [{ items: [1], outcome: unavailable }],
      [at(0, 1)],
      { seen: 1, seenUnanswered: 1 },
    ],
    ["a rejected item is missing", [{ items: [1, 2], outcome: rejecting(1) }], [at(0, 1)], { seen: 1 }],
    [
      "more is missing than was rejected",
      [{ items: [1, 2, 3], outcome: rejecting(1) }],
      [at(0, 1)],
      { seen: 1, lost: 1 },
    ],
    [
      "rejected items arrived all the same",
      [{ items: [1, 2], outcome: rejecting(2) }],
      [at(0, 1)],
      { seen: 1, rejectedYetSeen: 1 },
    ],
    [
      "a partial success was allotted to another request of a joined call",
      [
        { items: [1, 2], outcome: rejecting(1) },
        { items: [3, 4], outcome: ok },
      ],
      [at(0, 1), at(0, 2), at(0, 3)],
      { seen: 3 },
    ],
    [
      "an item is past the limit",
      [{ items: [1, 5000], outcome: ok }],
      [at(0, 1), at(0, 5000)],
      { seen: 1, beyondLimit: 1 },
    ],
  ])("tells that %s", (_name, sent, arrivals, expected) => {
    expect(compareSpans(sent, arrivals).signals.traces).toEqual({ ...nothingWrong, ...expected });
  });

  it("finds traces that are at more than one sink, not those that came twice to one", () => {
    const arrivals = [at(0, 1, 10), at(1, 2, 10), at(0, 3, 11), at(0, 3, 11), at(1, 4, 12)];
    const { traces, splitTraces } = compareSpans([{ items: [1, 2, 3, 4], outcome: ok }], arrivals);
    expect({ traces, splitTraces }).toEqual({ traces: 3, splitTraces: 1 });
  });

  it("counts a trace at three sinks as one split trace", () => {
    const arrivals = [at(0, 1, 10), at(1, 2, 10), at(2, 3, 10)];
    const accounts = account([{ items: [1, 2, 3], outcome: ok }]);
    expect(compare(accounts, view(arrivals, 3), sequenceLimit).splitTraces).toBe(1);
  });

  const sent = fc.array(
    fc.record({
      size: fc.integer({ min: 1, max: 5 }),
      outcome: fc.constantFrom(ok, unavailable, rejecting(1)),
    }),
    { maxLength: 8 },
  );
  const arrived = fc.array(
    fc.record({
      sink: fc.integer({ min: 0, max: 2 }),
      item: fc.option(fc.integer({ min: 1, max: 45 }), { nil: undefined, freq: 20 }),
      trace: fc.integer({ min: 1, max: 6 }),
      service: fc.constantFrom("cart", "email", "ad"),
    }),
    { maxLength: 60 },
  );

  test.prop([sent, arrived], { numRuns: 300 })("equals a count by hand", (sizes, arrivals) => {
    let last = 0;
    const requests = sizes.map(({ size, outcome }): Sent => {
      const items = Array.from({ length: size }, () => ++last);
      return { items, outcome };
    });
    const result = compare(account(requests), view(arrivals, 3), sequenceLimit);

    const items = arrivals.flatMap(({ item }) => (item === undefined ? [] : [item]));
    const seen = new Set(items);
    const answered = requests.filter(({ outcome }) => outcome.kind === "acknowledged");
    const missing = answered.flatMap((request) => request.items).filter((item) => !seen.has(item)).length;
    const rejected = answered.filter(({ outcome }) => outcome !== ok).length;
    const failed = new Set(
      requests.filter(({ outcome }) => outcome === unavailable).flatMap((each) => each.items),
    );
    const inSeveral = <K>(key: (arrival: Arrival) => K): K[] =>
      [...Map.groupBy(arrivals, key)].flatMap(([value, group]) =>
        new Set(group.map(({ sink }) => sink)).size > 1 ? [value] : [],
      );
    expect(result.signals.traces).toEqual({
      seen: seen.size,
      lost: Math.max(0, missing - rejected),
      duplicated: items.length - seen.size,
      invented: [...seen].filter((item) => item > last).length + (arrivals.length - items.length),
      rejectedYetSeen: Math.max(0, rejected - missing),
      seenUnanswered: [...seen].filter((item) => failed.has(item)).length,
      beyondLimit: 0,
      splitServices: inSeveral(({ service }) => service).sort(),
    });
    expect(result.splitTraces).toBe(inSeveral(({ trace }) => trace).length);
    expect(result.traces).toBe(new Set(arrivals.map(({ trace }) => trace)).size);
  });
});

describe("the summary", () => {
  const faults = (
    sent: readonly Sent[],
    arrivals: readonly Arrival[],
    wholeTraces = false,
  ): readonly string[] => {
    const accounts = account(sent);
    const comparison = compare(accounts, view(arrivals), sequenceLimit);
    return summarize({ run, seed: 1, elapsedMs: 1000, accounts }, comparison, { wholeTraces }).faults;
  };
  const sent = [{ items: [1, 2], outcome: ok }];

  it("finds no fault where every acknowledged item arrived, twice or not", () => {
    expect(faults(sent, [at(0, 1), at(0, 2), at(0, 2)])).toEqual([]);
  });

  it("finds fault with lost and invented items, and with a run that got nothing through", () => {
    expect(faults(sent, [at(0, 1)])).toEqual(["1 acknowledged spans are at no sink"]);
    expect(faults(sent, [at(0, 1), at(0, 2), at(0, 3)])).toEqual(["1 spans at the sinks were never sent"]);
    expect(faults([{ items: [1], outcome: unavailable }], [])).toEqual(["nothing was acknowledged"]);
  });

  it("finds fault with split traces only where whole ones are expected", () => {
    const split = [at(0, 1), at(1, 2)];
    expect(faults(sent, split)).toEqual([]);
    expect(faults(sent, split, true)).toEqual(["1 traces are at more than one sink"]);
  });
});
