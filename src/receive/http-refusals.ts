/** How an OTLP/HTTP receiver says no: the requests it refuses by itself, and the HTTP status of every gRPC code. */
import { type GrpcCode, grpcCode, type RpcStatus } from "../otlp/status.ts";

export type HttpRefusalReason =
  | "unknown_path"
  | "wrong_method"
  | "unauthenticated"
  | "unknown_content_type"
  | "unknown_encoding"
  | "over_budget"
  | "too_large"
  | "malformed_body"
  | "malformed_http"
  | "headers_too_large"
  | "receive_timeout";

/** A request that the receiver itself refuses. */
export interface HttpRefusal {
  readonly reason: HttpRefusalReason;
  readonly httpStatus: number;
  readonly status: RpcStatus;
}

/**
 * What a client is to make of a failure is, over HTTP, in the status alone: 429, 502, 503 and 504 are
 * tried again, everything else is not (specification.md, "OTLP/HTTP Response", "Failures"). So a code
 * that OTLP/gRPC clients try again has one of those, and one that they do not has none of them. Where
 * that leaves a choice it is the Collector's (receiver/otlpreceiver/internal/errors/errors.go), and
 * where the Collector has none, that of google/rpc/code.proto.
 */
const httpStatuses: Readonly<Record<GrpcCode, number>> = {
  [grpcCode.OK]: 200,
  // To be tried again; 504 says more than the Collector's 503 about a deadline.
  [grpcCode.CANCELLED]: 503,
  [grpcCode.DEADLINE_EXCEEDED]: 504,
  [grpcCode.ABORTED]: 503,
  [grpcCode.OUT_OF_RANGE]: 503,
  [grpcCode.UNAVAILABLE]: 503,
  [grpcCode.DATA_LOSS]: 503,
  // To be tried again with RetryInfo, and not without: see httpStatusOf.
  [grpcCode.RESOURCE_EXHAUSTED]: 429,
  // Not to be tried again; the Collector has these five.
  [grpcCode.INVALID_ARGUMENT]: 400,
  [grpcCode.UNAUTHENTICATED]: 401,
  [grpcCode.PERMISSION_DENIED]: 403,
  [grpcCode.UNIMPLEMENTED]: 404,
  [grpcCode.INTERNAL]: 500,
  // Not to be tried again; the Collector says 500 to all of these.
  [grpcCode.NOT_FOUND]: 404,
  [grpcCode.ALREADY_EXISTS]: 409,
  [grpcCode.FAILED_PRECONDITION]: 400,
  [grpcCode.UNKNOWN]: 500,
};

/** The HTTP status of a failed export. */
export function httpStatusOf({ code, retryDelayMs }: RpcStatus): number {
  // Without RetryInfo it is the request that is too large, not the load (specification.md, "OTLP/HTTP Request").
  if (code === grpcCode.RESOURCE_EXHAUSTED && retryDelayMs === undefined) return 413;
  return httpStatuses[code];
}

/** When a client that was refused for lack of room may come again. */
const overloadRetryDelayMs = 1000;

function refusal(
  reason: HttpRefusalReason,
  httpStatus: number,
  code: GrpcCode,
  message: string,
  details: Pick<RpcStatus, "retryDelayMs" | "fieldViolations"> = {},
): HttpRefusal {
  return { reason, httpStatus, status: { code, message, ...details } };
}

export const refusals = {
  noJson: refusal(
    "unknown_content_type",
    415,
    grpcCode.INVALID_ARGUMENT,
    "profiles are taken in protobuf alone: send application/x-protobuf",
  ),
  unknownPath: refusal(
    "unknown_path",
    404,
    grpcCode.NOT_FOUND,
    "nothing is received here; OTLP/HTTP has /v1/traces, /v1/metrics, /v1/logs and /v1development/profiles unless configured otherwise",
  ),
  wrongMethod: refusal("wrong_method", 405, grpcCode.UNIMPLEMENTED, "telemetry is sent by POST"),
  unauthenticated: refusal(
    "unauthenticated",
    401,
    grpcCode.UNAUTHENTICATED,
    "no valid credentials in the request's headers",
  ),
  unknownContentType: refusal(
    "unknown_content_type",
    415,
    grpcCode.INVALID_ARGUMENT,
    "content-type must be application/x-protobuf or application/json",
  ),
  unknownEncoding: refusal(
    "unknown_encoding",
    415,
    grpcCode.INVALID_ARGUMENT,
    "content-encoding must be one of gzip, zstd, deflate and identity",
  ),
  overBudget: refusal("over_budget", 503, grpcCode.UNAVAILABLE, "too many bytes in flight; try again later", {
    retryDelayMs: overloadRetryDelayMs,
  }),
  // Without RetryInfo: it will be too large the next time too.
  tooLarge: refusal(
    "too_large",
    413,
    grpcCode.RESOURCE_EXHAUSTED,
    "the body is larger than max_request_body_size; send smaller batches",
  ),
  receiveTimeout: refusal(
    "receive_timeout",
    408,
    grpcCode.DEADLINE_EXCEEDED,
    "the request did not arrive in time",
  ),
  headersTooLarge: refusal(
    "headers_too_large",
    431,
    grpcCode.INVALID_ARGUMENT,
    "the request's headers are larger than 16 KiB",
  ),
  malformedHttp: refusal("malformed_http", 400, grpcCode.INVALID_ARGUMENT, "this is no HTTP request"),
  corrupt: malformedBody("body", "cannot be decompressed as content-encoding says"),
} as const;

/** 400 with the place of the fault: `field` is a path in the request, or `body`. */
export function malformedBody(field: string, description: string): HttpRefusal {
  return refusal("malformed_body", 400, grpcCode.INVALID_ARGUMENT, `${field}: ${description}`, {
    fieldViolations: [{ field, description }],
  });
}
