/** What OTLP asks of a server. */
import type { Requirement } from "./requirement.ts";
import { overBoth, overEverything, overGrpc, overHttp, overHttpProtobuf, overJson } from "./requirement.ts";

const request = { grpc: "OTLP/gRPC Request", http: "OTLP/HTTP Request" } as const;
const response = { grpc: "OTLP/gRPC Response", http: "OTLP/HTTP Response" } as const;
const fullSuccess = {
  grpc: "OTLP/gRPC Response: Full Success",
  http: "OTLP/HTTP Response: Full Success",
} as const;
const partialSuccess = {
  grpc: "OTLP/gRPC Response: Partial Success",
  http: "OTLP/HTTP Response: Partial Success",
} as const;
const failures = { grpc: "OTLP/gRPC Response: Failures", http: "OTLP/HTTP Response: Failures" } as const;

export const serverRequirements = {
  "S1 · takes requests that are not compressed": {
    clause: "Protocol Details",
    strength: "MUST",
    transports: overEverything,
  },
  "S1 · takes requests that are compressed with gzip": {
    clause: "Protocol Details",
    strength: "MUST",
    transports: overEverything,
  },

  "S2 · takes a request of exactly the size limit and refuses one that is a byte larger": {
    clause: request,
    strength: "MUST",
    transports: overEverything,
  },
  "S2 · refuses a request that is over the limit only when decompressed": {
    clause: request,
    strength: "MUST",
    transports: overEverything,
  },
  "S2 · has the limit that the configuration sets": {
    clause: request,
    strength: "SHOULD",
    transports: overEverything,
  },
  "S2 · limits gRPC requests to 64 MiB by default": {
    clause: "OTLP/gRPC Request",
    strength: "RECOMMENDED",
    transports: overGrpc,
  },
  "S2 · limits HTTP requests to 20 MiB by default": {
    clause: "OTLP/HTTP Request",
    strength: "RECOMMENDED",
    transports: overHttpProtobuf,
    deviation:
      "64 MiB are recommended. 20 MiB is the Collector's default, with which its configuration files are written; `max_request_body_size` sets another.",
  },

  "S3 · a gRPC request over the size limit is RESOURCE_EXHAUSTED without RetryInfo": {
    clause: "OTLP/gRPC Request",
    strength: "MUST",
    transports: overGrpc,
  },
  "S4 · an HTTP request over the size limit is 413, whether its length is told or not": {
    clause: "OTLP/HTTP Request",
    strength: "MUST",
    transports: overHttp,
    note: "The Collector answers 400.",
  },

  "S5 · no response is larger than 4 MiB": {
    clause: response,
    strength: "MUST",
    transports: overEverything,
    note: "Nothing but messages has a length that others choose, and those are shortened, so it never comes to RESOURCE_EXHAUSTED or 500.",
  },
  "S5 · a partial success that would be too large keeps its count and shortens its message": {
    clause: response,
    strength: "SHOULD",
    transports: overEverything,
  },

  "S6 · a full success is Export<Signal>ServiceResponse without partial_success": {
    clause: fullSuccess,
    strength: "MUST",
    transports: overEverything,
  },
  "S6 · a full success over HTTP is 200 with no bytes of protobuf, or {} in JSON": {
    clause: "OTLP/HTTP Response: Full Success",
    strength: "MUST",
    transports: overHttp,
  },
  "S7 · a request without telemetry is a success": {
    clause: fullSuccess,
    strength: "SHOULD",
    transports: overEverything,
  },

  "S8 · a partial success counts exactly what was rejected": {
    clause: partialSuccess,
    strength: "MUST",
    transports: overEverything,
  },
  "S8 · a partial success says why": {
    clause: partialSuccess,
    strength: "SHOULD",
    transports: overEverything,
  },
  "S8 · a warning has a message and rejects nothing": {
    clause: partialSuccess,
    strength: "MUST",
    transports: overEverything,
  },

  "S9 · what may succeed later is UNAVAILABLE with RetryInfo, or 503 with Retry-After": {
    clause: failures,
    strength: "SHOULD",
    transports: overEverything,
  },
  "S9 · bad data over gRPC is INVALID_ARGUMENT with BadRequest": {
    clause: "OTLP/gRPC Response: Failures",
    strength: "RECOMMENDED",
    transports: overGrpc,
  },
  "S9 · what a backend refuses for good is no status that clients try again": {
    clause: failures,
    strength: "SHOULD",
    transports: overEverything,
  },
  "S10 · overload is UNAVAILABLE with RetryInfo, or 503 with Retry-After": {
    clause: { grpc: "OTLP/gRPC Throttling", http: "OTLP/HTTP Throttling" },
    strength: "SHOULD",
    transports: overEverything,
  },

  "S11 · a body that cannot be decoded is 400": {
    clause: "Bad Data",
    strength: "MUST",
    transports: overHttp,
  },
  "S11 · a 400 says in BadRequest what is wrong": {
    clause: "Bad Data",
    strength: "SHOULD",
    transports: overHttp,
  },
  "S12 · every 4xx and 5xx has a Status for its body": {
    clause: "OTLP/HTTP Response: Failures",
    strength: "MUST",
    transports: overHttp,
    note: "400, 401, 404, 405, 408, 413, 415, 500, 503. The Collector's 405 and 415 are plain text.",
  },
  "S12 · what is no HTTP request is answered with a Status in JSON": {
    clause: "OTLP/HTTP Response: Failures",
    strength: "MUST",
    transports: overHttpProtobuf,
    deviation:
      "S13 asks for the request's own Content-Type, which nobody has read when headers are malformed (400), too large (431) or late (408).",
  },
  "S13 · a response has the Content-Type of its request": {
    clause: "OTLP/HTTP Response",
    strength: "MUST",
    transports: overHttp,
  },
  "S13 · a 415 is answered in JSON": {
    clause: "OTLP/HTTP Response",
    strength: "MUST",
    transports: overHttp,
    deviation: "A Content-Type that OTLP does not know cannot be answered in kind; people can read JSON.",
  },

  "S14 · protobuf and JSON share one port, and one connection": {
    clause: "OTLP/HTTP Connection",
    strength: "SHOULD",
    transports: ["http/protobuf", "http/protobuf over h2c"],
  },
  "S14 · parameters of the Content-Type are no obstacle": {
    clause: "OTLP/HTTP Connection",
    strength: "stated",
    transports: overHttp,
    note: "`; charset=utf-8`, say, which some clients send beside JSON.",
  },

  "S15 · traces, metrics and logs are posted to /v1/traces, /v1/metrics and /v1/logs": {
    clause: "OTLP/HTTP Request",
    strength: "stated",
    transports: overHttp,
  },
  "S15 · traces, metrics and logs are exported to OTLP's gRPC services": {
    clause: "OTLP/gRPC Service and Protobuf Definitions",
    strength: "stated",
    transports: overGrpc,
  },
  "S15 · other paths can be configured": {
    clause: "OTLP/HTTP Request",
    strength: "MAY",
    transports: overHttp,
  },
  "S15 · the default ports are 4317 for gRPC and 4318 for HTTP": {
    clause: { grpc: "OTLP/gRPC Default Port", http: "OTLP/HTTP Default Port" },
    strength: "stated",
    transports: overBoth,
  },
  "S15 · profiles are posted to /v1development/profiles, and exported to their service in development": {
    clause: { grpc: "OTLP/gRPC Service and Protobuf Definitions", http: "OTLP/HTTP Request" },
    strength: "stated",
    transports: ["grpc", "http/protobuf", "http/protobuf over h2c"],
  },
  "S15 · profiles in JSON are refused": {
    clause: "OTLP/HTTP Request",
    strength: "stated",
    transports: overJson,
    deviation:
      "The body is said to be in either format. The signal's messages are in development and may change, so they pass as protobuf alone; JSON is 415.",
  },
  "S16 · a response is compressed with gzip only where Accept-Encoding has it": {
    clause: "OTLP/HTTP Response",
    strength: "MAY",
    transports: overHttp,
    note: "Only what is longer than 1 KiB: most responses have no bytes at all.",
  },
  "S17 · attributes that are empty, bytes, arrays and key-value lists pass unchanged": {
    clause: "AnyValue (common.proto)",
    strength: "stated",
    transports: overEverything,
  },
} as const satisfies Readonly<Record<string, Requirement>>;
