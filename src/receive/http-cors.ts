/**
 * Which web pages may send (https://fetch.spec.whatwg.org/#http-cors-protocol), configured as the
 * Collector's `cors`. Without it a browser is told nothing, and so sends nothing.
 */
import type { IncomingHttpHeaders } from "node:http";

export interface CorsOptions {
  /** `https://*.example.com`: an asterisk stands for any characters. `*` alone: everybody, without credentials. */
  readonly allowedOrigins: readonly string[];
  /** Besides those that telemetry needs; `*`: all that are asked for. */
  readonly allowedHeaders: readonly string[];
  /** 0: the browser's own default. */
  readonly maxAgeSeconds: number;
}

/** Flat pairs of names and values. */
export type HeaderList = readonly string[];

/** What an OTLP exporter sends of itself, and what is always allowed anyway. */
const neededHeaders = ["accept", "content-encoding", "content-type", "x-requested-with"];
const requestedHeadersMax = 100;

/** What the answers depend on, for caches. */
const vary: HeaderList = ["vary", "origin"];
const preflightVary: HeaderList = [
  "vary",
  "origin, access-control-request-method, access-control-request-headers",
];

export class CorsPolicy {
  readonly #options: CorsOptions;
  readonly #allowsEverybody: boolean;
  readonly #originPatterns: readonly (readonly string[])[];
  readonly #allowedHeaders: ReadonlySet<string>;

  constructor(options: CorsOptions) {
    this.#options = options;
    this.#allowsEverybody = options.allowedOrigins.includes("*");
    this.#originPatterns = options.allowedOrigins.map((origin) => origin.toLowerCase().split("*"));
    this.#allowedHeaders = new Set([
      ...neededHeaders,
      ...options.allowedHeaders.map((name) => name.toLowerCase()),
    ]);
  }

  /** Whether a browser asks, before it sends, if it may. */
  isPreflight(method: string, headers: IncomingHttpHeaders): boolean {
    return (
      method === "OPTIONS" &&
      headers.origin !== undefined &&
      headers["access-control-request-method"] !== undefined
    );
  }

  /** The headers of any answer, by which a page may read it. */
  answerHeaders({ origin }: IncomingHttpHeaders): HeaderList {
    const allowed = this.#allowedOrigin(origin);
    return allowed.length === 0
      ? vary
      : [...vary, ...allowed, "access-control-expose-headers", "retry-after"];
  }

  /** The headers of the answer to a preflight; they allow nothing where something of it is not allowed. */
  preflightHeaders(headers: IncomingHttpHeaders): HeaderList {
    const allowed = this.#allowedOrigin(headers.origin);
    const requested = requestedHeaders(headers);
    const isAllowed =
      allowed.length > 0 &&
      headers["access-control-request-method"] === "POST" &&
      requested.every((name) => this.#allowedHeaders.has("*") || this.#allowedHeaders.has(name));
    if (!isAllowed) return preflightVary;
    const { maxAgeSeconds } = this.#options;
    return [
      ...preflightVary,
      ...allowed,
      "access-control-allow-methods",
      "POST",
      ...(requested.length > 0 ? ["access-control-allow-headers", requested.join(", ")] : []),
      ...(maxAgeSeconds > 0 ? ["access-control-max-age", String(maxAgeSeconds)] : []),
    ];
  }

  /** None where there is no origin, or one that may not send. */
  #allowedOrigin(origin: string | undefined): HeaderList {
    if (origin === undefined) return [];
    if (this.#allowsEverybody) return ["access-control-allow-origin", "*"];
    if (!this.#allows(origin.toLowerCase())) return [];
    // A page's sendBeacon sends with credentials, whether there are any or not.
    return ["access-control-allow-origin", origin, "access-control-allow-credentials", "true"];
  }

  #allows(origin: string): boolean {
    return this.#originPatterns.some((pieces) => matches(origin, pieces));
  }
}

function requestedHeaders(headers: IncomingHttpHeaders): string[] {
  const value = headers["access-control-request-headers"] ?? "";
  return value
    .split(",", requestedHeadersMax + 1)
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");
}

/** Whether `text` is these pieces with anything between them. Takes time linear in the text for each piece. */
function matches(text: string, pieces: readonly string[]): boolean {
  const first = pieces[0]!;
  if (pieces.length === 1) return text === first;
  const last = pieces.at(-1)!;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
