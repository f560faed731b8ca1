import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Generator } from "../../../src/tools/generate/generator.ts";
import { Progress } from "../../../src/tools/generate/progress.ts";

function write(stream: { isTTY?: boolean; columns?: number }, environment: NodeJS.ProcessEnv): string {
  let text = "";
  const generator = new Generator({ endpoints: [], count: 100, seed: 1 });
  const target = {
    ...stream,
    write: (chunk: string) => {
      text += chunk;
    },
  };
  const progress = new Progress(generator, target, environment);
  vi.advanceTimersByTime(5000);
  progress.stop();
  return text;
}

describe("progress", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is a coloured bar on a terminal, drawn over itself and taken away", () => {
    const text = write({ isTTY: true, columns: 60 }, {});
    expect(text.split("\u001b[K")[0]).toBe(
      `\r\u001b[36m${"─".repeat(24)}\u001b[0m 0 ms  0 acknowledged, 0/s`,
    );
    expect(text.endsWith("\r\u001b[K")).toBe(true);
    expect(text).not.toContain("\n");
  });

  it("has no colour where NO_COLOR is set", () => {
    expect(write({ isTTY: true }, { NO_COLOR: "1" })).not.toContain("\u001b[36m");
  });

  it("is a plain line every few seconds elsewhere", () => {
    expect(write({}, {})).toBe("0 ms  0 acknowledged, 0/s\n");
    expect(write({ isTTY: true }, { TERM: "dumb" })).toBe("0 ms  0 acknowledged, 0/s\n");
  });
});
