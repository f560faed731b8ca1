import type { IncomingHttpHeaders } from "node:http2";
import { type ForwardedHeaders, noForwardedHeaders } from "../otlp/export-request.ts";

/** The headers of a request that are passed on, `names` being lower-case and sorted; a repeated one is joined by commas. */
export function forwardedHeaders(headers: IncomingHttpHeaders, names: readonly string[]): ForwardedHeaders {
  if (names.length === 0) return noForwardedHeaders;
  const entries: [name: string, value: string][] = [];
  let key = "";
  for (const name of names) {
    const value = headers[name];
    if (value === undefined) continue;
    const joined = typeof value === "string" ? value : value.join(", ");
    entries.push([name, joined]);
    // Neither a name nor a value can hold a line feed (RFC 9113 §8.2.1), so equal keys are equal sets.
    key += `${name}\n${joined}\n`;
  }
  return entries.length === 0 ? noForwardedHeaders : { key, entries };
}
