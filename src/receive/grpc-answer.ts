/**
 * Answers on a gRPC stream. A unary call that succeeds is answered with headers, one message and
 * trailers; one that fails with trailers only, which are then its headers
 * (https://github.com/grpc/grpc/blob/v1.76.0/doc/PROTOCOL-HTTP2.md, "Responses").
 *
 * Headers are given to Node as flat arrays where it takes them, which it neither copies nor sorts.
 */
import { constants, type ServerHttp2Stream } from "node:http2";
import { encodeMessageFrame } from "../grpc/framing.ts";
import { encodeBinaryHeader, encodeStatus } from "../grpc/status-details.ts";
import { encodeStatusMessage } from "../grpc/status-message.ts";
import { encodeExportResponse, type PartialSuccess } from "../otlp/export-response.ts";
import type { RpcStatus } from "../otlp/status.ts";
import type { Refusal } from "./grpc-call-head.ts";

/** OTLP recommends that clients take no more than this (specification.md, "OTLP/gRPC Response"). */
const responseBytesMax = 4 * 1024 * 1024;
/** Tags and lengths around the error message, and the count. */
const responseOverheadBytes = 64;
/** The length of status details within trailers that most clients still take. */
const detailsBytesMax = 2048;

const successHeaders = [":status", "200", "content-type", "application/grpc"];
const successOptions = { waitForTrailers: true, sendDate: false };
const successTrailers = { "grpc-status": "0" };
const trailersOnlyOptions = { endStream: true, sendDate: false };

/** Export<Signal>ServiceResponse with nothing in it: the whole request was taken. */
const fullSuccess = encodeMessageFrame([], false);

/** Answers OK, with `partial_success` where there is something to tell. */
export function answerSuccess(stream: ServerHttp2Stream, partial: PartialSuccess | undefined): void {
  stream.on("wantTrailers", sendSuccessTrailers);
  stream.respond(successHeaders, successOptions);
  stream.end(
    partial === undefined ? fullSuccess : encodeMessageFrame([encodePartialSuccess(partial)], false),
  );
}

/** Answers with a status other than OK; details are sent where it has any. */
export function answerStatus(stream: ServerHttp2Stream, status: RpcStatus): void {
  stream.respond([...successHeaders, ...statusHeaders(status)], trailersOnlyOptions);
}

export function answerRefusal(stream: ServerHttp2Stream, refusal: Refusal): void {
  const headers = [
    ":status",
    String(refusal.httpStatus ?? constants.HTTP_STATUS_OK),
    "content-type",
    "application/grpc",
    ...statusHeaders(refusal.status),
  ];
  if (refusal.acceptedEncodings !== undefined)
    headers.push("grpc-accept-encoding", refusal.acceptedEncodings);
  stream.respond(headers, trailersOnlyOptions);
}

function sendSuccessTrailers(this: ServerHttp2Stream): void {
  this.sendTrailers(successTrailers);
}

function statusHeaders(status: RpcStatus): string[] {
  const headers = ["grpc-status", String(status.code), "grpc-message", encodeStatusMessage(status.message)];
  if (status.retryDelayMs !== undefined || status.fieldViolations !== undefined) {
    headers.push("grpc-status-details-bin", encodeBinaryHeader(boundedDetails(status)));
  }
  return headers;
}

/** The details without the descriptions of faults where those would make the trailers too large. */
function boundedDetails(status: RpcStatus): Buffer {
  const details = encodeStatus(status);
  if (details.length <= detailsBytesMax) return details;
  const { code, retryDelayMs } = status;
  return encodeStatus({ code, message: "", ...(retryDelayMs === undefined ? {} : { retryDelayMs }) });
}

/** The message is what OTLP shortens first where a response would be too large. */
function encodePartialSuccess(partial: PartialSuccess): Buffer {
  const messageBytesMax = responseBytesMax - responseOverheadBytes;
  if (Buffer.byteLength(partial.message) <= messageBytesMax) return encodeExportResponse(partial);
  let end = messageBytesMax;
  const bytes = Buffer.from(partial.message);
  // Not within a character: its later bytes are 10xxxxxx.
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
  return encodeExportResponse({ ...partial, message: bytes.toString("utf8", 0, end) });
}
