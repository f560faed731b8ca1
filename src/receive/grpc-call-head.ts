/** What the headers of a call say, checked in the order in which a gRPC server should. */
import type { IncomingHttpHeaders } from "node:http2";
import { type ContentCoding, contentCodings } from "../base/compression.ts";
import { parseTimeout } from "../grpc/timeout.ts";
import { type Signal, signalFacts, signals } from "../otlp/signal.ts";
import { grpcCode, type RpcStatus } from "../otlp/status.ts";

export type RefusalReason =
  | "unknown_method"
  | "not_grpc"
  | "unauthenticated"
  | "unknown_encoding"
  | "malformed_timeout"
  | "over_budget"
  | "too_large"
  | "malformed_body"
  | "receive_timeout";

/** A call that the receiver itself refuses. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly status: RpcStatus;
  /** For a request that is not gRPC: such clients understand HTTP's status alone. */
  readonly httpStatus?: 405 | 415;
  /** Tells the client which encodings it may use. */
  readonly acceptedEncodings?: string;
}

export interface CallEncoding {
  readonly coding: ContentCoding;
  /** How long the client waits; Infinity where it does not say. */
  readonly timeoutMs: number;
}

/** For `grpc-accept-encoding`. */
export const acceptedEncodings = contentCodings.join(",");

const signalOfPath: ReadonlyMap<string, Signal> = new Map(
  signals.map((signal) => [signalFacts[signal].grpcPath, signal]),
);
const codings: ReadonlySet<string> = new Set(contentCodings);

/** Protobuf is gRPC's default and the only format that OTLP/gRPC has; parameters mean nothing to it. */
const contentTypeGrammar = /^application\/grpc(?:\+proto)?(?:\s*;.*)?$/i;

const unknownMethod: Refusal = {
  reason: "unknown_method",
  status: {
    code: grpcCode.UNIMPLEMENTED,
    message: "unknown method; this server has Export of OTLP's TraceService, MetricsService and LogsService",
  },
};
const notPost: Refusal = {
  reason: "not_grpc",
  httpStatus: 405,
  status: { code: grpcCode.INTERNAL, message: "a gRPC call is an HTTP/2 POST" },
};
const wrongContentType: Refusal = {
  reason: "not_grpc",
  httpStatus: 415,
  status: {
    code: grpcCode.INVALID_ARGUMENT,
    message: "content-type must be application/grpc or application/grpc+proto",
  },
};
const unknownEncoding: Refusal = {
  reason: "unknown_encoding",
  acceptedEncodings,
  status: {
    code: grpcCode.UNIMPLEMENTED,
    message: `unknown grpc-encoding; this server takes ${acceptedEncodings}`,
  },
};
export const unauthenticated: Refusal = {
  reason: "unauthenticated",
  status: { code: grpcCode.UNAUTHENTICATED, message: "no valid credentials in the request's headers" },
};

/** Which signal the call exports. What anybody may ask is checked here, before credentials are. */
export function readMethod(headers: IncomingHttpHeaders): Signal | Refusal {
  const signal = signalOfPath.get(headers[":path"] ?? "");
  if (signal === undefined) return unknownMethod;
  if (headers[":method"] !== "POST") return notPost;
  const contentType = headers["content-type"];
  if (contentType !== "application/grpc" && !contentTypeGrammar.test(contentType ?? "")) {
    return wrongContentType;
  }
  return signal;
}

/** How the body is to be read, of a call that may be made. */
export function readEncoding(headers: IncomingHttpHeaders): CallEncoding | Refusal {
  const coding = headers["grpc-encoding"] ?? "identity";
  if (typeof coding !== "string" || !codings.has(coding)) return unknownEncoding;
  const timeout = headers["grpc-timeout"];
  if (timeout === undefined) return { coding: coding as ContentCoding, timeoutMs: Number.POSITIVE_INFINITY };
  const parsed = parseTimeout(String(timeout));
  if (!parsed.ok) {
    return {
      reason: "malformed_timeout",
      status: { code: grpcCode.INTERNAL, message: parsed.problem },
    };
  }
  return { coding: coding as ContentCoding, timeoutMs: parsed.timeoutMs };
}
