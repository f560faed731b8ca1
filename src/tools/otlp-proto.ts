/**
 * OTLP by protobufjs, from the files in proto/: the implementation that checks the gateway's own
 * (src/wire, src/otlp) and therefore shares nothing with it. The files are read when first needed.
 */
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";
import type {
  BadRequest,
  InstrumentationScope,
  Int64,
  LogRecord,
  LogsRequest,
  LogsResponse,
  Metric,
  MetricsRequest,
  MetricsResponse,
  Resource,
  RetryInfo,
  Span,
  Status,
  TracesRequest,
  TracesResponse,
} from "./otlp-messages.ts";

export const signals = ["traces", "metrics", "logs"] as const;
export type Signal = (typeof signals)[number];

interface SignalFacts {
  /** What a user reads: "12 spans". */
  readonly items: string;
  readonly service: string;
  readonly grpcPath: string;
}

export const signalFacts: Readonly<Record<Signal, SignalFacts>> = {
  traces: serviceFacts("spans", "trace.v1.TraceService"),
  metrics: serviceFacts("points", "metrics.v1.MetricsService"),
  logs: serviceFacts("records", "logs.v1.LogsService"),
};

function serviceFacts(items: string, name: string): SignalFacts {
  const service = `opentelemetry.proto.collector.${name}`;
  return { items, service, grpcPath: `/${service}/Export` };
}

const collector = "opentelemetry.proto.collector";

interface MessageTypes {
  "opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest": TracesRequest;
  "opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse": TracesResponse;
  "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest": MetricsRequest;
  "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceResponse": MetricsResponse;
  "opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest": LogsRequest;
  "opentelemetry.proto.collector.logs.v1.ExportLogsServiceResponse": LogsResponse;
  "opentelemetry.proto.resource.v1.Resource": Resource;
  "opentelemetry.proto.common.v1.InstrumentationScope": InstrumentationScope;
  "opentelemetry.proto.trace.v1.Span": Span;
  "opentelemetry.proto.metrics.v1.Metric": Metric;
  "opentelemetry.proto.logs.v1.LogRecord": LogRecord;
  "google.rpc.Status": Status;
  "google.rpc.RetryInfo": RetryInfo;
  "google.rpc.BadRequest": BadRequest;
}

export interface MessageCodec<Message> {
  encode(message: Message): Buffer;
  /** Reads the whole message; throws where the bytes are not one. Byte fields are views of `bytes`. */
  decode(bytes: Uint8Array): Message;
}

/** The folder of the .proto files, seen from src/tools and from dist/tools alike. */
const protoFolder = fileURLToPath(new URL("../../proto/", import.meta.url));

const protoFiles = [
  "opentelemetry/proto/collector/trace/v1/trace_service.proto",
  "opentelemetry/proto/collector/metrics/v1/metrics_service.proto",
  "opentelemetry/proto/collector/logs/v1/logs_service.proto",
  "google/rpc/status.proto",
  "google/rpc/error_details.proto",
];

let loadedRoot: protobuf.Root | undefined;
const codecs = new Map<string, MessageCodec<unknown>>();

/** All of proto/ as protobufjs' reflection. */
export function otlpRoot(): protobuf.Root {
  loadedRoot ??= loadProtoFiles(protoFolder, protoFiles);
  return loadedRoot;
}

/** Reads .proto files of `folder`, whose imports are relative to it. */
export function loadProtoFiles(folder: string, files: readonly string[]): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => `${folder}/${target}`;
  root.loadSync([...files]);
  root.resolveAll();
  return root;
}

/** Encodes and decodes the message of this full name. */
export function messageCodec<Name extends keyof MessageTypes>(name: Name): MessageCodec<MessageTypes[Name]> {
  let codec = codecs.get(name);
  if (codec === undefined) {
    const type = otlpRoot().lookupType(name);
    codec = {
      encode: (message) => {
        const bytes = type.encode(message as protobuf.Message).finish();
        return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      },
      decode: (bytes) => type.decode(bytes),
    };
    codecs.set(name, codec);
  }
  return codec as MessageCodec<MessageTypes[Name]>;
}

export const tracesRequest = (): MessageCodec<TracesRequest> =>
  messageCodec(`${collector}.trace.v1.ExportTraceServiceRequest`);

export const metricsRequest = (): MessageCodec<MetricsRequest> =>
  messageCodec(`${collector}.metrics.v1.ExportMetricsServiceRequest`);

export const logsRequest = (): MessageCodec<LogsRequest> =>
  messageCodec(`${collector}.logs.v1.ExportLogsServiceRequest`);

const tracesResponse = (): MessageCodec<TracesResponse> =>
  messageCodec(`${collector}.trace.v1.ExportTraceServiceResponse`);

const metricsResponse = (): MessageCodec<MetricsResponse> =>
  messageCodec(`${collector}.metrics.v1.ExportMetricsServiceResponse`);

const logsResponse = (): MessageCodec<LogsResponse> =>
  messageCodec(`${collector}.logs.v1.ExportLogsServiceResponse`);

/** An Export response, the same for every signal. */
export interface ExportResponse {
  /** Absent when everything was accepted. */
  readonly partialSuccess?: { readonly rejectedItems: number; readonly message: string };
}

/** The response in the bytes of this signal's Export response. */
export function encodeExportResponse(signal: Signal, response: ExportResponse): Buffer {
  const partial = response.partialSuccess;
  if (partial === undefined) return Buffer.alloc(0);
  const errorMessage = partial.message;
  switch (signal) {
    case "traces":
      return tracesResponse().encode({
        partialSuccess: { rejectedSpans: partial.rejectedItems, errorMessage },
      });
    case "metrics":
      return metricsResponse().encode({
        partialSuccess: { rejectedDataPoints: partial.rejectedItems, errorMessage },
      });
    case "logs":
      return logsResponse().encode({
        partialSuccess: { rejectedLogRecords: partial.rejectedItems, errorMessage },
      });
  }
}

/** Reads an Export response; throws where the bytes are not one. */
export function decodeExportResponse(signal: Signal, bytes: Uint8Array): ExportResponse {
  switch (signal) {
    case "traces": {
      const partial = tracesResponse().decode(bytes).partialSuccess;
      return exportResponse(partial?.rejectedSpans, partial?.errorMessage);
    }
    case "metrics": {
      const partial = metricsResponse().decode(bytes).partialSuccess;
      return exportResponse(partial?.rejectedDataPoints, partial?.errorMessage);
    }
    case "logs": {
      const partial = logsResponse().decode(bytes).partialSuccess;
      return exportResponse(partial?.rejectedLogRecords, partial?.errorMessage);
    }
  }
}

/** A partial success without items and without a message is the same as none (specification, "Partial Success"). */
function exportResponse(rejected: Int64 | undefined, message: string | undefined): ExportResponse {
  const rejectedItems = int64ToNumber(rejected ?? 0);
  if (rejectedItems === 0 && (message ?? "") === "") return {};
  return { partialSuccess: { rejectedItems, message: message ?? "" } };
}

/** The nearest number; exact up to 2^53. */
export function int64ToNumber(value: Int64): number {
  if (typeof value !== "object") return Number(value);
  const high = value.unsigned ? value.high >>> 0 : value.high;
  return high * 2 ** 32 + (value.low >>> 0);
}
