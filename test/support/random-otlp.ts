/**
 * Random Export requests, made field by field from the reflection of proto/: every field of every
 * message, in any order, repeated where the schema has one, with fields that the schema does not know,
 * with empty envelopes. Trace ids and service names come from small pools, so that they meet again.
 */
import fc from "fast-check";
import protobuf from "protobufjs";
import type { StableSignal as Signal } from "../../src/otlp/signal.ts";
import { otlpRoot } from "../../src/tools/otlp-proto.ts";

const requestTypes: Readonly<Record<Signal, string>> = {
  traces: "opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest",
  metrics: "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest",
  logs: "opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest",
};

export function requestType(signal: Signal): protobuf.Type {
  return otlpRoot().lookupType(requestTypes[signal]);
}

/** Fields that hold other messages are worth more than their share: without them a request is nothing. */
const envelopeWeight = 12;
/** Fields that requests are routed by. */
const keyWeight = 40;
/** A data point's exemplar's attribute is at seven; deeper there is only AnyValue in itself. */
const depthMax = 8;

const traceId = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 12 }).map((n) => Buffer.alloc(16, n)) },
  { weight: 1, arbitrary: fc.constant(Buffer.alloc(16)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)) },
);

const attribute = (key: string, value: string): Buffer => {
  const any = protobuf.Writer.create().uint32(10).string(value).finish();
  return Buffer.from(protobuf.Writer.create().uint32(10).string(key).uint32(18).bytes(any).finish());
};

/** What a field holds, where anything at all would hardly ever be what matters. */
const overrides: Readonly<Record<string, fc.Arbitrary<Buffer>>> = {
  "opentelemetry.proto.trace.v1.Span.traceId": traceId,
  "opentelemetry.proto.logs.v1.LogRecord.traceId": traceId,
  "opentelemetry.proto.resource.v1.Resource.attributes": fc.oneof(
    fc.constantFrom("cart", "checkout", "payment", "").map((name) => attribute("service.name", name)),
    fc.constantFrom("eu", "us").map((region) => attribute("region", region)),
  ),
};

function weightOf(field: protobuf.Field, depth: number): number {
  if (overrideOf(field) !== undefined) return keyWeight;
  return field.resolvedType instanceof protobuf.Type && depth < depthMax ? envelopeWeight : 1;
}

function overrideOf(field: protobuf.Field): fc.Arbitrary<Buffer> | undefined {
  return overrides[`${field.parent!.fullName.slice(1)}.${field.name}`];
}

/** The content of a message of this type. */
function message(type: protobuf.Type, depth: number): fc.Arbitrary<Buffer> {
  const known = type.fieldsArray.map((field) => ({
    weight: weightOf(field, depth),
    arbitrary: fieldOf(field, depth),
  }));
  const choices = [...known, { weight: 1, arbitrary: unknownField }];
  return fc
    .array(fc.oneof(...choices), { minLength: depth < 2 ? 1 : 0, maxLength: depth < 3 ? 6 : 3 })
    .map((fields) => Buffer.concat(wellFormed(type, fields)));
}

const traceIdTag = { span: 1 * 8 + 2, logRecord: 9 * 8 + 2 };

/** A second trace id would count for a decoder; a router that has found one looks no further. */
function withOne(tag: number, fields: readonly Buffer[]): readonly Buffer[] {
  const first = fields.findIndex((field) => field[0] === tag);
  return fields.filter((field, index) => field[0] !== tag || index === first);
}

/** What no encoder makes, and a router that reads as little as it can may see otherwise than a decoder. */
function wellFormed(type: protobuf.Type, fields: readonly Buffer[]): readonly Buffer[] {
  switch (type.name) {
    case "Metric":
      return withOneKindOfData(fields);
    case "Span":
      return withOne(traceIdTag.span, fields);
    case "LogRecord":
      return withOne(traceIdTag.logRecord, fields);
    default:
      return fields;
  }
}

/**
 * A Metric has one kind of data (a oneof). With two, a decoder sees the last alone, while a router
 * that decodes nothing passes on both.
 */
function withOneKindOfData(fields: readonly Buffer[]): Buffer[] {
  const isData = (field: Buffer): boolean => [5, 7, 9, 10, 11].includes(field[0]! >>> 3);
  const data = fields.find(isData);
  return fields.filter((field) => !isData(field) || field === data);
}

const encode = (write: (writer: protobuf.Writer) => void): Buffer => {
  const writer = protobuf.Writer.create();
  write(writer);
  return Buffer.from(writer.finish());
};

/** A field that no version of OTLP has, of each wire type, groups among them. */
const unknownField: fc.Arbitrary<Buffer> = fc
  .tuple(fc.integer({ min: 100, max: 5000 }), fc.integer({ min: 0, max: 4 }), fc.uint8Array({ maxLength: 9 }))
  .map(([number, kind, bytes]) => {
    switch (kind) {
      case 0:
        return encode((w) => w.uint32(number * 8).uint32(bytes.length * 1000));
      case 1:
        return encode((w) => w.uint32(number * 8 + 1).fixed64(bytes.length));
      case 2:
        return encode((w) => w.uint32(number * 8 + 2).bytes(bytes));
      case 3:
        return encode((w) =>
          w
            .uint32(number * 8 + 3)
            .uint32(26)
            .bytes(bytes)
            .uint32(number * 8 + 4),
        );
      default:
        return encode((w) => w.uint32(number * 8 + 5).fixed32(bytes.length));
    }
  });

function fieldOf(field: protobuf.Field, depth: number): fc.Arbitrary<Buffer> {
  const lengthDelimited = (content: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Buffer> =>
    content.map((bytes) => encode((w) => w.uint32(field.id * 8 + 2).bytes(bytes)));
  const override = overrideOf(field);
  if (override !== undefined) return lengthDelimited(override);
  if (field.resolvedType instanceof protobuf.Type) {
    if (depth >= depthMax) return lengthDelimited(fc.constant(new Uint8Array(0)));
    const type = field.resolvedType;
    // Made only when it is drawn: AnyValue holds itself.
    return lengthDelimited(fc.constant(type).chain((resolved) => message(resolved, depth + 1)));
  }
  switch (field.type) {
    case "string":
      return lengthDelimited(fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => Buffer.from(text)));
    case "bytes":
      return lengthDelimited(fc.uint8Array({ maxLength: 20 }));
    case "double":
    case "fixed64":
    case "sfixed64":
      return fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => {
        return field.repeated
          ? encode((w) => w.uint32(field.id * 8 + 2).bytes(bytes))
          : Buffer.concat([encode((w) => w.uint32(field.id * 8 + 1)), bytes]);
      });
    case "fixed32":
      return fc.integer({ min: 0 }).map((n) => encode((w) => w.uint32(field.id * 8 + 5).fixed32(n)));
    default:
      return fc.integer({ min: 0, max: 2 ** 31 - 1 }).map((n) =>
        field.repeated
          ? encode((w) =>
              w
                .uint32(field.id * 8 + 2)
                .fork()
                .uint32(n)
                .ldelim(),
            )
          : encode((w) => w.uint32(field.id * 8).uint32(n)),
      );
  }
}

/** A random Export request of this signal. */
export function exportRequest(signal: Signal): fc.Arbitrary<Buffer> {
  return message(requestType(signal), 0);
}
