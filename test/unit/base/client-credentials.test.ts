import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type ClientCredentialSettings,
  type ClientCredentials,
  clientCredentials,
} from "../../../src/base/client-credentials.ts";
import { silentLogger } from "../../../src/base/logger.ts";

let directory: string;
const closers: (() => void)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "otlp-ring-credentials-"));
});

afterEach(() => {
  for (const close of closers.splice(0)) close();
  rmSync(directory, { recursive: true });
});

/** At once, so that nobody reads it half written. */
function replaceFile(path: string, content: string): void {
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}

function credentials(settings: ClientCredentialSettings): ClientCredentials {
  const created = clientCredentials(settings, { logger: silentLogger });
  closers.push(() => created.close());
  return created;
}

describe("an exporter's credentials", () => {
  test.each<[name: string, settings: ClientCredentialSettings, headers: Record<string, string>]>([
    [
      "user and password",
      { kind: "basic", username: "Aladdin", password: "open sesame" },
      // RFC 7617 §2's own example.
      { authorization: "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" },
    ],
    [
      "user and password outside ASCII",
      { kind: "basic", username: "test", password: "123\u00a3" },
      // RFC 7617 §2.1's example.
      { authorization: "Basic dGVzdDoxMjPCow==" },
    ],
    ["a token", { kind: "bearer", token: "abc" }, { authorization: "Bearer abc" }],
    [
      "a token of another scheme",
      { kind: "bearer", scheme: "Token", token: "abc" },
      { authorization: "Token abc" },
    ],
    ["a bare token", { kind: "bearer", scheme: "", header: "X-Key", token: "abc" }, { "x-key": "abc" }],
  ])("%s", (_name, settings, headers) => {
    expect(credentials(settings).headers()).toEqual(headers);
  });

  test("follow a token's file, and outlive its emptiness", async () => {
    const filename = join(directory, "token");
    writeFileSync(filename, "one\nsecond line\n");
    const errors: string[] = [];
    const logger = {
      ...silentLogger,
      error: (_fields: object, message: string) => void errors.push(message),
    };
    const created = clientCredentials({ kind: "bearer", filename, fileIntervalMs: 10 }, { logger });
    closers.push(() => created.close());
    replaceFile(filename, "");
    await vi.waitUntil(() => errors.length > 0, { timeout: 20_000 });
    expect(created.headers()).toEqual({ authorization: "Bearer one" });
    replaceFile(filename, "two\n");
    await vi.waitUntil(() => created.headers()["authorization"] === "Bearer two", { timeout: 20_000 });
  });

  test("follow the files of a user and a password", async () => {
    const usernameFile = join(directory, "user");
    const passwordFile = join(directory, "password");
    writeFileSync(usernameFile, "Aladdin\n");
    writeFileSync(passwordFile, "wrong\n");
    const created = credentials({ kind: "basic", usernameFile, passwordFile, fileIntervalMs: 10 });
    replaceFile(passwordFile, "open sesame\n");
    await vi.waitUntil(() => created.headers()["authorization"] === "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", {
      timeout: 20_000,
    });
  });

  test.each<[name: string, settings: ClientCredentialSettings, message: RegExp]>([
    ["no user", { kind: "basic", password: "x" }, /username must be given/],
    ["a user with a colon", { kind: "basic", username: "a:b", password: "x" }, /hold no colon/],
    ["no token", { kind: "bearer" }, /no token is given/],
    ["a token that would begin another header", { kind: "bearer", token: "a\r x" }, /no header may hold/],
    [
      "a missing file",
      { kind: "bearer", filename: "/no/such" },
      /bearertokenauth\.filename: cannot read \/no\/such/,
    ],
  ])("are refused with %s", (_name, settings, message) => {
    expect(() => credentials(settings)).toThrow(message);
  });
});
