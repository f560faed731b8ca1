import { Metadata } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { readRetryInfoMs } from "../../../src/tools/generate/sender.ts";
import { messageCodec } from "../../../src/tools/otlp-proto.ts";

function errorWith(details: Buffer | undefined): { metadata: Metadata } {
  const metadata = new Metadata();
  if (details !== undefined) metadata.set("grpc-status-details-bin", details);
  return { metadata };
}

function statusWith(details: { type_url: string; value: Buffer }[]): Buffer {
  return messageCodec("google.rpc.Status").encode({ code: 14, message: "later", details });
}

/** RetryInfo { retry_delay { seconds: 2, nanos: 500000000 } }, byte by byte. */
const twoAndAHalfSeconds = Buffer.from("0a0808021080cab5ee01", "hex");

describe("the RetryInfo of an answer", () => {
  it("is found among the details and read in milliseconds", () => {
    const details = statusWith([
      { type_url: "type.googleapis.com/google.rpc.BadRequest", value: Buffer.from("0a00", "hex") },
      { type_url: "type.googleapis.com/google.rpc.RetryInfo", value: twoAndAHalfSeconds },
    ]);
    expect(readRetryInfoMs(errorWith(details))).toBe(2500);
  });

  it("may be empty: at once", () => {
    const details = statusWith([{ type_url: "x/google.rpc.RetryInfo", value: Buffer.alloc(0) }]);
    expect(readRetryInfoMs(errorWith(details))).toBe(0);
  });

  it("is waited for at most half a minute", () => {
    const anHour = messageCodec("google.rpc.RetryInfo").encode({ retryDelay: { seconds: 3600 } });
    const details = statusWith([{ type_url: "x/google.rpc.RetryInfo", value: anHour }]);
    expect(readRetryInfoMs(errorWith(details))).toBe(30_000);
  });

  it("is absent where there are no details, other details, or garbage", () => {
    expect(readRetryInfoMs(errorWith(undefined))).toBeUndefined();
    expect(readRetryInfoMs(errorWith(statusWith([])))).toBeUndefined();
    expect(readRetryInfoMs(errorWith(Buffer.from("ffffff", "hex")))).toBeUndefined();
  });
});
