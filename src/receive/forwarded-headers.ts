import type { IncomingHttpHeaders } from "node:http2";
import { type ForwardedHeaders, forwardedHeadersOf, noForwardedHeaders } from "../otlp/export-request.ts";

/** The headers of a request that are passed on, `names` being lower-case and sorted; a repeated one is joined by commas. */
export function forwardedHeaders(headers: IncomingHttpHeaders, names: readonly string[]): ForwardedHeaders {
  if (names.length === 0) return noForwardedHeaders;
  const entries: [name: string, value: string][] = [];
  for (const name of names) {
    const value = headers[name];
    if (value !== undefined) entries.push([name, typeof value === "string" ? value : value.join(", ")]);
  }
  return forwardedHeadersOf(entries);
}
