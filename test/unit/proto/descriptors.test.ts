/**
 * proto/ against OpenTelemetry's own files, as @elastic/mockotlpserver publishes them (OTLP 1.4).
 * What came later is listed here by name, with the release that brought it.
 */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { loadProtoFiles, otlpRoot } from "../../../src/tools/otlp-proto.ts";

const publishedFolder = dirname(
  createRequire(import.meta.url).resolve("@elastic/mockotlpserver/package.json"),
);

const published = loadProtoFiles(publishedFolder, [
  "opentelemetry/proto/collector/trace/v1/trace_service.proto",
  "opentelemetry/proto/collector/metrics/v1/metrics_service.proto",
  "opentelemetry/proto/collector/logs/v1/logs_service.proto",
]);

/** Lines that proto/ has and OTLP 1.4 did not. */
const addedSince14 = [
  // 1.5: the kind of event of a log record.
  "field opentelemetry.proto.logs.v1.LogRecord.event_name = 12 string",
  // 1.6: entities.
  "message opentelemetry.proto.common.v1.EntityRef",
  "field opentelemetry.proto.common.v1.EntityRef.schema_url = 1 string",
  "field opentelemetry.proto.common.v1.EntityRef.type = 2 string",
  "field opentelemetry.proto.common.v1.EntityRef.id_keys = 3 repeated string",
  "field opentelemetry.proto.common.v1.EntityRef.description_keys = 4 repeated string",
  "field opentelemetry.proto.resource.v1.Resource.entity_refs = 3 repeated .opentelemetry.proto.common.v1.EntityRef",
  // 1.10: strings by index, for profiles.
  "field opentelemetry.proto.common.v1.AnyValue.string_value_strindex = 8 int32 oneof value",
  "field opentelemetry.proto.common.v1.KeyValue.key_strindex = 3 int32",
];

/** Every fact of the messages, enums and services below `namespace`, a line each, sorted. */
function facts(namespace: protobuf.NamespaceBase): string[] {
  const lines: string[] = [];
  const visit = (object: protobuf.ReflectionObject): void => {
    const name = object.fullName.slice(1);
    if (object instanceof protobuf.Type) {
      lines.push(`message ${name}`, ...object.fieldsArray.map((field) => fieldFact(name, field)));
      lines.push(...reservedNumbers(object).map((number) => `reserved ${name} ${number}`));
    } else if (object instanceof protobuf.Enum) {
      lines.push(...Object.entries(object.values).map(([key, value]) => `enum ${name}.${key} = ${value}`));
    } else if (object instanceof protobuf.Service) {
      lines.push(
        ...object.methodsArray.map(
          (method) => `rpc ${name}.${method.name}(${method.requestType}) returns (${method.responseType})`,
        ),
      );
    }
    if (object instanceof protobuf.Namespace) object.nestedArray.forEach(visit);
  };
  visit(namespace as protobuf.Namespace);
  return lines.sort();
}

function fieldFact(message: string, field: protobuf.Field): string {
  const type = field.resolvedType === null ? field.type : field.resolvedType.fullName;
  const repeated = field.repeated ? "repeated " : "";
  const oneof = field.partOf === null ? "" : ` oneof ${field.partOf.name}`;
  const name = field.name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return `field ${message}.${name} = ${field.id} ${repeated}${type}${oneof}`;
}

function reservedNumbers(type: protobuf.Type): string[] {
  return (type.reserved ?? []).map((range) => (typeof range === "string" ? range : range.join("-")));
}

describe("proto/", () => {
  const ours = facts(otlpRoot().lookup("opentelemetry") as protobuf.Namespace);
  const theirs = facts(published.lookup("opentelemetry") as protobuf.Namespace);

  it("states every message, field, enum value and method that OpenTelemetry publishes, exactly", () => {
    expect(theirs.filter((line) => line.startsWith("field")).length).toBeGreaterThan(120);
    expect(ours.filter((line) => !addedSince14.includes(line))).toEqual(theirs);
  });

  it("adds nothing but what later releases of OTLP brought", () => {
    expect(ours.filter((line) => !theirs.includes(line))).toEqual([...addedSince14].sort());
  });

  it("states the three Export methods", () => {
    expect(ours.filter((line) => line.startsWith("rpc"))).toEqual([
      "rpc opentelemetry.proto.collector.logs.v1.LogsService.Export(ExportLogsServiceRequest) returns (ExportLogsServiceResponse)",
      "rpc opentelemetry.proto.collector.metrics.v1.MetricsService.Export(ExportMetricsServiceRequest) returns (ExportMetricsServiceResponse)",
      "rpc opentelemetry.proto.collector.trace.v1.TraceService.Export(ExportTraceServiceRequest) returns (ExportTraceServiceResponse)",
    ]);
  });

  it("states the error details of google.rpc that OTLP names", () => {
    expect(facts(otlpRoot().lookup("google.rpc") as protobuf.Namespace)).toEqual([
      "field google.rpc.BadRequest.FieldViolation.description = 2 string",
      "field google.rpc.BadRequest.FieldViolation.field = 1 string",
      "field google.rpc.BadRequest.field_violations = 1 repeated .google.rpc.BadRequest.FieldViolation",
      "field google.rpc.RetryInfo.retry_delay = 1 .google.protobuf.Duration",
      "field google.rpc.Status.code = 1 int32",
      "field google.rpc.Status.details = 3 repeated .google.protobuf.Any",
      "field google.rpc.Status.message = 2 string",
      "message google.rpc.BadRequest",
      "message google.rpc.BadRequest.FieldViolation",
      "message google.rpc.RetryInfo",
      "message google.rpc.Status",
    ]);
  });
});
