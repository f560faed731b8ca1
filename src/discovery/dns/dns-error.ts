/** Why a name could not be resolved. Messages name the question and the server, and never hold an answer's bytes. */
import { OtlpRingError } from "../../base/errors.ts";

export const dnsErrorCodes = [
  /** The name does not exist (NXDOMAIN). */
  "dns_not_found",
  /** The name exists and has no record of the wanted type. */
  "dns_empty",
  /** No server answered in time. */
  "dns_timeout",
  /** A server could not be reached, or the connection to it broke. */
  "dns_unreachable",
  /** A server answered that it cannot or will not (SERVFAIL, REFUSED, …). */
  "dns_server_failure",
  /** An answer that breaks the protocol or our bounds. */
  "dns_bad_answer",
  /** The caller gave up. */
  "dns_cancelled",
] as const;
export type DnsErrorCode = (typeof dnsErrorCodes)[number];

export class DnsError extends OtlpRingError {
  constructor(code: DnsErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.name = "DnsError";
  }
}
