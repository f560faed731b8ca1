/** Requests in the tests' own words: objects that protobufjs encodes, and that can be written as OTLP/JSON. */
import { randomBytes } from "node:crypto";
import type { Signal } from "../../../src/tools/otlp-proto.ts";
import { requestType } from "../../support/random-otlp.ts";

/** An Export<Signal>ServiceRequest or a part of one; bytes are Buffers, 64-bit integers strings. */
export interface Message {
  readonly [field: string]: unknown;
}

export function toProtobuf(signal: Signal, message: Message): Buffer {
  const type = requestType(signal);
  return Buffer.from(type.encode(type.fromObject(message)).finish());
}

/** A request as protobufjs reads it: enums as numbers, 64-bit integers as decimal strings, bytes in base64. */
export function fromProtobuf(signal: Signal, bytes: Uint8Array): Message {
  const type = requestType(signal);
  return type.toObject(type.decode(bytes), { longs: String, bytes: String });
}

const idNames: ReadonlySet<string> = new Set(["traceId", "spanId", "parentSpanId"]);

/** As OTLP/JSON has it: ids in hexadecimal, other bytes in base64. */
export function toJson(message: Message): string {
  return JSON.stringify(withTextForBytes(message, ""));
}

function withTextForBytes(value: unknown, name: string): unknown {
  if (Buffer.isBuffer(value)) return value.toString(idNames.has(name) ? "hex" : "base64");
  if (Array.isArray(value)) return value.map((element) => withTextForBytes(element, name));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([field, content]) => [field, withTextForBytes(content, field)]),
  );
}

const attribute = (key: string, stringValue: string): Message => ({ key, value: { stringValue } });

export function span(fields: Message = {}): Message {
  return { traceId: randomBytes(16), spanId: randomBytes(8), name: "GET /", kind: 2, ...fields };
}

/** Spans of one service and one scope. */
export function tracesOf(spans: readonly Message[]): Message {
  const resource = { attributes: [attribute("service.name", "shop")] };
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "test" }, spans }] }] };
}

/** `count` items, each with a routing key of its own: a span of a trace, a point or a record of a service. */
export function requestOf(signal: Signal, count: number): Message {
  const numbers = Array.from({ length: count }, (_, index) => index);
  const resource = (index: number) => ({ attributes: [attribute("service.name", `service ${index}`)] });
  switch (signal) {
    case "traces":
      return tracesOf(numbers.map(() => span()));
    case "metrics":
      return {
        resourceMetrics: numbers.map((index) => {
          const gauge = { dataPoints: [{ timeUnixNano: "1700000000000000001", asDouble: index }] };
          return { resource: resource(index), scopeMetrics: [{ metrics: [{ name: "temperature", gauge }] }] };
        }),
      };
    case "logs":
      return {
        resourceLogs: numbers.map((index) => {
          const logRecords = [{ body: { stringValue: `${index}` }, severityNumber: 9 }];
          return { resource: resource(index), scopeLogs: [{ logRecords }] };
        }),
      };
  }
}

/** A span, and with a field that nobody knows a request of exactly `sizeBytes` in protobuf or in JSON. */
export function requestOfSize(format: "protobuf" | "json", sizeBytes: number): Buffer {
  const message = tracesOf([span()]);
  if (format === "json") {
    const [start, end] = [`${toJson(message).slice(0, -1)},"unknown":"`, '"}'];
    return Buffer.from(`${start}${"a".repeat(sizeBytes - start.length - end.length)}${end}`);
  }
  const known = toProtobuf("traces", message);
  // Field 15, length-delimited, with a length of four bytes.
  const contentBytes = sizeBytes - known.length - 1 - 4;
  const length = [0, 7, 14, 21].map((shift) => ((contentBytes >>> shift) & 0x7f) | (shift < 21 ? 0x80 : 0));
  return Buffer.concat([known, Buffer.from([(15 << 3) | 2, ...length]), Buffer.alloc(contentBytes)]);
}
