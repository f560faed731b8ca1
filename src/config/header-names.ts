/** Which names a header may have that configuration sets or passes on. */

/** RFC 9110 §5.6.2, "token". */
const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** What HTTP, HTTP/2 (RFC 9113 §8.2.2) and gRPC use themselves. */
const transportPattern =
  /^(?:grpc-.*|proxy-.*|accept-encoding|content-(?:type|length|encoding)|connection|expect|keep-alive|host|http2-settings|te|trailer|transfer-encoding|upgrade|user-agent)$/;

const credentialNames: ReadonlySet<string> = new Set(["authorization", "cookie", "set-cookie"]);

/** What is wrong with a lower-case name as one that an exporter sends; undefined: nothing. */
export function headerNameFault(name: string): string | undefined {
  if (!tokenPattern.test(name)) return "the name of a header";
  return transportPattern.test(name) ? "a header that the transport does not use itself" : undefined;
}

/** As headerNameFault, for one that is taken from clients. */
export function forwardedHeaderNameFault(name: string): string | undefined {
  return credentialNames.has(name)
    ? "a header without credentials (clients' credentials end at the gateway)"
    : headerNameFault(name);
}
