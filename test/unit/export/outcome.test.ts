import { describe, expect, test } from "vitest";
import { type CallEnd, type CallEndName, outcomeOf, verdicts } from "../../../src/export/outcome.ts";
import { type GrpcCode, grpcCode, type RpcStatus } from "../../../src/otlp/status.ts";

const member = "10.0.0.1:4317";

function answered(code: GrpcCode, message = "m", retryDelayMs?: number): CallEnd {
  const status: RpcStatus = retryDelayMs === undefined ? { code, message } : { code, message, retryDelayMs };
  return { kind: "status", status };
}

function local(
  kind: "deadline" | "interrupted" | "unprocessed" | "not_otlp" | "response_too_large",
): CallEnd {
  return { kind, detail: "d" };
}

function overHttp(httpStatus: number, detail = "d", retryDelayMs?: number): CallEnd {
  return { kind: "http_status", httpStatus, detail, ...(retryDelayMs !== undefined && { retryDelayMs }) };
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
  ["not_otlp", local("not_otlp"), { kind: "undelivered", status: { code: 14 } }],
  ["UNAUTHENTICATED", answered(16), { kind: "undelivered" }],
  ["PERMISSION_DENIED", answered(7), { kind: "undelivered" }],
  ["UNKNOWN", answered(2), { kind: "undelivered", mayHaveArrived: true }],
  ["NOT_FOUND", answered(5), { kind: "undelivered" }],
  ["ALREADY_EXISTS", answered(6), { kind: "undelivered" }],
  ["FAILED_PRECONDITION", answered(9), { kind: "undelivered" }],
  ["HTTP 400", overHttp(400), { kind: "rejected", status: { code: 3 } }],
  ["HTTP 422", overHttp(422), { kind: "rejected", status: { code: 3 } }],
  ["HTTP 413", overHttp(413), { kind: "too_large", isAboutSize: true, status: { code: 8 } }],
  [
    "HTTP 400 about the size",
    overHttp(400, "HTTP 400 from /v1/traces: http: request body too large"),
    { kind: "too_large", isAboutSize: true },
  ],
  [
    "HTTP 429",
    overHttp(429, "d", 2000),
    { kind: "undelivered", status: { code: 14, message: `${member}: d`, retryDelayMs: 2000 } },
  ],
  ["HTTP 502", overHttp(502), { kind: "undelivered", mayHaveArrived: true, status: { code: 14 } }],
  ["HTTP 503", overHttp(503, "d", 0), { kind: "undelivered", status: { code: 14, retryDelayMs: 0 } }],
  ["HTTP 504", overHttp(504), { kind: "undelivered", mayHaveArrived: true, status: { code: 14 } }],
  ["HTTP 401", overHttp(401), { kind: "undelivered", status: { code: 16 } }],
  ["HTTP 403", overHttp(403), { kind: "undelivered", status: { code: 7 } }],
  ["HTTP 404", overHttp(404), { kind: "undelivered", status: { code: 12 } }],
  ["HTTP 405", overHttp(405), { kind: "undelivered", status: { code: 12 } }],
  ["HTTP 3xx", overHttp(307), { kind: "undelivered" }],
  ["HTTP 4xx", overHttp(415), { kind: "undelivered" }],
  ["HTTP 5xx", overHttp(500), { kind: "undelivered", mayHaveArrived: true }],
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
    expect(rejecting).toEqual(["INVALID_ARGUMENT", "INTERNAL", "response_too_large", "HTTP 400", "HTTP 422"]);
  });

  test.each([
    ["grpc-go", "grpc: received message larger than max (5000000 vs. 4194304)"],
    ["grpc-js", "Received message larger than max (5000000 vs 4194304)"],
    ["grpc-java", "gRPC message exceeds maximum size 4194304: 5000000"],
    [".NET", "Received message exceeds the maximum configured message size."],
  ])("knows a message about the size of %s", (_name, message) => {
    expect(outcomeOf(answered(8, message), member)).toMatchObject({ kind: "too_large", isAboutSize: true });
  });

  test("classes every other status of HTTP, whatever the number", () => {
    for (let status = 300; status < 1000; status += 1) {
      const rejects = status === 400 || status === 422;
      const isTooLarge = status === 413;
      expect(outcomeOf(overHttp(status), member).kind).toBe(
        rejects ? "rejected" : isTooLarge ? "too_large" : "undelivered",
      );
    }
  });

  test("puts the backend before what it said", () => {
    expect(outcomeOf(answered(3, "no such field"), member)).toEqual({
      kind: "rejected",
      status: { code: 3, message: "10.0.0.1:4317: no such field" },
    });
  });
});
