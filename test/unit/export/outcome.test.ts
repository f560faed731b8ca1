import { describe, expect, test } from "vitest";
import { type CallEnd, type CallEndName, outcomeOf, verdicts } from "../../../src/export/outcome.ts";
import { type GrpcCode, grpcCode, type RpcStatus } from "../../../src/otlp/status.ts";

const member = "10.0.0.1:4317";

function answered(code: GrpcCode, message = "m", retryDelayMs?: number): CallEnd {
  const status: RpcStatus = retryDelayMs === undefined ? { code, message } : { code, message, retryDelayMs };
  return { kind: "status", status };
}

function local(
  kind: "deadline" | "interrupted" | "unprocessed" | "not_grpc" | "response_too_large",
): CallEnd {
  return { kind, detail: "d" };
}

/** Every row of the table: an end that belongs to it, and what must come of it. */
const rows: readonly [CallEndName, CallEnd, object][] = [
  [
    "OK",
    { kind: "ok", rejectedItems: 2, message: "m" },
    { kind: "delivered", rejectedItems: 2, message: "m" },
  ],
  ["INVALID_ARGUMENT", answered(3), { kind: "rejected" }],
  ["INTERNAL", answered(13), { kind: "rejected" }],
  ["response_too_large", local("response_too_large"), { kind: "rejected", status: { code: 13 } }],
  ["RESOURCE_EXHAUSTED", answered(8), { kind: "too_large", isAboutSize: false }],
  [
    "OUT_OF_RANGE about the size",
    answered(11, "Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes"),
    { kind: "too_large", isAboutSize: true },
  ],
  [
    "RESOURCE_EXHAUSTED with RetryInfo",
    answered(8, "m", 1000),
    { kind: "undelivered", status: { code: 8, message: `${member}: m`, retryDelayMs: 1000 } },
  ],
  ["CANCELLED", answered(1), { kind: "undelivered", mayHaveArrived: true }],
  ["DEADLINE_EXCEEDED", answered(4), { kind: "undelivered", mayHaveArrived: true }],
  ["ABORTED", answered(10), { kind: "undelivered" }],
  ["OUT_OF_RANGE", answered(11), { kind: "undelivered" }],
  [
    "UNAVAILABLE",
    answered(14, "m", 50),
    { kind: "undelivered", status: { code: 14, message: `${member}: m`, retryDelayMs: 50 } },
  ],
  ["DATA_LOSS", answered(15), { kind: "undelivered" }],
  ["deadline", local("deadline"), { kind: "undelivered", mayHaveArrived: true, status: { code: 4 } }],
  ["interrupted", local("interrupted"), { kind: "undelivered", mayHaveArrived: true, status: { code: 14 } }],
  [
    "unprocessed",
    local("unprocessed"),
    { kind: "undelivered", status: { code: 14, message: `${member}: d` } },
  ],
  ["UNIMPLEMENTED", answered(12), { kind: "undelivered", status: { code: 12 } }],
  ["not_grpc", local("not_grpc"), { kind: "undelivered", status: { code: 14 } }],
  ["UNAUTHENTICATED", answered(16), { kind: "undelivered" }],
  ["PERMISSION_DENIED", answered(7), { kind: "undelivered" }],
  ["UNKNOWN", answered(2), { kind: "undelivered", mayHaveArrived: true }],
  ["NOT_FOUND", answered(5), { kind: "undelivered" }],
  ["ALREADY_EXISTS", answered(6), { kind: "undelivered" }],
  ["FAILED_PRECONDITION", answered(9), { kind: "undelivered" }],
];

describe("the table of outcomes", () => {
  test.each(rows)("%s", (name, end, expected) => {
    const outcome = outcomeOf(end, member);
    expect(outcome).toMatchObject(expected);
    expect(outcome.kind).toBe(verdicts[name].outcome);
    expect("mayHaveArrived" in outcome).toBe(verdicts[name].mayHaveArrived === true);
  });

  test("has each row tried here, and a row for each code of gRPC", () => {
    const names = Object.keys(verdicts);
    expect(rows.map(([name]) => name as string).toSorted()).toEqual(names.toSorted());
    expect(names).toEqual(expect.arrayContaining(Object.keys(grpcCode)));
  });

  test("rejects nothing but what is a verdict on the data", () => {
    const rejecting = rows.filter(([name]) => verdicts[name].outcome === "rejected").map(([name]) => name);
    expect(rejecting).toEqual(["INVALID_ARGUMENT", "INTERNAL", "response_too_large"]);
  });

  test.each([
    ["grpc-go", "grpc: received message larger than max (5000000 vs. 4194304)"],
    ["grpc-js", "Received message larger than max (5000000 vs 4194304)"],
    ["grpc-java", "gRPC message exceeds maximum size 4194304: 5000000"],
    [".NET", "Received message exceeds the maximum configured message size."],
  ])("knows a message about the size of %s", (_name, message) => {
    expect(outcomeOf(answered(8, message), member)).toMatchObject({ kind: "too_large", isAboutSize: true });
  });

  test("puts the backend before what it said", () => {
    expect(outcomeOf(answered(3, "no such field"), member)).toEqual({
      kind: "rejected",
      status: { code: 3, message: "10.0.0.1:4317: no such field" },
    });
  });
});
