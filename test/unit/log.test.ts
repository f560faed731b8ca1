import { describe, expect, test } from "vitest";
import { OtlpRingError } from "../../src/base/errors.ts";
import { createLogger, type LogOptions, redact } from "../../src/log.ts";

interface Captured {
  readonly lines: string[];
  readonly isTTY: boolean;
  write(line: string): void;
}

function capture(isTTY = false): Captured {
  const lines: string[] = [];
  return { lines, isTTY, write: (line) => void lines.push(line) };
}

function logged(options: LogOptions, output: Captured, environment: NodeJS.ProcessEnv = {}): string {
  createLogger(options, output, environment).info({ port: 4317 }, "listening");
  return output.lines.join("");
}

describe("the log", () => {
  test("is one JSON object a line where nobody reads along", () => {
    const line = logged({}, capture());
    expect(JSON.parse(line)).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      port: 4317,
      msg: "listening",
    });
    expect(line.endsWith("\n")).toBe(true);
  });

  test("is readable and coloured on a terminal", () => {
    const line = logged({}, capture(true));
    expect(line).toContain("\u001b[");
    expect(line).toContain("listening");
    expect(line).toContain("4317");
  });

  test("has no colours when NO_COLOR is set, or where there is no terminal", () => {
    const onTerminal = logged({}, capture(true), { NO_COLOR: "1" });
    const elsewhere = logged({ encoding: "console" }, capture());
    for (const line of [onTerminal, elsewhere]) {
      expect(line).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: listening \{"port":4317\}\n$/);
    }
  });

  test("is JSON on a terminal when told so", () => {
    expect(JSON.parse(logged({ encoding: "json" }, capture(true)))).toMatchObject({ msg: "listening" });
  });

  test("says what its level lets through, with the fields of its parents", () => {
    const output = capture();
    const logger = createLogger({ level: "warn" }, output, {})
      .child({ module: "lane" })
      .child({ member: "a:1" });
    logger.debug({}, "debug");
    logger.info({}, "info");
    logger.warn({}, "warn");
    logger.error({}, "error");
    expect(output.lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: "warn", module: "lane", member: "a:1", msg: "warn" },
      { level: "error", module: "lane", member: "a:1", msg: "error" },
    ]);
  });
});

describe("secrets", () => {
  test.each<[name: string, fields: object]>([
    ["a header", { authorization: "HIDDEN" }],
    ["headers", { headers: { "Proxy-Authorization": "HIDDEN", cookie: ["HIDDEN"], "X-Api-Key": "HIDDEN" } }],
    ["a map of headers", { headers: new Map([["authorization", "HIDDEN"]]) }],
    ["settings", { auth: { basic: { password: "HIDDEN", clientSecret: "HIDDEN" }, tokens: ["HIDDEN"] } }],
    ["a private key", { tls: { keyPem: "HIDDEN", key_pem: "HIDDEN" } }],
    ["an error's text", { error: new Error("refused: Bearer HIDDEN-0123.abc") }],
    ["an error's cause", { error: new Error("refused", { cause: new Error("Basic HIDDEN==") }) }],
    ["a URL", { endpoint: "https://user:HIDDEN@collector:4318/v1/traces" }],
    ["something deep", { a: { b: { c: { d: { e: { f: { x: "HIDDEN" } } } } } } }],
    ["bytes", { payload: Buffer.from("HIDDEN") }],
  ])("are masked in %s", (_name, fields) => {
    const output = capture();
    const logger = createLogger({}, output, {});
    logger.error(fields, "failed");
    logger.child(fields).error({}, "failed again");
    logger.error({}, "refused Bearer HIDDEN");
    expect(output.lines).toHaveLength(3);
    expect(output.lines.join("")).not.toContain("HIDDEN");
  });

  test("are not seen where there are none", () => {
    const since = new Date(0);
    expect(redact({ tokens: 3, member: "10.0.0.1:4317", list: ["a", 1], since, none: undefined })).toEqual({
      tokens: 3,
      member: "10.0.0.1:4317",
      list: ["a", 1],
      since,
      none: undefined,
    });
  });

  test("leave an error's code, and its stack only where the program is at fault", () => {
    expect(redact({ error: new OtlpRingError("file_unreadable", "cannot read x") })).toEqual({
      error: { name: "OtlpRingError", code: "file_unreadable", message: "cannot read x" },
    });
    expect(redact({ error: new TypeError("x is undefined") })).toEqual({
      error: { name: "TypeError", message: "x is undefined", stack: expect.stringContaining("log.test.ts") },
    });
  });

  test("do not hang the log on something that holds itself", () => {
    const ring: { next?: object } = {};
    ring.next = ring;
    const output = capture();
    createLogger({}, output, {}).info({ ring }, "round");
    expect(output.lines).toHaveLength(1);
  });
});
