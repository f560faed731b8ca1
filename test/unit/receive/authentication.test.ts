import { spawnSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashSync } from "bcryptjs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { silentLogger } from "../../../src/base/logger.ts";
import {
  type BasicAuthSettings,
  type BearerTokenSettings,
  createBasicAuthenticator,
  createBearerTokenAuthenticator,
  type FileBackedAuthenticator,
} from "../../../src/receive/authentication.ts";

let directory: string;
const closers: (() => void)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "otlp-ring-auth-"));
});

afterEach(() => {
  for (const close of closers.splice(0)) close();
  rmSync(directory, { recursive: true });
});

function closing(authenticator: FileBackedAuthenticator): FileBackedAuthenticator {
  closers.push(() => authenticator.close());
  return authenticator;
}

const bearer = (settings: BearerTokenSettings): FileBackedAuthenticator =>
  closing(createBearerTokenAuthenticator(settings, { logger: silentLogger }));

const basic = (htpasswd: BasicAuthSettings["htpasswd"]): FileBackedAuthenticator =>
  closing(createBasicAuthenticator({ htpasswd, fileIntervalMs: 10 }, { logger: silentLogger }));

function credential(user: string, password: string): IncomingHttpHeaders {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` };
}

/** At once, so that nobody reads it half written. */
function replaceFile(path: string, content: string): void {
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}

describe("bearertokenauth", () => {
  test.each<[name: string, settings: BearerTokenSettings, headers: IncomingHttpHeaders, expected: boolean]>([
    ["the token", { token: "s3cret" }, { authorization: "Bearer s3cret" }, true],
    ["the scheme in other letters", { token: "s3cret" }, { authorization: "bearer s3cret" }, true],
    ["any of several", { token: "a", tokens: ["b", "c"] }, { authorization: "Bearer c" }, true],
    ["another scheme", { scheme: "Token", token: "a" }, { authorization: "Token a" }, true],
    ["no scheme", { scheme: "", token: "a" }, { authorization: "a" }, true],
    ["another header", { header: "X-Api-Key", scheme: "", token: "a" }, { "x-api-key": "a" }, true],
    ["nothing", { token: "a" }, {}, false],
    ["an empty header", { token: "a" }, { authorization: "" }, false],
    ["the scheme alone", { token: "a" }, { authorization: "Bearer " }, false],
    ["the token without its scheme", { token: "a" }, { authorization: "a" }, false],
    ["a wrong token", { token: "s3cret" }, { authorization: "Bearer s3cres" }, false],
    ["the beginning of the token", { token: "s3cret" }, { authorization: "Bearer s3cre" }, false],
    ["the token and more", { token: "s3cret" }, { authorization: "Bearer s3cret " }, false],
    ["the token in other letters", { token: "s3cret" }, { authorization: "Bearer S3CRET" }, false],
    [
      "the token in another header",
      { header: "x-api-key", token: "a" },
      { authorization: "Bearer a" },
      false,
    ],
    ["a token of 1 MB", { token: "a" }, { authorization: `Bearer ${"a".repeat(1 << 20)}` }, false],
    ["garbage", { token: "a" }, { authorization: "\u0000\u00ff\ud800 Bearer a" }, false],
    ["a header given twice", { header: "x-key", scheme: "", token: "a" }, { "x-key": ["a", "a"] }, false],
  ])("%s", (_name, settings, headers, expected) => {
    expect(bearer(settings).authenticate(headers)).toBe(expected);
  });

  test("reads a file of tokens, and reads it again when it changes", async () => {
    const filename = join(directory, "tokens");
    writeFileSync(filename, "one\n  two  \r\n\n");
    const authenticator = bearer({ filename, fileIntervalMs: 10 });
    expect(authenticator.authenticate({ authorization: "Bearer one" })).toBe(true);
    expect(authenticator.authenticate({ authorization: "Bearer two" })).toBe(true);
    expect(authenticator.authenticate({ authorization: "Bearer " })).toBe(false);
    replaceFile(filename, "three\n");
    await vi.waitUntil(() => authenticator.authenticate({ authorization: "Bearer three" }), {
      timeout: 20_000,
    });
    expect(authenticator.authenticate({ authorization: "Bearer one" })).toBe(false);
  });

  test("keeps the old tokens when the file has none left", async () => {
    const filename = join(directory, "tokens");
    writeFileSync(filename, "one");
    const errors: string[] = [];
    const logger = {
      ...silentLogger,
      error: (_fields: object, message: string) => void errors.push(message),
    };
    const authenticator = closing(
      createBearerTokenAuthenticator({ filename, fileIntervalMs: 10 }, { logger }),
    );
    replaceFile(filename, "\n");
    await vi.waitUntil(() => errors.length > 0, { timeout: 20_000 });
    expect(authenticator.authenticate({ authorization: "Bearer one" })).toBe(true);
  });

  test.each<[name: string, settings: BearerTokenSettings, message: RegExp]>([
    ["no token", {}, /no token is given/],
    ["an empty token", { token: " " }, /no token is given/],
    [
      "a missing file",
      { filename: "/no/such/file" },
      /bearertokenauth\.filename: cannot read \/no\/such\/file/,
    ],
    ["a token of 1 MB", { token: "a".repeat(1 << 20) }, /longer than 16384 bytes/],
  ])("refuses settings with %s", (_name, settings, message) => {
    expect(() => bearer(settings)).toThrow(message);
  });
});

describe("basicauth", () => {
  // "password" as `htpasswd -s` writes it, and by bcrypt at its least cost, under its three prefixes.
  const sha1 = "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=";
  const bcrypt = hashSync("password", 4);
  const inline = [
    "# users",
    "plain:password",
    "colon:pass:word",
    `sha1:${sha1}`,
    `bcrypt-a:${bcrypt.replace(/^\$2b/, "$2a")}`,
    `bcrypt-b:${bcrypt}`,
    `bcrypt-y:${bcrypt.replace(/^\$2b/, "$2y")}`,
    "twice:first",
    "twice:second",
    "",
  ].join("\r\n");

  test.each<[name: string, headers: IncomingHttpHeaders, expected: boolean]>([
    ["plain text", credential("plain", "password"), true],
    ["a password with a colon", credential("colon", "pass:word"), true],
    ["{SHA}", credential("sha1", "password"), true],
    ["bcrypt $2a$", credential("bcrypt-a", "password"), true],
    ["bcrypt $2b$", credential("bcrypt-b", "password"), true],
    ["bcrypt $2y$", credential("bcrypt-y", "password"), true],
    ["the later of two lines", credential("twice", "second"), true],
    ["the scheme in other letters", { authorization: "bASIC cGxhaW46cGFzc3dvcmQ=" }, true],
    ["the earlier of two lines", credential("twice", "first"), false],
    ["a wrong password, plain", credential("plain", "passwore"), false],
    ["a wrong password, {SHA}", credential("sha1", "passwore"), false],
    ["a wrong password, bcrypt", credential("bcrypt-b", "passwore"), false],
    ["the hash as the password, {SHA}", credential("sha1", sha1), false],
    ["the hash as the password, bcrypt", credential("bcrypt-b", bcrypt), false],
    ["an unknown user", credential("nobody", "password"), false],
    ["a user that objects have", credential("__proto__", "password"), false],
    ["an empty user", credential("", "password"), false],
    ["an empty password", credential("plain", ""), false],
    ["nothing", {}, false],
    ["another scheme", { authorization: "Bearer cGxhaW46cGFzc3dvcmQ=" }, false],
    ["the scheme alone", { authorization: "Basic " }, false],
    ["no base64", { authorization: "Basic plain:password" }, false],
    ["base64 without a colon", { authorization: "Basic cGxhaW4=" }, false],
    ["1 MB", credential("plain", "a".repeat(1 << 20)), false],
    ["garbage", { authorization: "\u0000\u00ff\ud800" }, false],
  ])("%s", async (_name, headers, expected) => {
    expect(await basic({ inline }).authenticate(headers)).toBe(expected);
  });

  test("asks bcrypt once for each credential, right or wrong", async () => {
    const authenticator = basic({ inline });
    const right = credential("bcrypt-b", "password");
    const wrong = credential("bcrypt-b", "wrong");
    const first = authenticator.authenticate(right);
    expect(first).toBeInstanceOf(Promise);
    expect(authenticator.authenticate(right)).toBe(first);
    expect(await first).toBe(true);
    expect(authenticator.authenticate(right)).toBe(true);
    expect(await authenticator.authenticate(wrong)).toBe(false);
    expect(authenticator.authenticate(wrong)).toBe(false);
    expect(authenticator.authenticate(right)).toBe(true);
  });

  test("checks few guesses at one user's password, and keeps a place for the others", async () => {
    const authenticator = basic({ inline });
    const guesses = Array.from({ length: 100 }, (_, index) =>
      authenticator.authenticate(credential("bcrypt-a", `guess ${index}`)),
    );
    expect(guesses.filter((verdict) => verdict === false)).toHaveLength(96);
    expect(await authenticator.authenticate(credential("bcrypt-b", "password"))).toBe(true);
    expect(await Promise.all(guesses.map(async (verdict) => await verdict))).not.toContain(true);
    expect(await authenticator.authenticate(credential("bcrypt-a", "password"))).toBe(true);
  });

  test("answers no to what still waits when it is closed", async () => {
    const authenticator = basic({ inline });
    const waiting = ["a", "b", "password"].map((password) =>
      authenticator.authenticate(credential("bcrypt-b", password)),
    );
    authenticator.close();
    expect(await Promise.all(waiting.map(async (verdict) => await verdict))).toEqual([false, false, false]);
    expect(authenticator.authenticate(credential("bcrypt-b", "password"))).toBe(false);
  });

  test("does not keep the process alive by its thread", () => {
    const module = new URL("../../../src/receive/authentication.ts", import.meta.url).href;
    const program = `
      import { createBasicAuthenticator } from ${JSON.stringify(module)};
      const authenticator = createBasicAuthenticator(
        { htpasswd: { inline: ${JSON.stringify(`bcrypt:${bcrypt}`)} } },
        { logger: console },
      );
      const alive = setInterval(() => {}, 1_000);
      console.log(await authenticator.authenticate(${JSON.stringify(credential("bcrypt", "password"))}));
      clearInterval(alive);`;
    const { stdout, status } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
      encoding: "utf8",
      timeout: 25_000,
    });
    expect({ stdout, status }).toEqual({ stdout: "true\n", status: 0 });
  });

  test("reads a file of users, where lines given inline count more, and reads it again", async () => {
    const file = join(directory, "htpasswd");
    writeFileSync(file, "alice:one\nbob:one\n");
    const authenticator = basic({ file, inline: "bob:two" });
    expect(authenticator.authenticate(credential("alice", "one"))).toBe(true);
    expect(authenticator.authenticate(credential("bob", "one"))).toBe(false);
    expect(authenticator.authenticate(credential("bob", "two"))).toBe(true);
    replaceFile(file, "carol:three\n");
    await vi.waitUntil(() => authenticator.authenticate(credential("carol", "three")), { timeout: 20_000 });
    expect(authenticator.authenticate(credential("alice", "one"))).toBe(false);
    expect(authenticator.authenticate(credential("bob", "two"))).toBe(true);
  });

  test.each<[name: string, htpasswd: BasicAuthSettings["htpasswd"], message: RegExp]>([
    ["nothing", {}, /add htpasswd\.file or htpasswd\.inline/],
    ["no users", { inline: "# nobody\n" }, /htpasswd\.inline: no user is given/],
    ["a line that is none", { inline: "a:b\nnonsense" }, /htpasswd\.inline:2: expected user:password/],
    ["an empty password", { inline: "a:" }, /htpasswd\.inline:1: the password is empty/],
    [
      "apr1",
      { inline: "a:$apr1$x$y" },
      /inline:1: passwords of the format \$apr1\$ are not supported.*htpasswd -B/,
    ],
    ["MD5 crypt", { inline: "a:$1$x$y" }, /format \$1\$ are not supported/],
    ["{SSHA}", { inline: "a:{SSHA}abc" }, /format \{SSHA\} are not supported/],
    ["a damaged bcrypt hash", { inline: "a:$2y$10$abc" }, /a damaged bcrypt password/],
    [
      "a bcrypt cost to wear anybody out",
      { inline: `a:${bcrypt.replace("$04$", "$31$")}` },
      /a bcrypt cost over 14/,
    ],
    ["a damaged {SHA}", { inline: "a:{SHA}abc" }, /\{SHA\} must hold 20 bytes/],
    ["a missing file", { file: "/no/such/file" }, /basicauth\.htpasswd\.file: cannot read \/no\/such\/file/],
  ])("refuses settings with %s", (_name, htpasswd, message) => {
    expect(() => basic(htpasswd)).toThrow(message);
  });

  test("never names a password in a fault", () => {
    expect(() => basic({ inline: "alice:$apr1$TOPSECRET$x" })).toThrow(
      expect.not.stringContaining("TOPSECRET"),
    );
  });
});
