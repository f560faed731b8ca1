/** What the headers of an OTLP/HTTP request say. */
import type { IncomingHttpHeaders } from "node:http";
import { type ContentCoding, contentCodings } from "../base/compression.ts";
import type { Signal } from "../otlp/signal.ts";
import { type HttpRefusal, refusals } from "./http-refusals.ts";

/** The two encodings of OTLP/HTTP. */
export type BodyFormat = "protobuf" | "json";

export interface BodyHead {
  readonly format: BodyFormat;
  readonly coding: ContentCoding;
  /** Undefined where the length is told by the end. */
  readonly contentLengthBytes: number | undefined;
}

/** Which signal is posted to a path. */
export type SignalOfPath = ReadonlyMap<string, Signal>;

export const contentTypes: Readonly<Record<BodyFormat, string>> = {
  protobuf: "application/x-protobuf",
  json: "application/json",
};

/** The path of a request target, origin-form or absolute-form (RFC 9112 §3.2), without its query. */
export function pathOf(target: string): string {
  const start = target.startsWith("/") ? 0 : startOfPath(target);
  const query = target.indexOf("?", start);
  return target.slice(start, query < 0 ? undefined : query);
}

function startOfPath(target: string): number {
  const authority = /^https?:\/\/[^/?]*/i.exec(target)?.[0];
  return authority === undefined ? 0 : authority.length;
}

/** The format of a body, whatever parameters follow it, `charset=utf-8` for one. */
export function formatOf(headers: IncomingHttpHeaders): BodyFormat | undefined {
  const contentType = headers["content-type"] ?? "";
  // As nearly everybody writes them.
  if (contentType === contentTypes.protobuf) return "protobuf";
  if (contentType === contentTypes.json) return "json";
  const mediaType = contentType.split(";", 1)[0]!.trim().toLowerCase();
  if (mediaType === contentTypes.protobuf) return "protobuf";
  return mediaType === contentTypes.json ? "json" : undefined;
}

/** How the body is to be read, of a request that may be made, or why it will not be. */
export function readBodyHead(headers: IncomingHttpHeaders, sizeBytesMax: number): BodyHead | HttpRefusal {
  const format = formatOf(headers);
  if (format === undefined) return refusals.unknownContentType;
  const coding = codingOf(headers);
  if (coding === undefined) return refusals.unknownEncoding;
  const contentLength = headers["content-length"];
  if (contentLength === undefined) return { format, coding, contentLengthBytes: undefined };
  const contentLengthBytes = Number(contentLength);
  // Node refuses what is no number, and what it takes may still be too much for one.
  if (!(contentLengthBytes <= sizeBytesMax)) return refusals.tooLarge;
  return { format, coding, contentLengthBytes };
}

const codings: ReadonlyMap<string, ContentCoding> = new Map([
  ...contentCodings.map((coding) => [coding, coding] as const),
  // RFC 9110 §8.4.1.3.
  ["x-gzip", "gzip"],
  ["", "identity"],
]);

/** One coding; several, one upon the other, are not taken, whichever they are. */
function codingOf(headers: IncomingHttpHeaders): ContentCoding | undefined {
  const value = headers["content-encoding"];
  return value === undefined ? "identity" : codings.get(value.trim().toLowerCase());
}

/** Whether the client takes gzip (RFC 9110 §12.5.3): named, or meant by `*`, and not with a weight of zero. */
export function acceptsGzip(headers: IncomingHttpHeaders): boolean {
  let anyCoding = false;
  for (const item of String(headers["accept-encoding"] ?? "").split(",", acceptedCodingsMax)) {
    const [coding, ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
    const isWanted = !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
    if (coding === "gzip" || coding === "x-gzip") return isWanted;
    if (coding === "*") anyCoding = isWanted;
  }
  return anyCoding;
}

const acceptedCodingsMax = 32;
