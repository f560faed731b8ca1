import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import type { Shard, ShardOutcome } from "../../../src/export/delivery.ts";
import type { Cut } from "../../../src/export/joined-delivery.ts";
import { createLane, type LaneOptions } from "../../../src/export/lane.ts";
import { ExportMetrics } from "../../../src/export/metrics.ts";
import { noForwardedHeaders } from "../../../src/otlp/export-request.ts";
import type { Signal } from "../../../src/otlp/signal.ts";
import { delivered, FakeSender, rejected, settled, tooLarge, undelivered } from "./fake-sender.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Payloads of these tests are text, each character an item. */
const cutText: Cut = (_signal, payload) => {
  if (payload.length < 2) return undefined;
  const middle = Math.ceil(payload.length / 2);
  return [payload.subarray(0, middle), payload.subarray(middle)].map((half) => ({
    payload: half,
    itemCount: half.length,
  }));
};

function shard(text: string, signal: Signal = "traces", headersKey = ""): Shard {
  return {
    signal,
    payload: Buffer.from(text),
    itemCount: text.length,
    forwardedHeaders:
      headersKey === "" ? noForwardedHeaders : { key: headersKey, entries: [["k", headersKey]] },
  };
}

/** Calls begin with the shard that asks for them; with what comes in the same turn of the event loop otherwise. */
const atOnce = (start: () => void): void => start();

function setUp(options: Partial<LaneOptions> = {}) {
  const sender = new FakeSender();
  const registry = new MetricRegistry();
  const lane = createLane(
    { member: "backend:1", exporter: "load_balancing", ...options },
    { sender, cut: cutText, metrics: new ExportMetrics(registry), logger: silentLogger, soon: atOnce },
  );
  const outcomes = new Map<string, ShardOutcome>();
  const send = (text: string, signal?: Signal, headersKey?: string): void => {
    void lane.send(shard(text, signal, headersKey)).then((outcome) => outcomes.set(text, outcome));
  };
  const sent = (): string[] => sender.calls.map(({ payloads }) => payloads.map(String).join("+"));
  const answer = async (index: number, outcome = delivered): Promise<void> => {
    sender.calls[index]!.answer(outcome);
    await settled();
  };
  return { lane, sender, registry, outcomes, send, sent, answer };
}

function metricsText(registry: MetricRegistry): Record<string, number> {
  const values: Record<string, number> = {};
  for (const { definition, series } of registry.families()) {
    for (const { labelValues, instrument } of series) {
      values[`${definition.name}{${labelValues.join(",")}}`] =
        "counts" in instrument ? instrument.counts.reduce((a, b) => a + b, 0) : instrument.value;
    }
  }
  return values;
}

describe("joining", () => {
  test("shards that come in one turn of the event loop go together, without a call before them", async () => {
    const sender = new FakeSender();
    const metrics = new ExportMetrics(new MetricRegistry());
    const turn: (() => void)[] = [];
    const soon = (start: () => void): void => void turn.push(start);
    const lane = createLane(
      { member: "backend:1", exporter: "e" },
      { sender, cut: cutText, metrics, logger: silentLogger, soon },
    );
    const outcomes = Promise.all(["a", "b", "c"].map((text) => lane.send(shard(text))));
    expect(sender.calls).toHaveLength(0);
    expect(turn).toHaveLength(1);
    turn[0]!();
    expect(sender.calls.map(({ payloads }) => payloads.map(String))).toEqual([["a", "b", "c"]]);
    sender.calls[0]!.answer(delivered);
    expect(await outcomes).toHaveLength(3);
  });

  test("a shard goes at once when nothing is in flight, and what comes meanwhile goes together", async () => {
    const { send, sent, answer, outcomes } = setUp();
    for (const text of ["a", "b", "c"]) send(text);
    expect(sent()).toEqual(["a"]);
    await answer(0);
    expect(sent()).toEqual(["a", "b+c"]);
    await answer(1);
    expect([...outcomes.values()]).toEqual([delivered, delivered, delivered]);
  });

  test("only shards of one signal with equal forwarded headers share a call", async () => {
    const { send, sent, answer } = setUp({ maxInFlight: 1 });
    send("first");
    send("t1", "traces", "x");
    send("l1", "logs", "x");
    send("t2", "traces", "y");
    send("t3", "traces", "x");
    for (let call = 0; call < 4; call += 1) await answer(call);
    expect(sent().toSorted()).toEqual(["first", "l1", "t1+t3", "t2"]);
  });

  test("a call holds no more than the batch size", async () => {
    const { send, sent, answer } = setUp({ maxBatchSizeBytes: 5 });
    for (const text of ["x", "aa", "bb", "cc", "dd"]) send(text);
    await answer(0);
    await answer(1);
    expect(sent()).toEqual(["x", "aa+bb", "cc+dd"]);
  });

  test("with a join target waiting, another call begins beside the first", () => {
    const { send, sender } = setUp({ maxInFlight: 2 });
    const large = "x".repeat(300 * 1024);
    send("first");
    send("second");
    expect(sender.calls).toHaveLength(1);
    send(large);
    expect(sender.calls.map(({ payloads }) => payloads.length)).toEqual([1, 2]);
    send(large);
    expect(sender.calls).toHaveLength(2);
  });

  test("metrics have one call in flight, whoever they are from, and other signals go beside it", () => {
    const { send, sent } = setUp();
    const large = "x".repeat(300 * 1024);
    send("m1", "metrics");
    send(large, "metrics");
    send("m2", "metrics", "other tenant");
    send("t1", "traces");
    expect(sent()).toEqual(["m1", "t1"]);
  });

  test("groups take turns, so that a crowd does not hold up a single shard", async () => {
    const { send, sent, answer } = setUp({ maxInFlight: 1, maxBatchSizeBytes: 2 });
    send("x");
    for (const text of ["a1", "a2", "a3"]) send(text, "traces", "crowd");
    send("b1", "traces", "single");
    send("l1", "logs");
    for (let call = 0; call < 6; call += 1) await answer(call);
    expect(sent()).toEqual(["x", "l1", "a1", "b1", "a2", "a3"]);
  });
});

describe("a joined call that is refused", () => {
  test("is taken apart by halves until the bad shard is alone", async () => {
    const { send, sent, outcomes, sender } = setUp();
    for (const text of ["x", "a", "b", "BAD", "c"]) send(text);
    while (sender.open.size > 0) {
      for (const call of sender.open) {
        call.answer(call.payloads.some((payload) => String(payload) === "BAD") ? rejected() : delivered);
      }
      await settled();
    }
    expect(sent()).toEqual(["x", "a+b+BAD+c", "a+b", "BAD+c", "BAD", "c"]);
    expect(outcomes.get("BAD")).toEqual(rejected());
    expect(["a", "b", "c"].map((text) => outcomes.get(text))).toEqual([delivered, delivered, delivered]);
  });

  test("keeps the lane from joining for a minute", async () => {
    const { send, sent, answer } = setUp({ maxInFlight: 1 });
    for (const text of ["x", "a", "b"]) send(text);
    await answer(0);
    await answer(1, rejected());
    await answer(2);
    await answer(3);
    for (const text of ["c", "d", "e"]) send(text);
    for (const call of [4, 5, 6]) await answer(call);
    expect(sent().slice(4)).toEqual(["c", "d", "e"]);
    vi.advanceTimersByTime(60_000);
    for (const text of ["f", "g", "h"]) send(text);
    await answer(7);
    expect(sent().slice(7)).toEqual(["f", "g+h"]);
  });

  test("stops when the backend goes away meanwhile", async () => {
    const { send, answer, outcomes, sender } = setUp();
    for (const text of ["x", "a", "b", "c", "d"]) send(text);
    await answer(0);
    await answer(1, rejected());
    await answer(2, undelivered());
    expect(sender.calls).toHaveLength(3);
    expect(["a", "b", "c", "d"].map((text) => outcomes.get(text)?.kind)).toEqual(
      Array(4).fill("undelivered"),
    );
  });

  test("is given up when taking apart lasts too long", async () => {
    const { send, answer, outcomes } = setUp({ timeoutMs: 1000 });
    for (const text of ["x", "a", "b", "c", "d"]) send(text);
    await answer(0);
    await answer(1, rejected());
    vi.advanceTimersByTime(4000);
    await answer(2);
    expect(["a", "b", "c", "d"].map((text) => outcomes.get(text)?.kind)).toEqual([
      "delivered",
      "delivered",
      "undelivered",
      "undelivered",
    ]);
  });
});

describe("partial success of a joined call", () => {
  test.each([
    ["within the first", 1, [1, 0, 0]],
    ["over two", 4, [2, 2, 0]],
    ["all", 9, [2, 3, 4]],
    ["more than there are", 1e15, [2, 3, 4]],
  ])("is allotted in order: %s", async (_name, rejectedItems, shares) => {
    const { send, answer, outcomes } = setUp();
    for (const text of ["x", "aa", "bbb", "cccc"]) send(text);
    await answer(0);
    await answer(1, { kind: "delivered", rejectedItems, message: "late" });
    expect(["aa", "bbb", "cccc"].map((text) => outcomes.get(text))).toEqual(
      shares.map((share) => ({ kind: "delivered", rejectedItems: share, message: share > 0 ? "late" : "" })),
    );
  });

  test("that is a warning goes to all", async () => {
    const { send, answer, outcomes } = setUp();
    for (const text of ["x", "a", "b"]) send(text);
    await answer(0);
    await answer(1, { kind: "delivered", rejectedItems: 0, message: "hm" });
    expect(["a", "b"].map((text) => outcomes.get(text))).toEqual(
      Array(2).fill({ kind: "delivered", rejectedItems: 0, message: "hm" }),
    );
  });
});

describe("too large", () => {
  test("a shard above the batch size is cut before it is sent, and its pieces go in order", async () => {
    const { send, sent, sender, outcomes } = setUp({ maxBatchSizeBytes: 3 });
    send("abcdefgh");
    while (sender.open.size > 0) {
      for (const call of sender.open) call.answer({ kind: "delivered", rejectedItems: 1, message: "one" });
      await settled();
    }
    expect(sent()).toEqual(["ab", "cd", "ef", "gh"]);
    expect(outcomes.get("abcdefgh")).toEqual({ kind: "delivered", rejectedItems: 4, message: "one" });
  });

  test("what the backend finds too large is halved, and only a single item is rejected", async () => {
    const { send, sender, outcomes } = setUp();
    send("abXd");
    while (sender.open.size > 0) {
      for (const call of sender.open) {
        const text = call.payloads.join("");
        call.answer(text.length > 2 || text.includes("X") ? tooLarge() : delivered);
      }
      await settled();
    }
    expect(outcomes.get("abXd")).toEqual({ kind: "delivered", rejectedItems: 1, message: "too large" });
  });

  test("a single item that is too large is rejected", async () => {
    const { send, answer, outcomes } = setUp();
    send("X");
    await answer(0, tooLarge());
    expect(outcomes.get("X")).toMatchObject({ kind: "rejected", status: { code: 8 } });
  });

  test("small pieces are not cut on and on for an exhausted resource that is not their size", async () => {
    const { send, sent, answer, outcomes } = setUp();
    send("abcdefgh");
    await answer(0, tooLarge(false));
    expect(sent()).toEqual(["abcdefgh"]);
    expect(outcomes.get("abcdefgh")).toMatchObject({ kind: "rejected" });
  });

  test("an undelivered piece makes the shard undelivered, and the pieces before may be repeated", async () => {
    const { send, answer, outcomes, sender } = setUp({ maxBatchSizeBytes: 3 });
    send("abcdefgh");
    await answer(0);
    await answer(1, undelivered());
    expect(sender.calls).toHaveLength(2);
    expect(outcomes.get("abcdefgh")).toMatchObject({ kind: "undelivered", mayHaveArrived: true });
  });
});

describe("a lane that cannot take more", () => {
  test("answers undelivered at once when it is full", async () => {
    const { send, outcomes, answer } = setUp({ maxQueueSizeBytes: 2000 });
    send("a".repeat(700));
    send("b".repeat(700));
    send("c".repeat(700));
    await settled();
    expect(outcomes.get("c".repeat(700))).toMatchObject({ kind: "undelivered", status: { code: 14 } });
    await answer(0);
    await answer(1);
    expect([...outcomes.values()].filter(({ kind }) => kind === "delivered")).toHaveLength(2);
  });

  test("passes a shard that is larger than the queue when it holds nothing else", async () => {
    const { send, outcomes, answer } = setUp({ maxQueueSizeBytes: 10 });
    send("a".repeat(50));
    await answer(0);
    expect(outcomes.get("a".repeat(50))).toEqual(delivered);
  });

  test("answers what waited a timeout long for a call", async () => {
    const { send, outcomes, answer, sent } = setUp({ maxInFlight: 1, timeoutMs: 1000 });
    send("stuck");
    vi.advanceTimersByTime(400);
    send("early", "logs");
    vi.advanceTimersByTime(400);
    send("late", "logs");
    vi.advanceTimersByTime(700);
    await settled();
    expect(outcomes.get("early")).toMatchObject({ kind: "undelivered", status: { code: 14 } });
    await answer(0);
    expect(sent()).toEqual(["stuck", "late"]);
  });

  test("gives each call its whole timeout", () => {
    const { send, sender } = setUp({ timeoutMs: 1000 });
    vi.advanceTimersByTime(5);
    const nowMs = performance.now();
    send("a");
    expect(sender.calls[0]!.deadlineMs).toBe(nowMs + 1000);
  });
});

describe("pushback", () => {
  test("rests the lane for as long as the backend asks, and answers with what is left of it", async () => {
    const { send, outcomes, answer, sent, lane } = setUp();
    send("a");
    send("waiting");
    await answer(0, undelivered("busy", 2000));
    expect(outcomes.get("waiting")).toMatchObject({ kind: "undelivered", status: { retryDelayMs: 2000 } });
    expect(lane.snapshot().state).toBe("resting");
    vi.advanceTimersByTime(500);
    send("meanwhile");
    await settled();
    expect(outcomes.get("meanwhile")).toMatchObject({ kind: "undelivered", status: { retryDelayMs: 1500 } });
    vi.advanceTimersByTime(1500);
    send("after");
    expect(sent()).toEqual(["a", "after"]);
  });

  test("for longer than five minutes is not believed", async () => {
    const { send, answer, sent } = setUp();
    send("a");
    await answer(0, undelivered("busy", 1e12));
    vi.advanceTimersByTime(5 * 60_000);
    send("after");
    expect(sent()).toEqual(["a", "after"]);
  });
});

describe("close", () => {
  test("sends what the lane holds, takes nothing new, then closes the connection", async () => {
    const { send, answer, outcomes, sender, lane, sent } = setUp();
    for (const text of ["a", "b"]) send(text);
    const closed = lane.close(1000);
    send("late");
    await settled();
    expect(outcomes.get("late")).toMatchObject({ kind: "undelivered" });
    await answer(0);
    expect(sender.connectionState).toBe("ready");
    await answer(1);
    await closed;
    expect(sent()).toEqual(["a", "b"]);
    expect(sender.connectionState).toBe("closed");
    expect(lane.snapshot().state).toBe("closed");
  });

  test("leaves undelivered what is not done in time", async () => {
    const { send, outcomes, lane } = setUp();
    for (const text of ["a", "b"]) send(text);
    const closed = lane.close(1000);
    vi.advanceTimersByTime(1000);
    await closed;
    expect([...outcomes.values()].map(({ kind }) => kind)).toEqual(["undelivered", "undelivered"]);
  });
});

describe("metrics", () => {
  test("count every item once, by what its client hears", async () => {
    const { send, answer, registry, lane } = setUp();
    send("aaaa");
    send("mm", "metrics");
    send("lll", "logs");
    expect(metricsText(registry)).toMatchObject({ "otelcol_exporter_in_flight_requests{load_balancing}": 3 });
    await answer(0, { kind: "delivered", rejectedItems: 1, message: "" });
    await answer(1, rejected());
    await answer(2, { ...undelivered(), mayHaveArrived: true } as ShardOutcome);
    expect(metricsText(registry)).toMatchObject({
      "otelcol_exporter_sent_spans_total{load_balancing}": 3,
      "otelcol_exporter_send_failed_spans_total{load_balancing}": 1,
      "otelcol_exporter_send_failed_metric_points_total{load_balancing}": 2,
      "otelcol_exporter_send_failed_log_records_total{load_balancing}": 3,
      "otlpring_exporter_unconfirmed_items_total{load_balancing}": 3,
      "otelcol_exporter_in_flight_requests{load_balancing}": 0,
      "otelcol_loadbalancer_backend_latency_milliseconds{backend:1}": 3,
      "otelcol_loadbalancer_backend_outcome_total{backend:1,true}": 1,
      "otelcol_loadbalancer_backend_outcome_total{backend:1,false}": 2,
      "otlpring_backend_up{load_balancing,backend:1}": 1,
    });
    await lane.close(1000);
    const left = Object.keys(metricsText(registry));
    expect(left.filter((name) => name.includes("backend:1"))).toEqual([]);
    expect(left).toContain("otelcol_exporter_sent_spans_total{load_balancing}");
  });

  test("of a backend stay while another exporter has a lane to it", async () => {
    const registry = new MetricRegistry();
    const metrics = new ExportMetrics(registry);
    const lanes = ["one", "two"].map((exporter) =>
      createLane(
        { member: "backend:1", exporter },
        { sender: new FakeSender(), cut: cutText, metrics, logger: silentLogger, soon: atOnce },
      ),
    );
    await lanes[0]!.close(0);
    const name = "otelcol_loadbalancer_backend_outcome_total{backend:1,true}";
    expect(Object.keys(metricsText(registry))).toContain(name);
    expect(Object.keys(metricsText(registry))).not.toContain("otlpring_backend_up{one,backend:1}");
    await lanes[1]!.close(0);
    expect(Object.keys(metricsText(registry))).not.toContain(name);
  });
});

describe("a fault of the program", () => {
  test("while sending leaves its shards undelivered and the lane in service", async () => {
    const { lane, sender, outcomes, send, answer } = setUp();
    const call = sender.call.bind(sender);
    sender.call = () => Promise.reject(new Error("bug"));
    send("a");
    await settled();
    expect(outcomes.get("a")).toMatchObject({ kind: "undelivered", status: { code: 13 } });
    sender.call = call;
    send("b");
    await answer(0);
    expect(outcomes.get("b")).toEqual(delivered);
    expect(lane.snapshot()).toMatchObject({ openCalls: 0, heldBytes: 0 });
  });
});
