import { describe, expect, it } from "vitest";
import { Pacer } from "../../../src/tools/generate/pacer.ts";

describe("a pacer", () => {
  it("spreads items at its rate, beginning at once", () => {
    const pacer = new Pacer(1000);
    expect([pacer.reserve(100, 0), pacer.reserve(100, 0), pacer.reserve(50, 0), pacer.reserve(1, 0)]).toEqual(
      [0, 100, 200, 250],
    );
  });

  it("keeps its rate through small delays", () => {
    const pacer = new Pacer(1000);
    pacer.reserve(100, 0);
    expect(pacer.reserve(100, 130)).toBe(0);
    expect(pacer.reserve(100, 130)).toBe(70);
  });

  it("does not make up for long pauses", () => {
    const pacer = new Pacer(1000);
    pacer.reserve(100, 0);
    const soon = Array.from({ length: 5 }, () => pacer.reserve(100, 10_000));
    expect(soon).toEqual([0, 0, 0, 50, 150]);
  });

  it("without a rate lets everything through", () => {
    const pacer = new Pacer(undefined);
    expect([pacer.reserve(1e9, 0), pacer.reserve(1, 0)]).toEqual([0, 0]);
  });
});
