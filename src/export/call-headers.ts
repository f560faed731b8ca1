/** The headers of a call that are not the protocol's own: credentials, configured ones, and those of clients. */
import { validateHeaderName, validateHeaderValue } from "node:http";
import type { ClientCredentials } from "../base/client-credentials.ts";
import { errorMessage, OtlpRingError } from "../base/errors.ts";
import type { ForwardedHeaders } from "../otlp/export-request.ts";

export interface CallHeadersOptions {
  /** Sent with every call. Default none. */
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** Asked anew for each call, since they may be read from files. Default none. */
  readonly credentials: Pick<ClientCredentials, "headers"> | undefined;
  /** Lower-case names that the protocol gives a meaning, which neither configuration nor clients may set. */
  readonly reserved: RegExp;
  /** To whom they belong, for faults. */
  readonly protocol: "gRPC" | "HTTP";
}

const noCredentials: Readonly<Record<string, string>> = {};

export class CallHeaders {
  readonly #configured: ReadonlyMap<string, string>;
  readonly #credentials: CallHeadersOptions["credentials"];
  readonly #reserved: RegExp;
  /** Configured headers and credentials together, for as long as the credentials are the same. */
  #own: ReadonlyMap<string, string>;
  #ownCredentials = noCredentials;

  /** @throws {OtlpRingError} `invalid_header`. */
  constructor({ headers = {}, credentials, reserved, protocol }: CallHeadersOptions) {
    this.#configured = configuredHeaders(headers, reserved, protocol);
    this.#own = this.#configured;
    this.#credentials = credentials;
    this.#reserved = reserved;
  }

  /** Lower-case names and values in turn, each name once: of credentials before configured ones before forwarded ones. */
  list(forwarded: ForwardedHeaders): string[] {
    const credentials = this.#credentials?.headers() ?? noCredentials;
    if (credentials !== this.#ownCredentials) {
      this.#own = new Map([...this.#configured, ...Object.entries(credentials)]);
      this.#ownCredentials = credentials;
    }
    const list: string[] = [];
    for (const [name, value] of this.#own) list.push(name, value);
    for (const [name, value] of forwarded.entries) {
      if (!this.#own.has(name) && !this.#reserved.test(name)) list.push(name, value);
    }
    return list;
  }
}

function configuredHeaders(
  headers: Readonly<Record<string, string>>,
  reserved: RegExp,
  protocol: string,
): ReadonlyMap<string, string> {
  const configured = new Map<string, string>();
  for (const [givenName, value] of Object.entries(headers)) {
    const name = givenName.toLowerCase();
    if (reserved.test(name)) {
      throw new OtlpRingError(
        "invalid_header",
        `headers: "${name}" belongs to ${protocol} and cannot be set`,
      );
    }
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch (error) {
      // Node's words name the header and never its value, which may be a secret.
      throw new OtlpRingError("invalid_header", `headers: ${errorMessage(error)}`);
    }
    configured.set(name, value);
  }
  return configured;
}
