/**
 * What a receiver hands on, and what it hears back. Receivers know this file and nothing of
 * rings, lanes or logs.
 */
import type { RequestMemory } from "./request-memory.ts";
import type { Signal } from "./signal.ts";
import type { RpcStatus } from "./status.ts";

/**
 * Headers that pass from client to backend: lower-case names with their values, sorted by name.
 * `key` is equal for equal sets, so that it can be compared and joined on; it is "" when there are none.
 */
export interface ForwardedHeaders {
  readonly key: string;
  readonly entries: readonly (readonly [name: string, value: string])[];
}

export const noForwardedHeaders: ForwardedHeaders = { key: "", entries: [] };

/** The headers of `entries`, which are sorted by name; the only place where a key is made, so that keys compare. */
export function forwardedHeadersOf(entries: ForwardedHeaders["entries"]): ForwardedHeaders {
  if (entries.length === 0) return noForwardedHeaders;
  let key = "";
  // Neither a name nor a value can hold a line feed (RFC 9113 §8.2.1), so equal keys are equal sets.
  for (const [name, value] of entries) key += `${name}\n${value}\n`;
  return { key, entries };
}

export interface ExportRequest {
  readonly signal: Signal;
  /** One Export<Signal>ServiceRequest in protobuf, uncompressed. Changed by nobody before the sink has answered. */
  readonly payload: Buffer;
  /** Where the payload lies, if it is used again when the sink has answered. The sink may `keep` it. */
  readonly memory?: RequestMemory;
  readonly forwardedHeaders: ForwardedHeaders;
  /** When the client stops waiting, on `monotonicMs`; Infinity where it named no deadline. */
  readonly deadlineMs: number;
}

export type ExportResult =
  | { readonly kind: "success" }
  /** Answered OK with `partial_success`: `rejectedItems` were refused for good, or, with 0, `message` is a warning. */
  | { readonly kind: "partial"; readonly rejectedItems: number; readonly message: string }
  | { readonly kind: "failure"; readonly status: RpcStatus };

/** Where receivers deliver. Never rejects: a fault of the program is a failure with INTERNAL. */
export interface TelemetrySink {
  export(request: ExportRequest): Promise<ExportResult>;
}
