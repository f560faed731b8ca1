/** What an answer over HTTP says of the data: its status, and its body as far as it can be read. */
import { CompressionError, contentCodings, decompress } from "../base/compression.ts";
import { errorMessage } from "../base/errors.ts";
import { decodeStatus } from "../grpc/status-details.ts";
import { decodeExportResponse, type PartialSuccess } from "../otlp/export-response.ts";
import type { Signal } from "../otlp/signal.ts";
import type { RpcStatus } from "../otlp/status.ts";
import type { HttpAnswer, HttpHeaders } from "./http-exchanges.ts";
import type { CallEnd } from "./outcome.ts";
import { retryAfterMs } from "./retry-after.ts";

/** specification.md: responses MUST be limited, 4 MiB RECOMMENDED, after decompression too. */
const responseBytesMax = 4 * 1024 * 1024;
/** More of an error's description is not read. */
const errorBytesMax = 64 * 1024;
/** JSON that is longer, or deeper than this allows, is no answer of OTLP; parsing it would take time. */
const jsonLengthMax = 64 * 1024;
/** What is passed on of a peer's words, to logs and clients. */
const messageLengthMax = 1024;

/** How much of a response's body is of interest. */
export function responseBodyBytesMax(status: number): number {
  return isSuccess(status) ? responseBytesMax : errorBytesMax;
}

/** The end of a call that was answered; `path` is where it went. */
export function endOfAnswer(signal: Signal, path: string, answer: HttpAnswer): CallEnd {
  return isSuccess(answer.status) ? endOfSuccess(signal, path, answer) : endOfFailure(path, answer);
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

type BodyKind = "protobuf" | "json" | "html" | "text" | "other";

/** What a body is by its Content-Type; without one it is taken for what was asked for (OTLP: the request's). */
function bodyKind(headers: HttpHeaders): BodyKind {
  const mediaType = (headerOf(headers, "content-type") ?? "application/x-protobuf").split(";", 1)[0]!;
  switch (mediaType.trim().toLowerCase()) {
    case "application/x-protobuf":
    case "application/protobuf":
      return "protobuf";
    case "application/json":
      return "json";
    case "text/html":
    case "application/xhtml+xml":
      return "html";
    case "text/plain":
      return "text";
    default:
      return "other";
  }
}

function endOfSuccess(signal: Signal, path: string, answer: HttpAnswer): CallEnd {
  const { status, body, bodyEnd } = answer;
  const kind = bodyKind(answer.headers);
  if (kind === "html" && body.length > 0) {
    const detail = `HTTP ${status} from ${path} with an HTML page; does something else listen there?`;
    return { kind: "not_otlp", detail };
  }
  if (bodyEnd === "too_large") return responseTooLarge;
  // Half an answer may be anybody's: the connection may have broken in a proxy that had said 200 by itself.
  if (bodyEnd === "cut") return { kind: "interrupted", detail: "the answer broke off" };
  if (body.length === 0 || kind === "text" || kind === "other") return accepted(answer);
  try {
    const content = decompressed(answer, responseBytesMax);
    const partial = kind === "json" ? partialSuccessOfJson(signal, content) : decodeExportResponse(content);
    if (partial === undefined) return accepted(answer);
    return { ...accepted(answer), rejectedItems: partial.rejectedItems, message: bounded(partial.message) };
  } catch (error) {
    if (error instanceof CompressionError && error.reason === "too_large") return responseTooLarge;
    // It was accepted all the same: no fault in the answer's form takes that back.
    return { ...accepted(answer), message: `the backend's answer cannot be read: ${errorMessage(error)}` };
  }
}

const responseTooLarge: CallEnd = {
  kind: "response_too_large",
  detail: `the response is larger than ${responseBytesMax} bytes`,
};

function accepted({ requestIsWritten }: HttpAnswer): Extract<CallEnd, { kind: "ok" }> {
  return { kind: "ok", rejectedItems: 0, message: "", bodyIsWritten: requestIsWritten || undefined };
}

function endOfFailure(path: string, answer: HttpAnswer): CallEnd {
  const { status: httpStatus, headers } = answer;
  const words = describedFailure(answer);
  const detail = `HTTP ${httpStatus} from ${path}${words.message === "" ? "" : `: ${bounded(words.message)}`}`;
  const retryDelayMs =
    retryAfterMs(headerOf(headers, "retry-after"), headerOf(headers, "date")) ?? words.retryDelayMs;
  return {
    kind: "http_status",
    httpStatus,
    detail,
    ...(retryDelayMs !== undefined && { retryDelayMs }),
    ...(words.fieldViolations !== undefined && { fieldViolations: words.fieldViolations }),
  };
}

/** What the body of a failure says, in whatever form; never a fault, since the status has said what counts. */
function describedFailure(
  answer: HttpAnswer,
): Pick<RpcStatus, "message" | "retryDelayMs" | "fieldViolations"> {
  const nothing = { message: "" };
  const isRedirect = answer.status >= 300 && answer.status < 400;
  if (isRedirect) return { message: "a redirect, which is not followed" };
  try {
    const content = decompressed(answer, errorBytesMax);
    switch (bodyKind(answer.headers)) {
      case "protobuf":
        return decodeStatus(content) ?? nothing;
      case "json":
        return { message: messageOfJson(content) };
      case "text":
        return { message: content.toString("utf8", 0, messageLengthMax * 4) };
      case "html":
        return { message: "an HTML page; does something else listen there?" };
      case "other":
        return nothing;
    }
  } catch {
    return nothing;
  }
}

/** @throws {CompressionError} or Error for what cannot be decompressed. */
function decompressed({ headers, body }: HttpAnswer, sizeBytesMax: number): Buffer {
  const encoding = (headerOf(headers, "content-encoding") ?? "identity").trim().toLowerCase();
  const coding = contentCodings.find((known) => known === (encoding === "x-gzip" ? "gzip" : encoding));
  if (coding === undefined) throw new Error(`content encoding ${bounded(encoding, 40)}`);
  return decompress(coding, body, sizeBytesMax);
}

const rejectedField = {
  traces: "rejectedSpans",
  metrics: "rejectedDataPoints",
  logs: "rejectedLogRecords",
  profiles: "rejectedProfiles",
} as const satisfies Record<Signal, string>;

/** `partialSuccess` of an Export<Signal>ServiceResponse in JSON. @throws Error where it is none. */
function partialSuccessOfJson(signal: Signal, content: Buffer): PartialSuccess | undefined {
  const partial = fieldOf(parseJson(content), "partialSuccess");
  // 64-bit integers are decimal strings in JSON (protobuf), and numbers are to be taken as well.
  const count = Number(fieldOf(partial, rejectedField[signal]) ?? 0);
  const rejectedItems = count > 0 ? Math.floor(count) : 0;
  const message = textOf(partial, "errorMessage");
  return rejectedItems === 0 && message === "" ? undefined : { rejectedItems, message };
}

/** The words of a Status in JSON, or of what others send in its place. */
function messageOfJson(content: Buffer): string {
  const body = parseJson(content);
  return textOf(body, "message") || textOf(body, "error") || textOf(fieldOf(body, "error"), "message");
}

function parseJson(content: Buffer): unknown {
  if (content.length > jsonLengthMax) throw new Error(`${content.length} bytes of JSON`);
  try {
    return JSON.parse(content.toString());
  } catch {
    // The engine's message would quote the content.
    throw new Error("it is not JSON");
  }
}

function fieldOf(value: unknown, name: string): unknown {
  const isObject = typeof value === "object" && value !== null && Object.hasOwn(value, name);
  return isObject ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

function textOf(value: unknown, name: string): string {
  const text = fieldOf(value, name);
  return typeof text === "string" ? text : "";
}

function headerOf(headers: HttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : value?.[0];
}

/** A peer's words on one line, without what could steer a terminal. */
function bounded(text: string, lengthMax: number = messageLengthMax): string {
  const line = text
    .slice(0, lengthMax + 1)
    .replaceAll(/[\p{Cc}\s]+/gu, " ")
    .trim();
  return line.length <= lengthMax ? line : `${line.slice(0, lengthMax)}…`;
}
