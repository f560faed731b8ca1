/** Who may send: checked on a request's headers, before its body is read. */
import type { IncomingHttpHeaders } from "node:http2";

export interface Authenticator {
  /** True when the headers carry a valid credential. Never throws or rejects. */
  authenticate(headers: IncomingHttpHeaders): boolean | Promise<boolean>;
}
