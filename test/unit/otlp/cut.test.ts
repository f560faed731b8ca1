import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutInHalf } from "../../../src/otlp/cut.ts";
import { stableSignals as signals } from "../../../src/otlp/signal.ts";
import { WireError } from "../../../src/wire/wire-error.ts";
import { lengthDelimitedField as field } from "../../../src/wire/writer.ts";
import { exportRequest } from "../../support/random-otlp.ts";
import { takeApart } from "../../support/raw-items.ts";

describe.each(signals)("a request of %s that is cut in half", (signal) => {
  it("has everything in its halves once, items shared evenly", () => {
    let cut = 0;
    fc.assert(
      fc.property(exportRequest(signal), (request) => {
        const whole = takeApart(signal, request);
        const halves = cutInHalf(signal, request);
        expect(halves === undefined).toBe(whole.itemCount < 2);
        if (halves === undefined) return;
        cut += 1;
        const parts = halves.map(({ payload }) => takeApart(signal, payload));
        expect(parts.flatMap(({ pieces }) => pieces).sort()).toEqual(whole.pieces);
        expect(parts.map(({ ownHeader }) => ownHeader).join("")).toBe(whole.ownHeader);
        const counts = [Math.ceil(whole.itemCount / 2), Math.floor(whole.itemCount / 2)];
        expect(halves.map(({ itemCount }) => itemCount)).toEqual(counts);
        expect(parts.map(({ itemCount }) => itemCount)).toEqual(counts);
      }),
      { numRuns: 200 },
    );
    expect(cut).toBeGreaterThan(20);
  });
});

describe("cutting", () => {
  const span = (name: string): Buffer => field(2, field(5, Buffer.from(name)));

  it("keeps the order of the items, the first half first", () => {
    const request = field(1, field(2, Buffer.concat(["a", "b", "c", "d", "e"].map(span))));
    const halves = cutInHalf("traces", request)!.map(({ payload }) => payload);
    expect(halves).toEqual([
      field(1, field(2, Buffer.concat(["a", "b", "c"].map(span)))),
      field(1, field(2, Buffer.concat(["d", "e"].map(span)))),
    ]);
  });

  it("comes to an end: of a thousand items a thousand pieces of one", () => {
    const request = field(1, field(2, Buffer.concat(Array.from({ length: 1000 }, (_, n) => span(`${n}`)))));
    const pieces = [request];
    const single: Buffer[] = [];
    for (let piece = pieces.pop(); piece !== undefined; piece = pieces.pop()) {
      const halves = cutInHalf("traces", piece);
      if (halves === undefined) single.push(piece);
      else pieces.push(...halves.map(({ payload }) => payload).toReversed());
    }
    expect(single).toEqual(Array.from({ length: 1000 }, (_, n) => field(1, field(2, span(`${n}`)))));
  });

  it("refuses what is no request", () => {
    expect(() => cutInHalf("traces", Buffer.from([0x0a, 0x05, 0x00]))).toThrow(WireError);
  });
});
