import type { IncomingHttpHeaders } from "node:http2";

export interface Authenticator {
  /** What WWW-Authenticate tells those who are turned away (RFC 9110 §11.6.1). Default `Bearer`. */
  readonly challenge?: string;
  /** True when the headers carry a valid credential. Never throws or rejects. */
  authenticate(headers: IncomingHttpHeaders): boolean | Promise<boolean>;
}

/** One that reads a file again while it lives. */
export interface FileBackedAuthenticator extends Authenticator {
  close(): void;
}
