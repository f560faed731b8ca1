/** What OTLP asks of a client, which a gateway is to its backends. */
import type { Requirement } from "./requirement.ts";
import { overBoth, overGrpc, overHttpProtobuf } from "./requirement.ts";

export const clientRequirements = {
  "C1 · retryable codes leave the data to be sent again": {
    clause: "OTLP/gRPC Response: Failures",
    strength: "SHOULD",
    transports: overGrpc,
    note: "CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS. An OUT_OF_RANGE that speaks of the message's size is tonic's answer to one above its limit, and is taken for that.",
  },
  "C1 · RESOURCE_EXHAUSTED is retried with RetryInfo, and not without": {
    clause: "OTLP/gRPC Response: Failures",
    strength: "SHOULD",
    transports: overGrpc,
    note: "Without it, several items are sent again as smaller requests, since what is exhausted is most often the size.",
  },
  "C1 · INVALID_ARGUMENT and INTERNAL drop the data, and count it": {
    clause: "OTLP/gRPC Response: Failures",
    strength: "MUST",
    transports: overGrpc,
  },
  "C1 · all other codes keep the data": {
    clause: "OTLP/gRPC Response: Failures",
    strength: "MUST NOT",
    transports: overGrpc,
    deviation:
      "UNKNOWN, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, FAILED_PRECONDITION, UNIMPLEMENTED and UNAUTHENTICATED are not to be retried. They speak of the peer (an address that something else has taken, a credential), not of the data, which a repaired peer will take.",
  },
  "C2 · 429, 502, 503 and 504 leave the data to be sent again": {
    clause: "Retryable Response Codes",
    strength: "SHOULD",
    transports: overHttpProtobuf,
  },
  "C2 · 400, 413 and 422 drop the data, and count it": {
    clause: "Retryable Response Codes",
    strength: "MUST NOT",
    transports: overHttpProtobuf,
    note: "After 413, and after a 400 that speaks of the size, several items are sent again as smaller requests.",
  },
  "C2 · all other statuses keep the data": {
    clause: "Retryable Response Codes",
    strength: "MUST NOT",
    transports: overHttpProtobuf,
    deviation:
      "No other status is to be retried. 401 and 403 speak of the credential, 404, 405 and redirects of the peer, 408 and 415 of the request's form, 500 and its like of the server's own fault: none of them of the data, which a repaired peer will take.",
  },

  "C3 · RetryInfo and Retry-After are honoured": {
    clause: { grpc: "OTLP/gRPC Throttling", http: "OTLP/HTTP Throttling" },
    strength: "SHOULD",
    transports: overBoth,
    note: "Retry-After in seconds and as a date. Nothing goes to the backend meanwhile, for five minutes at most.",
  },
  "C3 · without a time to wait, the gateway's own client is asked to come again": {
    clause: { grpc: "OTLP/gRPC Response: Failures", http: "OTLP/HTTP Throttling" },
    strength: "SHOULD",
    transports: overBoth,
    deviation:
      "An exponential backoff is asked for. What is not kept on disk is handed back, with RetryInfo of one second or Retry-After, and whoever sent it backs off.",
  },
  "C3 · connections are retried with exponential backoff and jitter": {
    clause: { grpc: "OTLP/gRPC Response: Failures", http: "OTLP/HTTP Connection" },
    strength: "SHOULD",
    transports: overBoth,
  },
  "C4 · a populated partial_success is never sent again": {
    clause: { grpc: "OTLP/gRPC Response: Partial Success", http: "OTLP/HTTP Response: Partial Success" },
    strength: "MUST NOT",
    transports: overBoth,
  },
  "C5 · a connection lost before its answer leaves the data to be sent again": {
    clause: { grpc: "Duplicate Data", http: "All Other Responses" },
    strength: "SHOULD",
    transports: overBoth,
    note: "Counted as unconfirmed, since the backend may have it.",
  },
  "C6 · a response over 4 MiB is a failure that is not retried": {
    clause: { grpc: "OTLP/gRPC Response", http: "OTLP/HTTP Response" },
    strength: "MUST",
    transports: overBoth,
  },
  "C6 · a response over 4 MiB when decompressed is a failure that is not retried": {
    clause: { grpc: "OTLP/gRPC Response", http: "OTLP/HTTP Response" },
    strength: "MUST",
    transports: overBoth,
  },
  "C7 · no request of several items is larger than max_batch_size": {
    clause: { grpc: "OTLP/gRPC Request", http: "OTLP/HTTP Request" },
    strength: "SHOULD",
    transports: overBoth,
    note: "3.5 MiB unless configured: many servers take no more than 4. What is larger is cut, not discarded.",
  },
  "C7 · a single item larger than max_batch_size is sent alone": {
    clause: { grpc: "OTLP/gRPC Request", http: "OTLP/HTTP Request" },
    strength: "MUST NOT",
    transports: overBoth,
    deviation:
      "A request over the client's limit is not to be made. An item cannot be cut, and only the backend knows whether it takes it; if not, it is dropped and counted (C1, C2). What receivers take (S2) bounds it.",
  },
  "C7 · what receivers refuse for its size is never sent, and counted": {
    clause: { grpc: "OTLP/gRPC Request", http: "OTLP/HTTP Request" },
    strength: "MUST NOT",
    transports: overBoth,
  },
  "C8 · as many requests as configured are open to a backend at a time": {
    clause: { grpc: "OTLP/gRPC Concurrent Requests", http: "OTLP/HTTP Concurrent Requests" },
    strength: "SHOULD",
    transports: overBoth,
    note: "`max_in_flight`. Metrics go one request at a time, so that they keep their order.",
  },
  "C9 · a connection is kept for the next request": {
    clause: "OTLP/HTTP Connection",
    strength: "SHOULD",
    transports: overHttpProtobuf,
  },
  "C10 · a backend that does not answer holds up no other": {
    clause: "Multi-Destination Exporting",
    strength: "SHOULD",
    transports: overBoth,
  },
  "C11 · splitting makes no empty envelopes": {
    clause: "Empty Telemetry Envelopes",
    strength: "SHOULD NOT",
    transports: overBoth,
    note: "Those that clients send pass as they are, to one backend.",
  },
} as const satisfies Readonly<Record<string, Requirement>>;
