/**
 * What the end of a call means for the data that it carried: the one table of it.
 *
 * OTLP divides statuses into retryable ones and others, which MUST be dropped (specification.md,
 * "OTLP/gRPC Response"). A router knows more: many a status is no verdict on the data but on
 * the peer (an address reused by something else, a wrong credential), and dropping what a repaired
 * peer would have taken is loss. So only verdicts on the data reject.
 */
import { type GrpcCode, grpcCode, type RpcStatus } from "../otlp/status.ts";
import type { ShardOutcome } from "./delivery.ts";

/** How one call ended. */
export type CallEnd =
  /** OK in the trailers. `rejectedItems` and `message` are those of partial_success, 0 and "" without one. */
  | {
      readonly kind: "ok";
      readonly rejectedItems: number;
      readonly message: string;
      /** The request was written to its last byte, so its memory is free. */
      readonly bodyIsWritten?: true | undefined;
    }
  /** Another status in the trailers: the server's own word. */
  | { readonly kind: "status"; readonly status: RpcStatus }
  /** The call's deadline passed here. */
  | { readonly kind: "deadline"; readonly detail: string }
  /** The stream was reset or the connection lost when the server may have had the request. */
  | { readonly kind: "interrupted"; readonly detail: string }
  /** The server never looked at the request: no connection, or a stream that it refused or that GOAWAY left out. */
  | { readonly kind: "unprocessed"; readonly detail: string }
  /** An answer, but none of gRPC: an HTML page, an HTTP error, a message that cannot be read. */
  | { readonly kind: "not_grpc"; readonly detail: string }
  /** The response is larger than what is taken (specification.md: MUST be limited, not to be retried). */
  | { readonly kind: "response_too_large"; readonly detail: string };

/** What the end means for a lane: an outcome for the shards, or that the request must be made smaller. */
export type CallOutcome =
  | ShardOutcome
  /** `isAboutSize`: the peer spoke of the message's size, and not merely of a resource that is exhausted. */
  | { readonly kind: "too_large"; readonly status: RpcStatus; readonly isAboutSize: boolean };

type GrpcCodeName = keyof typeof grpcCode;

/** The rows of the table: statuses of the server, two of which RetryInfo or the message divides, and other ends. */
export type CallEndName =
  | GrpcCodeName
  | "RESOURCE_EXHAUSTED with RetryInfo"
  | "OUT_OF_RANGE about the size"
  | Exclude<CallEnd["kind"], "ok" | "status">;

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
  not_grpc: { outcome: "undelivered", reason: "A bad peer: something else listens at that address." },
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
};

/** The status that stands for an end for which no server gave one. */
const localCodes: Readonly<Record<Exclude<CallEnd["kind"], "ok" | "status">, GrpcCode>> = {
  deadline: grpcCode.DEADLINE_EXCEEDED,
  interrupted: grpcCode.UNAVAILABLE,
  unprocessed: grpcCode.UNAVAILABLE,
  not_grpc: grpcCode.UNAVAILABLE,
  response_too_large: grpcCode.INTERNAL,
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
  const { outcome, mayHaveArrived } = verdicts[nameOf(end)];
  const status = statusOf(end, member);
  switch (outcome) {
    case "delivered":
      return { kind: "delivered", rejectedItems: 0, message: "" };
    case "rejected":
      return { kind: "rejected", status };
    case "too_large":
      return { kind: "too_large", status, isAboutSize: aboutSize.test(status.message) };
    case "undelivered":
      return mayHaveArrived === true
        ? { kind: "undelivered", status, mayHaveArrived }
        : { kind: "undelivered", status };
  }
}

function nameOf(end: Exclude<CallEnd, { kind: "ok" }>): CallEndName {
  if (end.kind !== "status") return end.kind;
  const { code, message, retryDelayMs } = end.status;
  if (code === grpcCode.RESOURCE_EXHAUSTED && retryDelayMs !== undefined) {
    return "RESOURCE_EXHAUSTED with RetryInfo";
  }
  if (code === grpcCode.OUT_OF_RANGE && aboutSize.test(message)) return "OUT_OF_RANGE about the size";
  return codeNames.get(code) ?? "UNKNOWN";
}

function statusOf(end: Exclude<CallEnd, { kind: "ok" }>, member: string): RpcStatus {
  if (end.kind === "status") return { ...end.status, message: `${member}: ${end.status.message}` };
  return { code: localCodes[end.kind], message: `${member}: ${end.detail}` };
}
