/** The Collector's bearertokenauth on a receiver: one header that must hold one of a few tokens. */
import type { IncomingHttpHeaders } from "node:http2";
import { errorMessage, OtlpRingError } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import { readSmallFile, watchFiles } from "../../base/watched-files.ts";
import type { FileBackedAuthenticator } from "./authenticator.ts";
import { CREDENTIAL_BYTES_MAX, isAmong, sha256 } from "./digest.ts";

export interface BearerTokenSettings {
  /** What precedes the token and a space; empty: the token alone. Default "Bearer". */
  readonly scheme?: string;
  /** Default "authorization". */
  readonly header?: string;
  readonly token?: string;
  /** More tokens that are as good. */
  readonly tokens?: readonly string[];
  /** A file of tokens, one a line, read again when it changes; then `token` and `tokens` count for nothing. */
  readonly filename?: string;
  /** Default 10 s. */
  readonly fileIntervalMs?: number;
}

const TOKENS_MAX = 1_000;

/** @throws OtlpRingError `authentication_unusable` or `file_unreadable`, with what to do. */
export function createBearerTokenAuthenticator(
  settings: BearerTokenSettings,
  { logger }: { readonly logger: Logger },
): FileBackedAuthenticator {
  const { scheme = "Bearer", header = "authorization", filename, fileIntervalMs = 10_000 } = settings;
  const headerName = header.toLowerCase();
  const prefix = scheme === "" ? "" : `${scheme} `;
  let digests: readonly Buffer[];
  let stopWatching = (): void => undefined;

  if (filename === undefined) {
    const tokens = settings.token === undefined ? [] : [settings.token];
    digests = tokenDigests([...tokens, ...(settings.tokens ?? [])], "token");
  } else {
    if (settings.token !== undefined || settings.tokens !== undefined) {
      logger.warn({ filename }, "bearertokenauth: filename is given, so token and tokens are not used");
    }
    const content = readSmallFile(filename, "bearertokenauth.filename");
    digests = tokenDigests(content.split("\n"), filename);
    stopWatching = watchFiles({
      purpose: "bearertokenauth.filename",
      intervalMs: fileIntervalMs,
      contents: new Map([[filename, content]]),
      onChange: (contents) => {
        digests = tokenDigests((contents.get(filename) ?? "").split("\n"), filename);
        logger.info({ filename, tokens: digests.length }, "tokens read again");
      },
      onFailure: (error) => {
        logger.error({ filename, error: errorMessage(error) }, "tokens cannot be used; the old ones stay");
      },
    });
  }

  return {
    challenge: scheme === "" ? "Bearer" : scheme,
    authenticate(headers: IncomingHttpHeaders): boolean {
      const value = headers[headerName];
      if (typeof value !== "string" || value.length > CREDENTIAL_BYTES_MAX) return false;
      // A scheme's name is case-insensitive (RFC 9110 §11.1).
      if (value.slice(0, prefix.length).toLowerCase() !== prefix.toLowerCase()) return false;
      return isAmong(sha256(value.slice(prefix.length)), digests);
    },
    close: () => stopWatching(),
  };
}

function tokenDigests(lines: readonly string[], place: string): Buffer[] {
  const tokens = lines.map((line) => line.trim()).filter((line) => line !== "");
  const fault = (what: string): OtlpRingError =>
    new OtlpRingError("authentication_unusable", `bearertokenauth: ${place}: ${what}`);
  if (tokens.length === 0) throw fault("no token is given; without one nobody could send");
  if (tokens.length > TOKENS_MAX) throw fault(`more than ${TOKENS_MAX} tokens; give fewer`);
  if (tokens.some((token) => token.length > CREDENTIAL_BYTES_MAX)) {
    throw fault(`a token is longer than ${CREDENTIAL_BYTES_MAX} bytes; give a shorter one`);
  }
  return tokens.map(sha256);
}
