/** The sections of OTLP's specification that tests cite, by their titles; one that stands in several sections names its own. */

export const specification = "https://github.com/open-telemetry/opentelemetry-proto/blob/v1.11.0";

/** Where each is, within the repository of the specification. */
export const clauses = {
  "Protocol Details": "docs/specification.md#protocol-details",
  "OTLP/gRPC Request": "docs/specification.md#otlpgrpc-request",
  "OTLP/gRPC Concurrent Requests": "docs/specification.md#otlpgrpc-concurrent-requests",
  "OTLP/gRPC Response": "docs/specification.md#otlpgrpc-response",
  "OTLP/gRPC Response: Full Success": "docs/specification.md#full-success",
  "OTLP/gRPC Response: Partial Success": "docs/specification.md#partial-success",
  "OTLP/gRPC Response: Failures": "docs/specification.md#failures",
  "OTLP/gRPC Throttling": "docs/specification.md#otlpgrpc-throttling",
  "OTLP/gRPC Service and Protobuf Definitions":
    "docs/specification.md#otlpgrpc-service-and-protobuf-definitions",
  "OTLP/gRPC Default Port": "docs/specification.md#otlpgrpc-default-port",
  "JSON Protobuf Encoding": "docs/specification.md#json-protobuf-encoding",
  "OTLP/HTTP Request": "docs/specification.md#otlphttp-request",
  "OTLP/HTTP Response": "docs/specification.md#otlphttp-response",
  "OTLP/HTTP Response: Full Success": "docs/specification.md#full-success-1",
  "OTLP/HTTP Response: Partial Success": "docs/specification.md#partial-success-1",
  "OTLP/HTTP Response: Failures": "docs/specification.md#failures-1",
  "Retryable Response Codes": "docs/specification.md#retryable-response-codes",
  "Bad Data": "docs/specification.md#bad-data",
  "OTLP/HTTP Throttling": "docs/specification.md#otlphttp-throttling",
  "All Other Responses": "docs/specification.md#all-other-responses",
  "OTLP/HTTP Connection": "docs/specification.md#otlphttp-connection",
  "OTLP/HTTP Concurrent Requests": "docs/specification.md#otlphttp-concurrent-requests",
  "OTLP/HTTP Default Port": "docs/specification.md#otlphttp-default-port",
  "Multi-Destination Exporting": "docs/specification.md#multi-destination-exporting",
  "Empty Telemetry Envelopes": "docs/specification.md#empty-telemetry-envelopes",
  "Duplicate Data": "docs/specification.md#duplicate-data",
  "AnyValue (common.proto)": "opentelemetry/proto/common/v1/common.proto",
} as const;

export type Clause = keyof typeof clauses;
