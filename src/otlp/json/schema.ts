/**
 * What OTLP/JSON needs to know of OTLP's messages, compiled from proto/ by protobufjs' reflection: the
 * fields of each message by their JSON names, with all that is needed to read and write one
 * (https://protobuf.dev/programming-guides/json/, and where OTLP differs:
 * https://github.com/open-telemetry/opentelemetry-proto/blob/v1.8.0/docs/specification.md#json-protobuf-encoding).
 */
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";
import { wireType } from "../../wire/reader.ts";
import type { StableSignal } from "../signal.ts";

/** How a value is read from JSON and written in protobuf. */
export const valueKind = {
  MESSAGE: 0,
  STRING: 1,
  BYTES: 2,
  /** bytes that OTLP/JSON writes in hexadecimal: trace and span ids. */
  ID: 3,
  BOOL: 4,
  ENUM: 5,
  INT32: 6,
  SINT32: 7,
  UINT32: 8,
  FIXED32: 9,
  INT64: 10,
  UINT64: 11,
  FIXED64: 12,
  SFIXED64: 13,
  DOUBLE: 14,
} as const;
export type ValueKind = (typeof valueKind)[keyof typeof valueKind];

export interface JsonField {
  /** In lowerCamelCase, the only spelling there is. */
  readonly name: string;
  readonly nameBytes: Buffer;
  readonly kind: ValueKind;
  readonly isRepeated: boolean;
  /** All elements in one LEN field, as proto3 writes numbers. */
  readonly isPacked: boolean;
  /** Field number and wire type, of a packed field LEN. */
  readonly tag: number;
  /** Whether it matters that a default value is written: of a oneof or `optional`. */
  readonly hasPresence: boolean;
  /** This field among those of its message. */
  readonly bit: number;
  /** The fields that may not stand beside it: itself again, and the others of its oneof. */
  readonly excludedBits: number;
  /** Of an ID: its length in bytes. */
  readonly idBytes: number;
  /** Of a MESSAGE. */
  readonly message: JsonMessage | undefined;
}

/** Bits of a number. */
const fieldsMax = 31;
/** A table in which the names of a message do not collide is found well below this. */
const tableSizeMax = 4096;

/** One step of the hash of a field's name, for each of its bytes, from 0. */
export function hashStep(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

/** The fields of a message, found by their names. */
export class JsonMessage {
  readonly name: string;
  #table: readonly (JsonField | undefined)[] = [undefined];
  /** How many bytes the length of such a message took last: a good guess for the next. */
  lengthBytes = 1;

  constructor(name: string) {
    this.name = name;
  }

  /** Set once, since a message may hold itself. */
  setFields(fields: readonly JsonField[]): void {
    this.#table = tableWithoutCollisions(fields);
  }

  /** The field of this name, whose hash by `hashStep` is given; names only ever meet the one in their place. */
  find(hash: number, bytes: Uint8Array, start: number, end: number): JsonField | undefined {
    const table = this.#table;
    const field = table[hash & (table.length - 1)];
    if (field === undefined) return undefined;
    const { nameBytes } = field;
    if (nameBytes.length !== end - start) return undefined;
    for (let index = 0; index < nameBytes.length; index += 1) {
      if (nameBytes[index] !== bytes[start + index]) return undefined;
    }
    return field;
  }
}

const requestTypes: Readonly<Record<StableSignal, string>> = {
  traces: "opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest",
  metrics: "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest",
  logs: "opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest",
};

const protoFiles = [
  "opentelemetry/proto/collector/trace/v1/trace_service.proto",
  "opentelemetry/proto/collector/metrics/v1/metrics_service.proto",
  "opentelemetry/proto/collector/logs/v1/logs_service.proto",
];

/** The folder of the .proto files, seen from src/otlp/json and from dist/otlp/json alike. */
const protoFolder = fileURLToPath(new URL("../../../proto/", import.meta.url));

let loadedRoot: protobuf.Root | undefined;
const compiledMessages = new Map<string, JsonMessage>();

/** The Export request of a signal. The .proto files are read when it is first asked for. */
export function requestMessage(signal: StableSignal): JsonMessage {
  loadedRoot ??= loadRoot();
  return compileMessage(loadedRoot.lookupType(requestTypes[signal]));
}

function loadRoot(): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => `${protoFolder}${target}`;
  root.loadSync(protoFiles);
  root.resolveAll();
  return root;
}

function compileMessage(type: protobuf.Type): JsonMessage {
  const known = compiledMessages.get(type.fullName);
  if (known !== undefined) return known;
  const message = new JsonMessage(type.name);
  compiledMessages.set(type.fullName, message);
  if (type.fieldsArray.length > fieldsMax) throw new Error(`${type.fullName} has too many fields`);
  message.setFields(type.fieldsArray.map((field, index) => compileField(type, field, index)));
  return message;
}

function compileField(type: protobuf.Type, field: protobuf.Field, index: number): JsonField {
  const { resolvedType } = field;
  const kind = kindOf(field);
  const isPacked = field.repeated && kind > valueKind.ID;
  const wire = isPacked ? wireType.LEN : wireTypes[kind];
  const siblings = field.partOf?.fieldsArray ?? [field];
  return {
    name: field.name,
    nameBytes: Buffer.from(field.name),
    kind,
    isRepeated: field.repeated,
    isPacked,
    tag: field.id * 8 + wire,
    hasPresence: field.repeated || field.partOf != null,
    bit: 1 << index,
    excludedBits: siblings.reduce((bits, sibling) => bits | (1 << type.fieldsArray.indexOf(sibling)), 0),
    idBytes: idLengths.get(field.name) ?? 0,
    message: resolvedType instanceof protobuf.Type ? compileMessage(resolvedType) : undefined,
  };
}

/** The bytes fields that are hexadecimal in OTLP/JSON, with their lengths; all others are base64. */
const idLengths: ReadonlyMap<string, number> = new Map([
  ["traceId", 16],
  ["spanId", 8],
  ["parentSpanId", 8],
]);

const scalarKinds: Readonly<Record<string, ValueKind>> = {
  string: valueKind.STRING,
  bool: valueKind.BOOL,
  int32: valueKind.INT32,
  sint32: valueKind.SINT32,
  uint32: valueKind.UINT32,
  fixed32: valueKind.FIXED32,
  int64: valueKind.INT64,
  uint64: valueKind.UINT64,
  fixed64: valueKind.FIXED64,
  sfixed64: valueKind.SFIXED64,
  double: valueKind.DOUBLE,
};

function kindOf(field: protobuf.Field): ValueKind {
  if (field.map) throw new Error(`${field.fullName} is a map, which OTLP has none of`);
  if (field.resolvedType instanceof protobuf.Type) return valueKind.MESSAGE;
  if (field.resolvedType instanceof protobuf.Enum) return valueKind.ENUM;
  if (field.type === "bytes") return idLengths.has(field.name) ? valueKind.ID : valueKind.BYTES;
  const kind = scalarKinds[field.type];
  if (kind === undefined) throw new Error(`${field.fullName} is a ${field.type}, which OTLP has none of`);
  return kind;
}

const wireTypes: Readonly<Record<ValueKind, number>> = {
  [valueKind.MESSAGE]: wireType.LEN,
  [valueKind.STRING]: wireType.LEN,
  [valueKind.BYTES]: wireType.LEN,
  [valueKind.ID]: wireType.LEN,
  [valueKind.BOOL]: wireType.VARINT,
  [valueKind.ENUM]: wireType.VARINT,
  [valueKind.INT32]: wireType.VARINT,
  [valueKind.SINT32]: wireType.VARINT,
  [valueKind.UINT32]: wireType.VARINT,
  [valueKind.FIXED32]: wireType.I32,
  [valueKind.INT64]: wireType.VARINT,
  [valueKind.UINT64]: wireType.VARINT,
  [valueKind.FIXED64]: wireType.I64,
  [valueKind.SFIXED64]: wireType.I64,
  [valueKind.DOUBLE]: wireType.I64,
};

/** A table of a power of two in which every name has a place to itself: finding is one look, whoever chose the names. */
function tableWithoutCollisions(fields: readonly JsonField[]): (JsonField | undefined)[] {
  for (let size = 1; size <= tableSizeMax; size *= 2) {
    const table = Array.from<JsonField | undefined>({ length: size });
    const collides = fields.some((field) => {
      const place = field.nameBytes.reduce(hashStep, 0) & (size - 1);
      if (table[place] !== undefined) return true;
      table[place] = field;
      return false;
    });
    if (!collides) return table;
  }
  throw new Error(`the hashes of ${fields.map(({ name }) => name).join(", ")} are too much alike`);
}
