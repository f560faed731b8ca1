/**
 * What the end of a call means for the data that it carried: the one table of it, for gRPC and HTTP.
 *
 * OTLP divides statuses into retryable ones and others, which MUST be dropped (specification.md,
 * "OTLP/gRPC Response", "OTLP/HTTP Response"). A router knows more: many a status is no verdict on
 * the data but on the peer (an address reused by something else, a wrong credential, a fault of the
 * server's own), and dropping what a repaired peer would have taken is loss. So only verdicts on the
 * data reject.
 */
import { type GrpcCode, grpcCode, type RpcStatus } from "../otlp/status.ts";
import type { ShardOutcome } from "./delivery.ts";

/** How one call ended. */
export type CallEnd =
  /** OK in the trailers, or HTTP 2xx. `rejectedItems` and `message` are those of partial_success, 0 and "" without one. */
  | {
      readonly kind: "ok";
      readonly rejectedItems: number;
      readonly message: string;
      /** The request was written to its last byte, so its memory is free. */
      readonly bodyIsWritten?: true | undefined;
    }
  /** Another status in the trailers: the server's own word. */
  | { readonly kind: "status"; readonly status: RpcStatus }
  /** Another status of HTTP; `detail` holds it, and what the body said. */
  | {
      readonly kind: "http_status";
      readonly httpStatus: number;
      readonly detail: string;
      /** From Retry-After, or from RetryInfo in the body. */
      readonly retryDelayMs?: number;
      readonly fieldViolations?: NonNullable<RpcStatus["fieldViolations"]>;
    }
  /** The call's deadline passed here. */
  | { readonly kind: "deadline"; readonly detail: string }
  /** The stream was reset or the connection lost when the server may have had the request. */
  | { readonly kind: "interrupted"; readonly detail: string }
  /** The server never looked at the request: no connection, or a stream that it refused or that GOAWAY left out. */
  | { readonly kind: "unprocessed"; readonly detail: string }
  /** An answer, but none of OTLP's protocol: an HTML page, over gRPC any HTTP error. */
  | { readonly kind: "not_otlp"; readonly detail: string }
  /** The response is larger than what is taken (specification.md: MUST be limited, not to be retried). */
  | { readonly kind: "response_too_large"; readonly detail: string };

/** What the end means for a lane: an outcome for the shards, or that the request must be made smaller. */
export type CallOutcome =
  | ShardOutcome
  /** `isAboutSize`: the peer spoke of the message's size, and not merely of a resource that is exhausted. */
  | { readonly kind: "too_large"; readonly status: RpcStatus; readonly isAboutSize: boolean };

type GrpcCodeName = keyof typeof grpcCode;

type GrpcRow = GrpcCodeName | "RESOURCE_EXHAUSTED with RetryInfo" | "OUT_OF_RANGE about the size";

/** HTTP statuses with a meaning of their own; the other ones go by their class. */
const httpStatuses = [400, 401, 403, 404, 405, 413, 422, 429, 502, 503, 504] as const;
type HttpRow =
  | `HTTP ${(typeof httpStatuses)[number]}`
  | "HTTP 400 about the size"
  | "HTTP 3xx"
  | "HTTP 4xx"
  | "HTTP 5xx";

/** The rows of the table: statuses of the server, some of which RetryInfo or the message divides, and other ends. */
export type CallEndName = GrpcRow | HttpRow | Exclude<CallEnd["kind"], "ok" | "status" | "http_status">;

interface Verdict {
  readonly outcome: CallOutcome["kind"];
  /** The backend may have taken the data all the same, so another attempt may repeat it. */
  readonly mayHaveArrived?: true;
  readonly reason: string;
}

export const verdicts: Readonly<Record<CallEndName, Verdict>> = {
  OK: { outcome: "delivered", reason: "The backend has it, but for the items that partial_success counts." },

  INVALID_ARGUMENT: { outcome: "rejected", reason: "OTLP's verdict on data that cannot be processed." },
  INTERNAL: {
    outcome: "rejected",
    reason: "In a server's trailers: many servers answer so to what they cannot decode.",
  },
  response_too_large: {
    outcome: "rejected",
    reason: "OTLP: not to be retried. The answer to a repetition would be as large.",
  },

  RESOURCE_EXHAUSTED: {
    outcome: "too_large",
    reason:
      "Without RetryInfo not to be retried as it is: what servers answer to a message above their limit.",
  },
  "OUT_OF_RANGE about the size": {
    outcome: "too_large",
    reason: "What tonic (Rust) answers to a message above its limit; repeated as it is, it would never pass.",
  },

  "RESOURCE_EXHAUSTED with RetryInfo": {
    outcome: "undelivered",
    reason: "Pushback: the backend asks for another attempt later.",
  },
  CANCELLED: { outcome: "undelivered", mayHaveArrived: true, reason: "Retryable in OTLP." },
  DEADLINE_EXCEEDED: { outcome: "undelivered", mayHaveArrived: true, reason: "Retryable in OTLP." },
  ABORTED: { outcome: "undelivered", reason: "Retryable in OTLP." },
  OUT_OF_RANGE: { outcome: "undelivered", reason: "Retryable in OTLP." },
  UNAVAILABLE: { outcome: "undelivered", reason: "Retryable in OTLP." },
  DATA_LOSS: { outcome: "undelivered", reason: "Retryable in OTLP." },
  deadline: {
    outcome: "undelivered",
    mayHaveArrived: true,
    reason: "As DEADLINE_EXCEEDED: nobody knows what the backend did.",
  },
  interrupted: {
    outcome: "undelivered",
    mayHaveArrived: true,
    reason: "A disconnect without a response; OTLP accepts that a retry repeats.",
  },
  unprocessed: { outcome: "undelivered", reason: "The backend never had it." },

  UNIMPLEMENTED: {
    outcome: "undelivered",
    reason: "A bad peer: something without this service listens there, or one that lacks our compression.",
  },
  not_otlp: { outcome: "undelivered", reason: "A bad peer: something else listens at that address." },
  UNAUTHENTICATED: {
    outcome: "undelivered",
    reason: "A wrong credential is mended by people, the data is fine.",
  },
  PERMISSION_DENIED: { outcome: "undelivered", reason: "As UNAUTHENTICATED." },
  UNKNOWN: {
    outcome: "undelivered",
    mayHaveArrived: true,
    reason: "What servers say when they did not think of a status, even while shutting down.",
  },
  NOT_FOUND: { outcome: "undelivered", reason: "Speaks of the peer (a tenant, a path), not of the data." },
  ALREADY_EXISTS: { outcome: "undelivered", reason: "OTLP gives it no meaning." },
  FAILED_PRECONDITION: { outcome: "undelivered", reason: "Speaks of the peer's state." },

  "HTTP 400": { outcome: "rejected", reason: "OTLP's verdict on data that cannot be processed." },
  "HTTP 422": { outcome: "rejected", reason: "Understood, and refused for what it says (RFC 9110)." },
  "HTTP 413": { outcome: "too_large", reason: "OTLP's answer to a request above the server's limit." },
  "HTTP 400 about the size": {
    outcome: "too_large",
    reason: "What a Collector answers to a request above its limit, where OTLP asks for 413.",
  },
  "HTTP 429": { outcome: "undelivered", reason: "Retryable in OTLP: pushback." },
  "HTTP 502": {
    outcome: "undelivered",
    mayHaveArrived: true,
    reason: "Retryable in OTLP. A proxy lost its backend, perhaps after that had the request.",
  },
  "HTTP 503": { outcome: "undelivered", reason: "Retryable in OTLP." },
  "HTTP 504": {
    outcome: "undelivered",
    mayHaveArrived: true,
    reason: "Retryable in OTLP. A proxy does not know what its backend did.",
  },
  "HTTP 401": { outcome: "undelivered", reason: "A wrong credential is mended by people, the data is fine." },
  "HTTP 403": { outcome: "undelivered", reason: "As 401." },
  "HTTP 404": { outcome: "undelivered", reason: "A bad peer, or a wrong path." },
  "HTTP 405": { outcome: "undelivered", reason: "A bad peer: something at that path takes no POST." },
  "HTTP 3xx": {
    outcome: "undelivered",
    reason: "A bad peer. A redirect would lead past the ring, and is not followed.",
  },
  "HTTP 4xx": {
    outcome: "undelivered",
    reason: "Speaks of the request's form (415: our compression) or of the peer (408), not of the data.",
  },
  "HTTP 5xx": {
    outcome: "undelivered",
    mayHaveArrived: true,
    reason:
      "OTLP does not repeat a 500, which loses data to every fault of a server. It is no verdict on the data, so it is kept, as with UNKNOWN.",
  },
};

/**
 * The status that stands for an end for which no server gave one of gRPC; for HTTP's as gRPC maps them
 * (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md), but for the verdicts on data.
 */
const substituteCodes: Readonly<Record<Exclude<CallEndName, GrpcRow>, GrpcCode>> = {
  deadline: grpcCode.DEADLINE_EXCEEDED,
  interrupted: grpcCode.UNAVAILABLE,
  unprocessed: grpcCode.UNAVAILABLE,
  not_otlp: grpcCode.UNAVAILABLE,
  response_too_large: grpcCode.INTERNAL,
  "HTTP 400": grpcCode.INVALID_ARGUMENT,
  "HTTP 422": grpcCode.INVALID_ARGUMENT,
  "HTTP 413": grpcCode.RESOURCE_EXHAUSTED,
  "HTTP 400 about the size": grpcCode.RESOURCE_EXHAUSTED,
  "HTTP 429": grpcCode.UNAVAILABLE,
  "HTTP 502": grpcCode.UNAVAILABLE,
  "HTTP 503": grpcCode.UNAVAILABLE,
  "HTTP 504": grpcCode.UNAVAILABLE,
  "HTTP 401": grpcCode.UNAUTHENTICATED,
  "HTTP 403": grpcCode.PERMISSION_DENIED,
  "HTTP 404": grpcCode.UNIMPLEMENTED,
  "HTTP 405": grpcCode.UNIMPLEMENTED,
  "HTTP 3xx": grpcCode.UNKNOWN,
  "HTTP 4xx": grpcCode.UNKNOWN,
  "HTTP 5xx": grpcCode.UNKNOWN,
};

/**
 * How servers say that a message is above their limit: grpc-go and grpc-js "larger than max", grpc-java
 * "exceeds maximum size", .NET "exceeds the maximum", tonic "length too large", the Collector "too large".
 */
const aboutSize = /larger than max|exceeds (?:the )?max|too large|too big/i;

const codeNames = new Map<GrpcCode, GrpcCodeName>(
  (Object.entries(grpcCode) as [GrpcCodeName, GrpcCode][]).map(([name, code]) => [code, name]),
);

/** The outcome of a call to `member`, whose name goes before every message. */
export function outcomeOf(end: CallEnd, member: string): CallOutcome {
  if (end.kind === "ok") {
    const { rejectedItems, message, bodyIsWritten } = end;
    return { kind: "delivered", rejectedItems, message, payloadIsFree: bodyIsWritten };
  }
  const row = rowOf(end);
  const { outcome, mayHaveArrived } = verdicts[row.name];
  const status = { ...row.status, message: `${member}: ${row.status.message}` };
  switch (outcome) {
    case "delivered":
      return { kind: "delivered", rejectedItems: 0, message: "" };
    case "rejected":
      return { kind: "rejected", status };
    case "too_large":
      return {
        kind: "too_large",
        status,
        isAboutSize: end.kind === "http_status" || aboutSize.test(status.message),
      };
    case "undelivered":
      return mayHaveArrived === true
        ? { kind: "undelivered", status, mayHaveArrived }
        : { kind: "undelivered", status };
  }
}

interface Row {
  readonly name: CallEndName;
  readonly status: RpcStatus;
}

function rowOf(end: Exclude<CallEnd, { kind: "ok" }>): Row {
  switch (end.kind) {
    case "status":
      return { name: grpcRow(end.status), status: end.status };
    case "http_status": {
      const { kind: _kind, httpStatus, detail, ...details } = end;
      const name = httpRow(httpStatus, detail);
      return { name, status: { code: substituteCodes[name], message: detail, ...details } };
    }
    case "deadline":
    case "interrupted":
    case "unprocessed":
    case "not_otlp":
    case "response_too_large":
      return { name: end.kind, status: { code: substituteCodes[end.kind], message: end.detail } };
  }
}

function grpcRow({ code, message, retryDelayMs }: RpcStatus): GrpcRow {
  if (code === grpcCode.RESOURCE_EXHAUSTED && retryDelayMs !== undefined) {
    return "RESOURCE_EXHAUSTED with RetryInfo";
  }
  if (code === grpcCode.OUT_OF_RANGE && aboutSize.test(message)) return "OUT_OF_RANGE about the size";
  return codeNames.get(code) ?? "UNKNOWN";
}

function httpRow(status: number, detail: string): HttpRow {
  if (status === 400 && aboutSize.test(detail)) return "HTTP 400 about the size";
  const known = httpStatuses.find((each) => each === status);
  if (known !== undefined) return `HTTP ${known}`;
  if (status < 400) return "HTTP 3xx";
  return status < 500 ? "HTTP 4xx" : "HTTP 5xx";
}
