import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Shard, ShardOutcome } from "../../../src/export/delivery.ts";
import { noForwardedHeaders } from "../../../src/otlp/export-request.ts";
import { grpcCode } from "../../../src/otlp/status.ts";
import { combineExporters, combineShards, type ExporterOutcome } from "../../../src/pipeline/combine.ts";

const shard = (itemCount: number): Shard => ({
  signal: "traces",
  payload: Buffer.alloc(0),
  itemCount,
  forwardedHeaders: noForwardedHeaders,
});
const delivered = (rejectedItems = 0, message = ""): ShardOutcome => ({
  kind: "delivered",
  rejectedItems,
  message,
});
const rejected = (message: string): ShardOutcome => ({
  kind: "rejected",
  status: { code: grpcCode.INVALID_ARGUMENT, message },
});
const undelivered = (retryDelayMs?: number): ShardOutcome => ({
  kind: "undelivered",
  status: {
    code: grpcCode.DEADLINE_EXCEEDED,
    message: "slow",
    ...(retryDelayMs !== undefined && { retryDelayMs }),
  },
});

describe("the shards of one exporter", () => {
  it.each<[string, ShardOutcome[], ExporterOutcome]>([
    ["nothing to send", [], { kind: "taken", rejectedItems: 0, message: "" }],
    ["all delivered", [delivered(), delivered()], { kind: "taken", rejectedItems: 0, message: "" }],
    [
      "partial successes add up",
      [delivered(2, "old"), delivered(3, "older")],
      { kind: "taken", rejectedItems: 5, message: "old; older" },
    ],
    [
      "a rejected shard beside delivered ones counts with all its items",
      [delivered(), rejected("bad")],
      { kind: "taken", rejectedItems: 10, message: "bad" },
    ],
    [
      "everything rejected is an error",
      [rejected("bad"), rejected("worse")],
      { kind: "refused", status: { code: grpcCode.INVALID_ARGUMENT, message: "bad" } },
    ],
    [
      "one undelivered shard is worth a retry, whatever became of the others",
      [delivered(), rejected("bad"), undelivered()],
      {
        kind: "undelivered",
        status: { code: grpcCode.UNAVAILABLE, message: "slow", retryDelayMs: 1000 },
      },
    ],
    [
      "the longest pause that a backend asks for is passed on",
      [undelivered(3000), undelivered(), undelivered(7000)],
      {
        kind: "undelivered",
        status: { code: grpcCode.UNAVAILABLE, message: "slow", retryDelayMs: 7000 },
      },
    ],
    [
      "a warning without rejected items is passed on",
      [delivered(0, "deprecated"), delivered()],
      { kind: "taken", rejectedItems: 0, message: "deprecated" },
    ],
  ])("%s", (_name, outcomes, expected) => {
    expect(
      combineShards(
        outcomes.map(() => shard(10)),
        outcomes,
      ),
    ).toEqual(expected);
  });

  it("tells the client of three reasons and counts the others", () => {
    const outcomes = ["a", "b", "c", "d", "e"].map((reason) => delivered(1, reason));
    expect(
      combineShards(
        outcomes.map(() => shard(10)),
        outcomes,
      ),
    ).toMatchObject({ message: "a; b; c; and 2 more" });
  });
});

describe("several exporters", () => {
  const refused: ExporterOutcome = {
    kind: "refused",
    status: { code: grpcCode.INVALID_ARGUMENT, message: "bad" },
  };
  const back = (retryDelayMs: number): ExporterOutcome => ({
    kind: "undelivered",
    status: { code: grpcCode.UNAVAILABLE, message: "away", retryDelayMs },
  });
  const taken = (rejectedItems = 0, message = ""): ExporterOutcome => ({
    kind: "taken",
    rejectedItems,
    message,
  });

  it("answer with the worst of them", () => {
    expect(combineExporters([taken(), taken()], 10)).toEqual({ kind: "success" });
    expect(combineExporters([taken(), refused], 10)).toMatchObject({ kind: "failure", status: { code: 3 } });
    expect(combineExporters([refused, back(1000)], 10)).toMatchObject({ status: { code: 14 } });
    expect(combineExporters([back(1000), back(5000)], 10)).toMatchObject({ status: { retryDelayMs: 5000 } });
  });

  it("count an item once that two of them rejected, and never more items than there were", () => {
    expect(combineExporters([taken(4, "x"), taken(6, "y")], 10)).toEqual({
      kind: "partial",
      rejectedItems: 6,
      message: "x; y",
    });
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 40 }), { minLength: 1 }),
        fc.nat({ max: 30 }),
        (counts, itemCount) => {
          const result = combineExporters(
            counts.map((count) => taken(count, "x")),
            itemCount,
          );
          expect(result).toMatchObject({
            kind: "partial",
            rejectedItems: Math.min(itemCount, Math.max(...counts)),
          });
        },
      ),
    );
  });

  it("pass on a warning as partial success without rejected items", () => {
    expect(combineExporters([taken(0, "deprecated"), taken()], 10)).toEqual({
      kind: "partial",
      rejectedItems: 0,
      message: "deprecated",
    });
  });
});
