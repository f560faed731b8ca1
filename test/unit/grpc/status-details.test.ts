import fc from "fast-check";
import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import {
  decodeBinaryHeader,
  decodeStatus,
  encodeBinaryHeader,
  encodeStatus,
} from "../../../src/grpc/status-details.ts";
import { type GrpcCode, grpcCode, type RpcStatus } from "../../../src/otlp/status.ts";

const { root } = protobuf.parse(
  `syntax = "proto3"; package google.rpc;
   message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
   message Any { string type_url = 1; bytes value = 2; }
   message Duration { int64 seconds = 1; int32 nanos = 2; }
   message RetryInfo { Duration retry_delay = 1; }
   message BadRequest { repeated FieldViolation field_violations = 1; }
   message FieldViolation { string field = 1; string description = 2; string reason = 3; }`,
  { keepCase: true },
);

function encoded(type: string, value: object): Buffer {
  const message = root.lookupType(`google.rpc.${type}`);
  return Buffer.from(message.encode(message.fromObject(value)).finish());
}

function decoded(type: string, bytes: Uint8Array): Record<string, unknown> {
  const message = root.lookupType(`google.rpc.${type}`);
  return message.toObject(message.decode(bytes), { longs: Number });
}

function detail(type: string, value: object): object {
  return { type_url: `type.googleapis.com/google.rpc.${type}`, value: encoded(type, value) };
}

const statuses: fc.Arbitrary<RpcStatus> = fc
  .record(
    {
      code: fc.constantFrom(...Object.values(grpcCode)) as fc.Arbitrary<GrpcCode>,
      message: fc.string({ unit: "grapheme" }),
      retryDelayMs: fc.nat(100_000_000),
      fieldViolations: fc.array(fc.record({ field: fc.string(), description: fc.string() }), {
        minLength: 1,
        maxLength: 5,
      }),
    },
    { requiredKeys: ["code", "message"] },
  )
  .map((status) => ({ ...status }));

describe("encodeStatus", () => {
  it("is read by another implementation", () => {
    const bytes = encodeStatus({
      code: grpcCode.UNAVAILABLE,
      message: "später",
      retryDelayMs: 1500.25,
      fieldViolations: [{ field: "resource_spans[0]", description: "wrong" }],
    });
    const status = decoded("Status", bytes);
    const details = status["details"] as { type_url: string; value: Uint8Array }[];
    expect(status).toMatchObject({ code: 14, message: "später" });
    expect(details.map(({ type_url }) => type_url)).toEqual([
      "type.googleapis.com/google.rpc.RetryInfo",
      "type.googleapis.com/google.rpc.BadRequest",
    ]);
    expect(decoded("RetryInfo", details[0]!.value)).toEqual({
      retry_delay: { seconds: 1, nanos: 500_250_000 },
    });
    expect(decoded("BadRequest", details[1]!.value)).toEqual({
      field_violations: [{ field: "resource_spans[0]", description: "wrong" }],
    });
  });

  it("is read back by decodeStatus, through a header too", () => {
    fc.assert(
      fc.property(statuses, (status) => {
        const bytes = encodeStatus(status);
        expect(decodeStatus(bytes)).toEqual(status);
        expect(decodeBinaryHeader(encodeBinaryHeader(bytes))).toEqual(bytes);
      }),
    );
  });
});

describe("decodeStatus", () => {
  it.each([
    ["nothing", {}, { code: 0, message: "" }],
    ["code and message", { code: 8, message: "full" }, { code: 8, message: "full" }],
    ["a code that gRPC does not know", { code: 77 }, { code: 2, message: "" }],
    ["a negative code", { code: -3 }, { code: 2, message: "" }],
    [
      "a detail of another type",
      { code: 3, details: [{ type_url: "type.googleapis.com/a.B", value: Buffer.from([255, 255]) }] },
      { code: 3, message: "" },
    ],
    [
      "RetryInfo without a delay",
      { code: 14, details: [detail("RetryInfo", {})] },
      { code: 14, message: "" },
    ],
    [
      "RetryInfo of nothing",
      { code: 14, details: [detail("RetryInfo", { retry_delay: {} })] },
      { code: 14, message: "", retryDelayMs: 0 },
    ],
    [
      "RetryInfo of 2.5 s",
      { code: 14, details: [detail("RetryInfo", { retry_delay: { seconds: 2, nanos: 500_000_000 } })] },
      { code: 14, message: "", retryDelayMs: 2500 },
    ],
    [
      "RetryInfo of a negative delay",
      { code: 14, details: [detail("RetryInfo", { retry_delay: { seconds: -1 } })] },
      { code: 14, message: "" },
    ],
    [
      "BadRequest with fields of later versions",
      {
        code: 3,
        details: [
          detail("BadRequest", { field_violations: [{ field: "f", description: "d", reason: "R" }] }),
        ],
      },
      { code: 3, message: "", fieldViolations: [{ field: "f", description: "d" }] },
    ],
  ])("reads %s as another implementation wrote it", (_name, status, expected) => {
    expect(decodeStatus(encoded("Status", status))).toEqual(expected);
  });

  it("reads no more than 64 violations", () => {
    const violations = Array.from({ length: 200 }, () => ({ field: "f", description: "d" }));
    const bytes = encoded("Status", {
      code: 3,
      details: [detail("BadRequest", { field_violations: violations })],
    });
    expect(decodeStatus(bytes)?.fieldViolations).toHaveLength(64);
  });

  it.each([
    ["a length past the end", Buffer.from([0x12, 0x7f, 1])],
    ["a giant length", Buffer.from([0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])],
    ["a varint without end", Buffer.alloc(20, 0xff)],
    ["more than 64 KiB", encodeStatus({ code: 2, message: "x".repeat(65_536) })],
  ])("refuses %s", (_name, bytes) => {
    expect(decodeStatus(bytes)).toBeUndefined();
  });

  it("takes any bytes", () => {
    const start = encodeStatus({ code: 14, message: "m", retryDelayMs: 10 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(start.length), (bytes, keep) => {
        const status = decodeStatus(Buffer.concat([start.subarray(0, keep), bytes]));
        expect(status?.code ?? 0).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 500 },
    );
  });
});

describe("decodeBinaryHeader", () => {
  it("takes padded, unpadded and joined values", () => {
    const bytes = Buffer.from("abcd");
    expect(encodeBinaryHeader(bytes)).toBe("YWJjZA");
    expect(decodeBinaryHeader("YWJjZA==")).toEqual(bytes);
    expect(decodeBinaryHeader("YWJjZA")).toEqual(bytes);
    expect(decodeBinaryHeader("YWJjZA, AAAA")).toEqual(bytes);
    expect(decodeBinaryHeader("")).toEqual(Buffer.alloc(0));
  });
});
