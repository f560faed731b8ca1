/**
 * The `grpc-status-details-bin` trailer: a google.rpc.Status whose details are the two that OTLP gives a
 * meaning (https://github.com/googleapis/googleapis/tree/master/google/rpc, status.proto and error_details.proto).
 *
 *     Status     { int32 code = 1; string message = 2; repeated Any details = 3 }
 *     Any        { string type_url = 1; bytes value = 2 }
 *     RetryInfo  { Duration retry_delay = 1 }          Duration { int64 seconds = 1; int32 nanos = 2 }
 *     BadRequest { repeated FieldViolation field_violations = 1 }
 *     FieldViolation { string field = 1; string description = 2 }
 */
import { type GrpcCode, grpcCode, type RpcStatus } from "../otlp/status.ts";
import { WireReader } from "../wire/reader.ts";
import { WireError } from "../wire/wire-error.ts";
import { lengthDelimitedField, varintField } from "../wire/writer.ts";

const typeUrlPrefix = "type.googleapis.com/";
const retryInfoType = "google.rpc.RetryInfo";
const badRequestType = "google.rpc.BadRequest";

const statusField = { code: 1, message: 2, details: 3 } as const;
const anyField = { typeUrl: 1, value: 2 } as const;
const retryInfoField = { retryDelay: 1 } as const;
const durationField = { seconds: 1, nanos: 2 } as const;
const badRequestField = { fieldViolations: 1 } as const;
const fieldViolationField = { field: 1, description: 2 } as const;

/** More than this of somebody else's details is not read. */
const detailsBytesMax = 64 * 1024;
const fieldViolationsMax = 64;
/** The longest google.protobuf.Duration (duration.proto). */
const durationSecondsMax = 315_576_000_000;

type FieldViolation = NonNullable<RpcStatus["fieldViolations"]>[number];

/** `status` as a google.rpc.Status. */
export function encodeStatus(status: RpcStatus): Buffer {
  const fields = [
    varintField(statusField.code, status.code),
    lengthDelimitedField(statusField.message, Buffer.from(status.message)),
  ];
  if (status.retryDelayMs !== undefined) {
    const retryInfo = lengthDelimitedField(retryInfoField.retryDelay, encodeDuration(status.retryDelayMs));
    fields.push(encodeDetail(retryInfoType, retryInfo));
  }
  if (status.fieldViolations !== undefined && status.fieldViolations.length > 0) {
    const violations = status.fieldViolations.slice(0, fieldViolationsMax).map(encodeFieldViolation);
    fields.push(encodeDetail(badRequestType, Buffer.concat(violations)));
  }
  return Buffer.concat(fields);
}

/**
 * A google.rpc.Status from somebody else; undefined where it is not one, or larger than 64 KiB. Details of
 * other types are passed over, and a code that gRPC does not know is UNKNOWN.
 */
export function decodeStatus(bytes: Buffer): RpcStatus | undefined {
  if (bytes.length > detailsBytesMax) return undefined;
  const reader = new WireReader();
  reader.reset(bytes, 0, bytes.length);
  try {
    return readStatus(reader);
  } catch (thrown) {
    if (thrown instanceof WireError) return undefined;
    throw thrown;
  }
}

/** A binary header's value: base64, which senders may leave unpadded. */
export function encodeBinaryHeader(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}

/** The bytes of a binary header; of several values joined by commas, the first. */
export function decodeBinaryHeader(value: string): Buffer {
  const comma = value.indexOf(",");
  return Buffer.from(comma < 0 ? value : value.slice(0, comma), "base64");
}

function encodeDuration(durationMs: number): Buffer {
  const boundedMs = Math.min(Math.max(durationMs, 0), durationSecondsMax * 1000);
  const seconds = Math.floor(boundedMs / 1000);
  const nanos = Math.floor((boundedMs - seconds * 1000) * 1e6);
  return Buffer.concat([
    varintField(durationField.seconds, seconds),
    varintField(durationField.nanos, nanos),
  ]);
}

function encodeFieldViolation(violation: FieldViolation): Buffer {
  return lengthDelimitedField(
    badRequestField.fieldViolations,
    Buffer.concat([
      lengthDelimitedField(fieldViolationField.field, Buffer.from(violation.field)),
      lengthDelimitedField(fieldViolationField.description, Buffer.from(violation.description)),
    ]),
  );
}

function encodeDetail(type: string, value: Buffer): Buffer {
  return lengthDelimitedField(
    statusField.details,
    Buffer.concat([
      lengthDelimitedField(anyField.typeUrl, Buffer.from(typeUrlPrefix + type)),
      lengthDelimitedField(anyField.value, value),
    ]),
  );
}

interface Details {
  retryDelayMs?: number;
  fieldViolations?: FieldViolation[];
}

function readStatus(reader: WireReader): RpcStatus {
  let code: GrpcCode = grpcCode.OK;
  let message = "";
  const details: Details = {};
  while (!reader.done) {
    const tag = reader.readTag();
    switch (tag) {
      case statusField.code * 8:
        code = toGrpcCode(reader.readVarint());
        break;
      case statusField.message * 8 + 2:
        message = readString(reader);
        break;
      case statusField.details * 8 + 2:
        readNested(reader, () => readDetail(reader, details));
        break;
      default:
        reader.skip(tag);
    }
  }
  return { code, message, ...details };
}

function readDetail(reader: WireReader, details: Details): void {
  let type = "";
  // The value may come before its type, so it is read once both are known.
  let valueStart = 0;
  let valueEnd = 0;
  while (!reader.done) {
    const tag = reader.readTag();
    switch (tag) {
      case anyField.typeUrl * 8 + 2: {
        const url = readString(reader);
        type = url.slice(url.lastIndexOf("/") + 1);
        break;
      }
      case anyField.value * 8 + 2: {
        const length = reader.readLength();
        valueStart = reader.position;
        valueEnd = valueStart + length;
        reader.position = valueEnd;
        break;
      }
      default:
        reader.skip(tag);
    }
  }
  reader.reset(reader.bytes, valueStart, valueEnd);
  if (type === retryInfoType) readRetryInfo(reader, details);
  else if (type === badRequestType) readBadRequest(reader, details);
}

function readRetryInfo(reader: WireReader, details: Details): void {
  while (!reader.done) {
    const tag = reader.readTag();
    if (tag === retryInfoField.retryDelay * 8 + 2) {
      readNested(reader, () => {
        const retryDelayMs = readDuration(reader);
        if (retryDelayMs !== undefined) details.retryDelayMs = retryDelayMs;
      });
    } else reader.skip(tag);
  }
}

/** Milliseconds, or undefined for a negative or impossible duration: as 64-bit numbers those are huge. */
function readDuration(reader: WireReader): number | undefined {
  let seconds = 0;
  let nanos = 0;
  while (!reader.done) {
    const tag = reader.readTag();
    if (tag === durationField.seconds * 8) seconds = reader.readVarint();
    else if (tag === durationField.nanos * 8) nanos = reader.readVarint();
    else reader.skip(tag);
  }
  return seconds <= durationSecondsMax && nanos < 1e9 ? seconds * 1000 + nanos / 1e6 : undefined;
}

function readBadRequest(reader: WireReader, details: Details): void {
  const violations: FieldViolation[] = [];
  while (!reader.done) {
    const tag = reader.readTag();
    const isViolation = tag === badRequestField.fieldViolations * 8 + 2;
    if (isViolation && violations.length < fieldViolationsMax) {
      readNested(reader, () => violations.push(readFieldViolation(reader)));
    } else reader.skip(tag);
  }
  details.fieldViolations = violations;
}

function readFieldViolation(reader: WireReader): FieldViolation {
  let field = "";
  let description = "";
  while (!reader.done) {
    const tag = reader.readTag();
    if (tag === fieldViolationField.field * 8 + 2) field = readString(reader);
    else if (tag === fieldViolationField.description * 8 + 2) description = readString(reader);
    else reader.skip(tag);
  }
  return { field, description };
}

/** Reads a nested message with the same reader, which then stands behind it. */
function readNested(reader: WireReader, read: () => void): void {
  const length = reader.readLength();
  const { bytes, position, end } = reader;
  reader.reset(bytes, position, position + length);
  read();
  reader.reset(bytes, position + length, end);
}

function readString(reader: WireReader): string {
  const length = reader.readLength();
  const start = reader.position;
  reader.position = start + length;
  return Buffer.from(reader.bytes.buffer, reader.bytes.byteOffset + start, length).toString("utf8");
}

function toGrpcCode(code: number): GrpcCode {
  return code <= grpcCode.UNAUTHENTICATED ? (code as GrpcCode) : grpcCode.UNKNOWN;
}
