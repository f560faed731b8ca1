import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeExportResponse, encodeExportResponse } from "../../../src/otlp/export-response.ts";
import { stableSignals as signals } from "../../../src/otlp/signal.ts";
import * as independent from "../../../src/tools/otlp-proto.ts";
import { WireError } from "../../../src/wire/wire-error.ts";

describe("an Export response", () => {
  it("of a full success has no bytes", () => {
    expect(encodeExportResponse(undefined)).toHaveLength(0);
    expect(decodeExportResponse(Buffer.alloc(0))).toBeUndefined();
  });

  it("with a partial success is what protobufjs makes and reads, for every signal", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...signals),
        fc.nat(),
        fc.string({ unit: "grapheme" }),
        (signal, rejectedItems, message) => {
          const partial = { rejectedItems, message };
          const expected = rejectedItems === 0 && message === "" ? undefined : partial;
          const theirs = independent.encodeExportResponse(signal, { partialSuccess: partial });
          expect(decodeExportResponse(theirs)).toEqual(expected);
          const ours = independent.decodeExportResponse(signal, encodeExportResponse(partial));
          expect(ours.partialSuccess).toEqual(expected);
        },
      ),
    );
  });

  it.each<[string, number[], number]>([
    ["a negative count is none", [0x0a, 0x0b, 0x08, ...Array(9).fill(0xff), 0x01], 0],
    ["the largest int64 is more than any request", [0x0a, 0x0a, 0x08, ...Array(8).fill(0xff), 0x7f], 2 ** 63],
  ])("%s", (_name, bytes, rejected) => {
    expect(decodeExportResponse(Buffer.from(bytes))?.rejectedItems ?? 0).toBe(rejected);
  });

  it("that is cut off anywhere is malformed or shorter, never read beyond its end", () => {
    const whole = encodeExportResponse({ rejectedItems: 300, message: "too old" });
    for (let length = 1; length < whole.length; length += 1) {
      expect(() => decodeExportResponse(whole.subarray(0, length))).toThrow(WireError);
    }
  });
});
