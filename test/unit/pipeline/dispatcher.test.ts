import { describe, expect, it } from "vitest";
import { BufferPool } from "../../../src/base/buffer-pool.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import type { Lane, Shard, ShardOutcome } from "../../../src/export/delivery.ts";
import {
  type ExportRequest,
  forwardedHeadersOf,
  noForwardedHeaders,
} from "../../../src/otlp/export-request.ts";
import { RequestMemory } from "../../../src/otlp/request-memory.ts";
import type { RoutingKey } from "../../../src/otlp/routing-key.ts";
import { grpcCode } from "../../../src/otlp/status.ts";
import { BackendPool } from "../../../src/pipeline/backend-pool.ts";
import { Dispatcher, dispatcherMetrics } from "../../../src/pipeline/dispatcher.ts";
import { Route, routeMetrics } from "../../../src/pipeline/route.ts";
import { lengthDelimitedField as field } from "../../../src/wire/writer.ts";
import { takeApart } from "../../support/raw-items.ts";

const delivered: ShardOutcome = { kind: "delivered", rejectedItems: 0, message: "", payloadIsFree: true };
const partly: ShardOutcome = { ...delivered, rejectedItems: 1, message: "too old" };
const refused: ShardOutcome = {
  kind: "rejected",
  status: { code: grpcCode.INVALID_ARGUMENT, message: "bad data" },
};
const away: ShardOutcome = { kind: "undelivered", status: { code: grpcCode.UNAVAILABLE, message: "away" } };

type Answer = (shard: Shard, member: string) => ShardOutcome;

/** Spans of as many traces, in one resource. */
function spans(count: number): Buffer {
  const traceId = (index: number): Buffer => Buffer.alloc(16, index + 1);
  const list = Array.from({ length: count }, (_, index) => field(2, field(1, traceId(index))));
  return field(1, field(2, Buffer.concat(list)));
}

/** A dispatcher over exporters with two backends each, of which each shard's outcome is said. */
class Harness {
  readonly metrics = new MetricRegistry();
  readonly sent: { readonly member: string; readonly shard: Shard }[] = [];
  readonly routes: Route[] = [];
  readonly pools: BackendPool[] = [];

  exporter(
    name: string,
    answer: Answer,
    { routingKey = "traceID" as RoutingKey, forwardHeaders = [] as string[] } = {},
  ) {
    const { metrics } = this;
    const createLane = (member: string): Lane => ({
      member,
      send: (shard) => {
        this.sent.push({ member, shard });
        return Promise.resolve(answer(shard, member));
      },
      close: () => Promise.resolve(),
    });
    const pool = new BackendPool(
      { name, ringSize: 1024, drainMs: 0 },
      { createLane, metrics, logger: silentLogger },
    );
    this.routes.push(
      new Route({ signal: "traces", routingKey, routingAttributes: [], forwardHeaders }, { pool, metrics }),
    );
    this.pools.push(pool);
    pool.setMembers([`${name}-0:4317`, `${name}-1:4317`]);
    return this;
  }

  send(payload: Buffer, rest: Partial<ExportRequest> = {}) {
    const dispatcher = new Dispatcher(
      { name: "otlp", transport: "grpc" },
      { traces: this.routes, metrics: [], logs: [], profiles: [] },
      this.metrics,
    );
    const whole = { signal: "traces", forwardedHeaders: noForwardedHeaders, deadlineMs: Infinity } as const;
    return dispatcher.export({ ...whole, payload, ...rest });
  }

  /** What the receiver's counters say. */
  counted() {
    const value = (definition: (typeof dispatcherMetrics.accepted)["traces"]): number =>
      this.metrics.counter(definition, "otlp", "grpc").value;
    return {
      accepted: value(dispatcherMetrics.accepted.traces),
      refused: value(dispatcherMetrics.refused.traces),
    };
  }

  accounts() {
    return this.routes.map(({ account }) => {
      const { received, delivered, rejected, returned, inFlight } = account;
      return { received, delivered, rejected, returned, inFlight };
    });
  }
}

const emptyAccount = { received: 0, delivered: 0, rejected: 0, returned: 0, inFlight: 0 };

describe("a request", () => {
  it("goes to the owners of its traces, every span once, and is answered when all have it", async () => {
    const harness = new Harness().exporter("tier", () => delivered);
    const payload = spans(20);
    expect(await harness.send(payload)).toEqual({ kind: "success" });
    expect(harness.sent.map(({ member }) => member).sort()).toEqual(["tier-0:4317", "tier-1:4317"]);
    const pieces = harness.sent.flatMap(({ shard }) => takeApart("traces", shard.payload).pieces);
    expect(pieces.sort()).toEqual(takeApart("traces", payload).pieces);
    expect(harness.counted()).toEqual({ accepted: 20, refused: 0 });
    expect(harness.accounts()).toEqual([{ ...emptyAccount, received: 20, delivered: 20 }]);
  });

  it("goes to every exporter of its pipelines, cut by the key of each", async () => {
    const harness = new Harness()
      .exporter("sampling", () => delivered)
      .exporter("metrics", () => delivered, { routingKey: "service" });
    expect(await harness.send(spans(20))).toEqual({ kind: "success" });
    const membersOf = (name: string): string[] =>
      harness.sent.map(({ member }) => member).filter((member) => member.startsWith(name));
    expect(membersOf("sampling")).toHaveLength(2);
    expect(membersOf("metrics")).toHaveLength(1);
    expect(harness.counted()).toEqual({ accepted: 20, refused: 0 });
  });

  it("takes along those forwarded headers that its exporter names", async () => {
    const names = ["x-scope-orgid"];
    const harness = new Harness()
      .exporter("all", () => delivered, { forwardHeaders: ["x-other", ...names] })
      .exporter("one", () => delivered, { forwardHeaders: names })
      .exporter("none", () => delivered);
    const one = ["x-scope-orgid", "red"] as const;
    const received = forwardedHeadersOf([["x-other", "1"], one]);
    await harness.send(spans(1), { forwardedHeaders: received });
    expect(harness.sent.map(({ shard }) => shard.forwardedHeaders)).toEqual([
      received,
      forwardedHeadersOf([one]),
      noForwardedHeaders,
    ]);
  });
});

describe("the answer", () => {
  it("counts what backends refused, and the rest as accepted", async () => {
    const harness = new Harness().exporter("tier", (_shard, member) =>
      member === "tier-0:4317" ? partly : delivered,
    );
    expect(await harness.send(spans(20))).toEqual({ kind: "partial", rejectedItems: 1, message: "too old" });
    expect(harness.counted()).toEqual({ accepted: 19, refused: 1 });
    expect(harness.accounts()).toEqual([{ ...emptyAccount, received: 20, delivered: 19, rejected: 1 }]);
  });

  it("is the backends' error when all was refused", async () => {
    const harness = new Harness().exporter("tier", () => refused);
    expect(await harness.send(spans(20))).toMatchObject({ kind: "failure", status: { message: "bad data" } });
    expect(harness.counted()).toEqual({ accepted: 0, refused: 20 });
    expect(harness.accounts()).toEqual([{ ...emptyAccount, received: 20, rejected: 20 }]);
  });

  it("asks for another attempt when one shard of one exporter could not be delivered", async () => {
    const harness = new Harness()
      .exporter("well", () => partly)
      .exporter("sick", (_shard, member) => (member === "sick-0:4317" ? away : delivered));
    const result = await harness.send(spans(20));
    expect(result).toMatchObject({
      kind: "failure",
      status: { code: grpcCode.UNAVAILABLE, retryDelayMs: 1000 },
    });
    expect(harness.counted()).toEqual({ accepted: 0, refused: 20 });
    const [well, sick] = harness.accounts();
    expect(well).toEqual({ ...emptyAccount, received: 20, delivered: 18, rejected: 2 });
    expect(sick!.delivered + sick!.returned).toBe(20);
    expect(sick!.returned).toBeGreaterThan(0);
  });
});

describe("a request that is refused untouched", () => {
  it("is one of a signal that no pipeline takes", async () => {
    const harness = new Harness().exporter("tier", () => delivered);
    const result = await harness.send(spans(1), { signal: "logs" });
    expect(result).toMatchObject({ kind: "failure", status: { code: grpcCode.UNIMPLEMENTED } });
    expect(harness.sent).toEqual([]);
  });

  it("is one that a later exporter finds malformed: nothing of it is sent or counted", async () => {
    const harness = new Harness()
      .exporter("by trace", () => delivered)
      .exporter("by resource", () => delivered, { routingKey: "resource" });
    // A resource that is no message, which only the second one looks into.
    const span = field(2, field(1, Buffer.alloc(16, 1)));
    const payload = field(1, Buffer.concat([field(1, Buffer.from([0x07])), field(2, span)]));
    expect(await harness.send(payload)).toMatchObject({
      kind: "failure",
      status: { code: grpcCode.INVALID_ARGUMENT, fieldViolations: [{ field: "body" }] },
    });
    expect(harness.sent).toEqual([]);
    expect(harness.accounts()).toEqual([emptyAccount, emptyAccount]);
  });

  it("is one for which an exporter knows no backends: the others get nothing that would come again", async () => {
    const harness = new Harness().exporter("known", () => delivered).exporter("unknown", () => delivered);
    await harness.pools[1]!.close(0);
    const withoutIds = field(
      1,
      field(2, Buffer.concat([field(2, Buffer.alloc(0)), field(2, Buffer.alloc(0))])),
    );
    expect(await harness.send(withoutIds)).toMatchObject({
      kind: "failure",
      status: { code: grpcCode.UNAVAILABLE, message: "unknown knows no backends yet", retryDelayMs: 1000 },
    });
    expect(harness.sent).toEqual([]);
    expect(harness.accounts()).toEqual([emptyAccount, emptyAccount]);
    expect(harness.counted()).toEqual({ accepted: 0, refused: 2 });
    const unroutable = harness.metrics.counter(routeMetrics.unroutable, "known", "invalid_trace_id");
    expect(unroutable.value).toBe(0);
  });
});

describe("the memory of a request", () => {
  async function returnedToPool(answer: Answer): Promise<boolean> {
    const pool = new BufferPool(1 << 20);
    const memory = new RequestMemory(pool);
    const request = spans(20);
    const payload = memory.allocatePayload(request.length);
    request.copy(payload);
    await new Harness().exporter("tier", answer).send(payload, { memory });
    memory.release();
    return pool.retainedBytes > 0;
  }
  const onOne =
    (outcome: ShardOutcome): Answer =>
    (_shard, member) =>
      member === "tier-1:4317" ? outcome : delivered;

  it("is used again when every shard was delivered and written out", async () => {
    expect(await returnedToPool(() => delivered)).toBe(true);
  });

  it.each<[string, ShardOutcome]>([
    ["may still be written", { kind: "delivered", rejectedItems: 0, message: "" }],
    ["was refused", refused],
    ["was not delivered", away],
  ])("is not when one shard %s", async (_case, outcome) => {
    expect(await returnedToPool(onOne(outcome))).toBe(false);
  });

  it("sends nothing of a request whose parts would pass the budget, and asks the client to wait", async () => {
    const harness = new Harness().exporter("a", () => delivered);
    const account = { tryGrow: () => false };
    const memory = new RequestMemory(new BufferPool(1 << 20), account);
    expect(await harness.send(spans(20), { memory })).toMatchObject({
      kind: "failure",
      status: { code: grpcCode.UNAVAILABLE, retryDelayMs: 1000 },
    });
    expect(harness.sent).toEqual([]);
  });
});
