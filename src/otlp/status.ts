/** gRPC status codes (https://grpc.io/docs/guides/status-codes/) and the status that OTLP answers with. */

export const grpcCode = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;
export type GrpcCode = (typeof grpcCode)[keyof typeof grpcCode];

/** A status other than OK, with the details that OTLP gives a meaning (google.rpc.RetryInfo, BadRequest). */
export interface RpcStatus {
  readonly code: GrpcCode;
  /** English, for a developer; never holds payload bytes or secrets. */
  readonly message: string;
  /** RetryInfo.retry_delay: the client may try again after this long. */
  readonly retryDelayMs?: number;
  /** BadRequest.field_violations: where in the request, and what is wrong there. */
  readonly fieldViolations?: readonly { readonly field: string; readonly description: string }[];
}
