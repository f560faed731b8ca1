/**
 * Lines of an htpasswd file: plain text, {SHA} and bcrypt. The other formats of the Apache tools (apr1, crypt,
 * and MD5, {SSHA}) are refused at load: they are weak, and a line that can never match must not look as if it could.
 */
import { hash } from "node:crypto";
import { OtlpRingError } from "../../base/errors.ts";
import { sha256 } from "./digest.ts";

/** How a user's password is checked. */
export type PasswordEntry =
  /** SHA-256 of the password. */
  | { readonly kind: "plain"; readonly digest: Buffer }
  /** SHA-1 of the password, as the file holds it. */
  | { readonly kind: "sha1"; readonly digest: Buffer }
  | { readonly kind: "bcrypt"; readonly hash: string };

const ENTRIES_MAX = 10_000;
/** One check at 2^14 rounds is about two seconds of a core; more would be a way to wear the gateway out. */
const BCRYPT_COST_MAX = 14;
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const SHA1_BYTES = 20;

/**
 * Users and how to check them; of two lines for one user the later counts, as in the Collector.
 * @throws OtlpRingError `authentication_unusable` that names the line, never what it holds.
 */
export function parseHtpasswd(text: string, place: string): Map<string, PasswordEntry> {
  const entries = new Map<string, PasswordEntry>();
  for (const [index, rawLine] of text.split("\n").entries()) {
    const line = rawLine.trim();
    if (line === "" || line.startsWith("#")) continue;
    const fault = (what: string): OtlpRingError =>
      new OtlpRingError("authentication_unusable", `basicauth: ${place}:${index + 1}: ${what}`);
    const colon = line.indexOf(":");
    if (colon <= 0) throw fault("expected user:password");
    entries.set(line.slice(0, colon), parsePassword(line.slice(colon + 1), fault));
    if (entries.size > ENTRIES_MAX) throw fault(`more than ${ENTRIES_MAX} users; give fewer`);
  }
  if (entries.size === 0) {
    throw new OtlpRingError(
      "authentication_unusable",
      `basicauth: ${place}: no user is given; without one nobody could send`,
    );
  }
  return entries;
}

function parsePassword(password: string, fault: (what: string) => OtlpRingError): PasswordEntry {
  const remedy = "make the line anew with `htpasswd -B`";
  if (password === "") throw fault(`the password is empty; ${remedy}`);
  const bcrypt = BCRYPT.exec(password);
  if (bcrypt !== null) {
    if (Number(bcrypt[1]) > BCRYPT_COST_MAX) throw fault(`a bcrypt cost over ${BCRYPT_COST_MAX}; ${remedy}`);
    return { kind: "bcrypt", hash: password };
  }
  if (password.startsWith("{SHA}")) {
    const digest = Buffer.from(password.slice("{SHA}".length), "base64");
    if (digest.length !== SHA1_BYTES) throw fault(`{SHA} must hold ${SHA1_BYTES} bytes in base64; ${remedy}`);
    return { kind: "sha1", digest };
  }
  if (/^\$2[aby]?\$/.test(password)) throw fault(`a damaged bcrypt password; ${remedy}`);
  // `$id$…` and `{SCHEME}…` are formats, and none that is known here.
  const format = /^(\$[A-Za-z0-9-]+\$|\{[A-Za-z0-9]+\})/.exec(password);
  if (format !== null) throw fault(`passwords of the format ${format[1]} are not supported; ${remedy}`);
  return { kind: "plain", digest: sha256(password) };
}

/** The digest that an entry of a quick format holds, made of a password. */
export function quickDigest(entry: Exclude<PasswordEntry, { kind: "bcrypt" }>, password: string): Buffer {
  return entry.kind === "plain" ? sha256(password) : hash("sha1", password, "buffer");
}
