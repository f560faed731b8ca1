/** The answers of an OTLP/HTTP receiver, each in the format of its request. */
import { compress } from "../base/compression.ts";
import { encodeStatus } from "../grpc/status-details.ts";
import { encodeExportResponse, type PartialSuccess } from "../otlp/export-response.ts";
import { exportResponseJson, statusJson } from "../otlp/json/answers.ts";
import type { Signal } from "../otlp/signal.ts";
import type { RpcStatus } from "../otlp/status.ts";
import { type BodyFormat, contentTypes } from "./http-request-head.ts";

export interface HttpAnswer {
  readonly status: number;
  /** Flat pairs of lower-case names and values; `content-length` is added when it is sent. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** Far below the 4 MiB that clients are to take (specification.md, "OTLP/HTTP Response"), in JSON with escapes too. */
const messageBytesMax = 64 * 1024;
/** Smaller bodies come out of gzip hardly smaller, or larger. */
const gzipBytesMin = 1024;

const noBody = Buffer.alloc(0);

/** Full success: nothing at all in protobuf, `{}` in JSON. */
const fullSuccess: Readonly<Record<BodyFormat, HttpAnswer>> = {
  protobuf: success("protobuf", noBody),
  json: success("json", Buffer.from("{}")),
};

function success(format: BodyFormat, body: Buffer): HttpAnswer {
  return { status: 200, headers: ["content-type", contentTypes[format]], body };
}

/** 200, with `partial_success` where there is something to tell. */
export function successAnswer(
  signal: Signal,
  partial: PartialSuccess | undefined,
  format: BodyFormat,
): HttpAnswer {
  if (partial === undefined) return fullSuccess[format];
  const shortened = { rejectedItems: partial.rejectedItems, message: shorten(partial.message) };
  const body = format === "json" ? exportResponseJson(signal, shortened) : encodeExportResponse(shortened);
  return success(format, body);
}

/**
 * A failure: google.rpc.Status, with Retry-After where the client may come again. A request of neither
 * format is answered in JSON, which is what people read who try an address by hand.
 */
export function statusAnswer(
  httpStatus: number,
  status: RpcStatus,
  format: BodyFormat = "json",
  headers: readonly string[] = [],
): HttpAnswer {
  const shortened = { ...status, message: shorten(status.message) };
  const { retryDelayMs } = status;
  const retryAfter =
    retryDelayMs === undefined ? [] : ["retry-after", String(Math.max(1, Math.ceil(retryDelayMs / 1000)))];
  return {
    status: httpStatus,
    headers: ["content-type", contentTypes[format], ...retryAfter, ...headers],
    body: format === "json" ? statusJson(shortened) : encodeStatus(shortened),
  };
}

/** The same answer in gzip, where it is smaller for it. */
export function gzipped(answer: HttpAnswer): HttpAnswer {
  if (answer.body.length < gzipBytesMin) return answer;
  const body = compress("gzip", answer.body);
  if (body.length >= answer.body.length) return answer;
  return { status: answer.status, headers: [...answer.headers, "content-encoding", "gzip"], body };
}

function shorten(message: string): string {
  if (message.length <= messageBytesMax / 3) return message;
  const bytes = Buffer.from(message);
  let end = Math.min(bytes.length, messageBytesMax);
  // Not within a character: its later bytes are 10xxxxxx.
  while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}
