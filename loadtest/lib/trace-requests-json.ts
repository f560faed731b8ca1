/** The requests of trace-requests.ts as OTLP/JSON, by protobufjs and the SDKs' way of writing numbers. */
import protobuf from "protobufjs";
import { otlpRoot } from "../../src/tools/otlp-proto.ts";
import { type TraceRequestShape, traceRequest } from "./trace-requests.ts";

const idNames = new Set(["traceId", "spanId", "parentSpanId"]);

/** One request; equal seeds give equal bytes. */
export function traceRequestJson(seed: number, shape: TraceRequestShape): Buffer {
  const type = otlpRoot().lookupType("opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest");
  const message = type.decode(traceRequest(seed, shape));
  return Buffer.from(JSON.stringify(toJson(type, message)));
}

function toJson(type: protobuf.Type, message: protobuf.Message): object {
  const entries = type.fieldsArray
    .filter((field) => Object.hasOwn(message, field.name))
    .map((field) => {
      const value = (message as unknown as Record<string, unknown>)[field.name];
      const convert = (element: unknown): unknown => valueToJson(field, element);
      return [field.name, Array.isArray(value) ? value.map(convert) : convert(value)];
    });
  return Object.fromEntries(entries);
}

function valueToJson(field: protobuf.Field, value: unknown): unknown {
  if (field.resolvedType instanceof protobuf.Type)
    return toJson(field.resolvedType, value as protobuf.Message);
  if (field.type === "bytes")
    return Buffer.from(value as Buffer).toString(idNames.has(field.name) ? "hex" : "base64");
  return typeof value === "object" ? (value as { toString(): string }).toString() : value;
}
