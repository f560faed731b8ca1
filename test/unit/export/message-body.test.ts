import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { messageBody } from "../../../src/export/message-body.ts";
import { encodeMessageFrame } from "../../../src/grpc/framing.ts";

describe("messageBody", () => {
  const sizes = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 4000, max: 5000 }));

  property.prop([fc.array(sizes, { maxLength: 60 }), fc.boolean()])(
    "is the framed message in pieces",
    (payloadSizes, isCompressed) => {
      const payloads = payloadSizes.map((size, index) => Buffer.alloc(size, index));
      const body = Buffer.concat(messageBody(payloads, isCompressed));
      expect(body.equals(encodeMessageFrame(payloads, isCompressed))).toBe(true);
    },
  );

  test("passes a large payload on without a copy", () => {
    const large = Buffer.alloc(100_000);
    expect(messageBody([large, Buffer.from("small")], false)).toContain(large);
  });

  test("writes small payloads together", () => {
    const payloads = Array.from({ length: 20 }, () => Buffer.alloc(1000));
    expect(messageBody(payloads, false)).toHaveLength(1);
  });
});
