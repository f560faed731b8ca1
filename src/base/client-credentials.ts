/** The header by which an exporter names itself: the Collector's basicauth client_auth and bearertokenauth. */
import { errorMessage, OtlpRingError } from "./errors.ts";
import type { Logger } from "./logger.ts";
import { type FileContents, readSmallFile, watchFiles } from "./watched-files.ts";

export type ClientCredentialSettings =
  | {
      readonly kind: "basic";
      readonly username?: string;
      readonly password?: string;
      /** Files that hold them instead, read again when they change. */
      readonly usernameFile?: string;
      readonly passwordFile?: string;
      /** Default 10 s. */
      readonly fileIntervalMs?: number;
    }
  | {
      readonly kind: "bearer";
      /** Default "Bearer"; empty: the token alone. */
      readonly scheme?: string;
      /** Default "authorization". */
      readonly header?: string;
      readonly token?: string;
      /** Its first line is the token; read again when it changes, and `token` counts for nothing. */
      readonly filename?: string;
      /** Default 10 s. */
      readonly fileIntervalMs?: number;
    };

export interface ClientCredentials {
  /** Lower-case header names and values; ask anew for each call, since files change. */
  headers(): Readonly<Record<string, string>>;
  /** Stops reading files. */
  close(): void;
}

/** @throws OtlpRingError `credentials_unusable` or `file_unreadable`, with what to do. */
export function clientCredentials(
  settings: ClientCredentialSettings,
  { logger }: { readonly logger: Logger },
): ClientCredentials {
  const files =
    settings.kind === "basic" ? [settings.usernameFile, settings.passwordFile] : [settings.filename];
  const purpose = settings.kind === "basic" ? "basicauth.client_auth" : "bearertokenauth.filename";
  const contents = new Map<string, string>();
  for (const file of files) if (file !== undefined) contents.set(file, readSmallFile(file, purpose));

  let headers = credentialHeaders(settings, contents);
  let stopWatching = (): void => undefined;
  if (contents.size > 0) {
    stopWatching = watchFiles({
      purpose,
      intervalMs: settings.fileIntervalMs ?? 10_000,
      contents,
      onChange: (changed) => {
        headers = credentialHeaders(settings, changed);
        logger.info({ files: [...changed.keys()] }, "credentials read again");
      },
      onFailure: (error) => {
        logger.error({ error: errorMessage(error) }, "credentials cannot be used; the old ones stay");
      },
    });
  }
  return { headers: () => headers, close: () => stopWatching() };
}

function credentialHeaders(
  settings: ClientCredentialSettings,
  contents: FileContents,
): Readonly<Record<string, string>> {
  const value = (file: string | undefined, text: string | undefined): string =>
    file === undefined ? (text ?? "") : (contents.get(file) ?? "").trim();

  if (settings.kind === "basic") {
    const username = value(settings.usernameFile, settings.username);
    const password = value(settings.passwordFile, settings.password);
    if (username === "" || username.includes(":")) {
      throw fault("basicauth.client_auth: username must be given and hold no colon (RFC 7617 §2)");
    }
    return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
  }
  const { scheme = "Bearer", header = "authorization" } = settings;
  const token = (value(settings.filename, settings.token).split("\n")[0] ?? "").trim();
  if (token === "") throw fault("bearertokenauth: no token is given; add token or filename");
  // Anything else could not be sent, or would end the header and begin another (RFC 9110 §5.5).
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw fault("bearertokenauth: the token holds a space or a character that no header may hold");
  }
  return { [header.toLowerCase()]: scheme === "" ? token : `${scheme} ${token}` };
}

function fault(message: string): OtlpRingError {
  return new OtlpRingError("credentials_unusable", message);
}
