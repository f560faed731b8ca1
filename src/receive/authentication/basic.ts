/** The Collector's basicauth on a receiver: user and password against an htpasswd file or text. */
import { timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http2";
import { errorMessage, OtlpRingError } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import { readSmallFile, watchFiles } from "../../base/watched-files.ts";
import type { FileBackedAuthenticator } from "./authenticator.ts";
import { BcryptChecks } from "./bcrypt-checks.ts";
import { CREDENTIAL_BYTES_MAX } from "./digest.ts";
import { type PasswordEntry, parseHtpasswd, quickDigest } from "./htpasswd.ts";

export interface BasicAuthSettings {
  readonly htpasswd: {
    /** Read again when it changes. */
    readonly file?: string;
    /** Lines that count before those of the file. */
    readonly inline?: string;
  };
  /** Default 10 s. */
  readonly fileIntervalMs?: number;
}

/** @throws OtlpRingError `authentication_unusable` or `file_unreadable`, with the line and what to do. */
export function createBasicAuthenticator(
  settings: BasicAuthSettings,
  { logger }: { readonly logger: Logger },
): FileBackedAuthenticator {
  const { file, inline } = settings.htpasswd;
  const bcryptChecks = new BcryptChecks({ logger });
  let users: ReadonlyMap<string, PasswordEntry>;
  let stopWatching = (): void => undefined;

  const inlineUsers = inline === undefined ? undefined : parseHtpasswd(inline, "htpasswd.inline");
  if (file === undefined) {
    if (inlineUsers === undefined) {
      throw new OtlpRingError(
        "authentication_unusable",
        "basicauth: no users are given; add htpasswd.file or htpasswd.inline",
      );
    }
    users = inlineUsers;
  } else {
    const read = (text: string): ReadonlyMap<string, PasswordEntry> =>
      new Map([...parseHtpasswd(text, file), ...(inlineUsers ?? [])]);
    const text = readSmallFile(file, "basicauth.htpasswd.file");
    users = read(text);
    stopWatching = watchFiles({
      purpose: "basicauth.htpasswd.file",
      intervalMs: settings.fileIntervalMs ?? 10_000,
      contents: new Map([[file, text]]),
      onChange: (contents) => {
        users = read(contents.get(file) ?? "");
        logger.info({ file, users: users.size }, "users read again");
      },
      onFailure: (error) => {
        logger.error({ file, error: errorMessage(error) }, "users cannot be used; the old ones stay");
      },
    });
  }

  return {
    challenge: 'Basic realm="otlp-ring", charset="UTF-8"',
    authenticate(headers: IncomingHttpHeaders): boolean | Promise<boolean> {
      const credential = parseBasicCredential(headers.authorization);
      if (credential === undefined) return false;
      const entry = users.get(credential.user);
      if (entry === undefined) return false;
      if (entry.kind === "bcrypt")
        return bcryptChecks.check(credential.user, credential.password, entry.hash);
      return timingSafeEqual(quickDigest(entry, credential.password), entry.digest);
    },
    close() {
      stopWatching();
      bcryptChecks.close();
    },
  };
}

/** RFC 7617: `Basic` and base64 of `user:password`; the user holds no colon. Undefined for anything else. */
export function parseBasicCredential(
  value: string | undefined,
): { user: string; password: string } | undefined {
  if (value === undefined || value.length > CREDENTIAL_BYTES_MAX) return undefined;
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(value)?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  if (colon === -1) return undefined;
  return { user: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}
