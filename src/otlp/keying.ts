/**
 * Routing keys read on the wire. A key is the same bytes for every signal: a service is the bytes
 * of its service.name, a trace its sixteen bytes, attributes are `name=value|` in configured order.
 * So the spans, logs and metrics of one thing meet on one collector.
 */
import { WireReader } from "../wire/reader.ts";
import { AttributeReader, attributesField, dataPointAttributesField } from "./attributes.ts";
import { KeyBuffer } from "./key-buffer.ts";
import type { RoutingKey } from "./routing-key.ts";
import { headerField, level } from "./shape.ts";
import type { Signal } from "./signal.ts";

/** The open envelopes of a walk: for each level the bounds of its message's content. */
export interface EnvelopePath {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** The field number that the open METRIC_DATA stands under in its Metric. */
  readonly metricDataField: number;
}

/** Why something has no key, as a metric's label says it. */
export type UnroutableReason = "no_service_name" | "invalid_trace_id" | "no_attributes";

export interface Keying {
  /** The level of the messages that have a key; what is inside them stays together. */
  readonly leafLevel: number;
  /** Undefined where everything has a key. */
  readonly unroutableReason: UnroutableReason | undefined;
  /** Finds the key of the message that is open at `leafLevel`; false when it has none. */
  find(path: EnvelopePath): boolean;
  /** What `find` found, until it is called again. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

const TRACE_ID_BYTES = 16;
const SERVICE_NAME = Buffer.from("service.name");

/** Calls `visit` with the bounds of each Resource, or InstrumentationScope, of an envelope; true once one of them answers true. */
function someHeader(
  path: EnvelopePath,
  envelopeLevel: number,
  visit: (start: number, end: number) => boolean,
): boolean {
  const reader = new WireReader();
  reader.reset(path.bytes, path.starts[envelopeLevel]!, path.ends[envelopeLevel]!);
  while (!reader.done) {
    const tag = reader.readTag();
    if (tag >>> 3 !== headerField) {
      reader.skip(tag);
      continue;
    }
    const end = reader.expectLength(tag) + reader.position;
    if (visit(reader.position, end)) return true;
    reader.position = end;
  }
  return false;
}

class TraceIdKeying implements Keying {
  readonly leafLevel = level.ITEM;
  readonly unroutableReason = "invalid_trace_id";
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  readonly #fieldNumber: number;
  readonly #reader = new WireReader();

  constructor(signal: "traces" | "logs") {
    this.#fieldNumber = signal === "traces" ? 1 : 9;
  }

  find(path: EnvelopePath): boolean {
    const start = path.starts[level.ITEM]!;
    const end = path.ends[level.ITEM]!;
    this.bytes = path.bytes;
    // Every encoder writes fields in order, so the id of a span comes first. Looking no further saves a
    // tenth of a gateway's CPU time: the rest of the span is then only ever copied.
    if (this.#isFirst(path.bytes, start, end)) {
      this.start = start + 2;
      this.end = this.start + TRACE_ID_BYTES;
    } else {
      const reader = this.#reader;
      reader.reset(path.bytes, start, end);
      if (!reader.findLast(this.#fieldNumber)) return false;
      this.start = reader.valueStart;
      this.end = reader.valueEnd;
    }
    return isTraceId(path.bytes, this.start, this.end);
  }

  #isFirst(bytes: Uint8Array, start: number, end: number): boolean {
    return (
      end - start >= 2 + TRACE_ID_BYTES &&
      bytes[start] === this.#fieldNumber * 8 + 2 &&
      bytes[start + 1] === TRACE_ID_BYTES
    );
  }
}

/** W3C Trace Context: sixteen bytes, not all zero. */
function isTraceId(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== TRACE_ID_BYTES) return false;
  for (let at = start; at < end; at += 1) if (bytes[at] !== 0) return true;
  return false;
}

class ServiceKeying implements Keying {
  readonly leafLevel = level.RESOURCE;
  readonly unroutableReason = "no_service_name";
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  readonly #attributes = new AttributeReader();

  find(path: EnvelopePath): boolean {
    const attributes = this.#attributes;
    const found = someHeader(path, level.RESOURCE, (start, end) =>
      attributes.find(path.bytes, start, end, attributesField.RESOURCE, SERVICE_NAME),
    );
    if (!found) return false;
    this.bytes = attributes.valueText(path.bytes, attributes.valueStart, attributes.valueEnd);
    this.end = this.bytes.length;
    return this.end > 0;
  }
}

/** A resource is the set of its attributes, in whatever order they came. */
class ResourceKeying implements Keying {
  readonly leafLevel = level.RESOURCE;
  readonly unroutableReason = undefined;
  readonly start = 0;
  readonly #key = new KeyBuffer();

  get bytes(): Uint8Array {
    return this.#key.bytes;
  }

  get end(): number {
    return this.#key.length;
  }

  find(path: EnvelopePath): boolean {
    this.#key.clear();
    addResource(this.#key, path);
    return true;
  }
}

function addResource(key: KeyBuffer, path: EnvelopePath): void {
  someHeader(path, level.RESOURCE, (start, end) => {
    key.addUnordered(path.bytes, start, end, attributesField.RESOURCE);
    return false;
  });
}

const metricField = { NAME: 1, UNIT: 3 } as const;
const scopeField = { NAME: 1, VERSION: 2 } as const;
/** Of Sum, Histogram and ExponentialHistogram; a Gauge and a Summary have neither. */
const metricDataField = { TEMPORALITY: 2, MONOTONIC: 3 } as const;

class MetricNameKeying implements Keying {
  readonly leafLevel = level.ITEM;
  readonly unroutableReason = undefined;
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  readonly #reader = new WireReader();

  find(path: EnvelopePath): boolean {
    const reader = this.#reader;
    reader.reset(path.bytes, path.starts[level.ITEM]!, path.ends[level.ITEM]!);
    this.bytes = path.bytes;
    this.start = this.end = reader.position;
    if (reader.findLast(metricField.NAME)) {
      this.start = reader.valueStart;
      this.end = reader.valueEnd;
    }
    return true;
  }
}

/** A stream of metrics: resource, scope, metric identity and the point's attributes (the metrics data model's identity). */
class StreamKeying implements Keying {
  readonly leafLevel = level.DATA_POINT;
  readonly unroutableReason = undefined;
  readonly start = 0;
  readonly #key = new KeyBuffer();
  readonly #reader = new WireReader();

  get bytes(): Uint8Array {
    return this.#key.bytes;
  }

  get end(): number {
    return this.#key.length;
  }

  find(path: EnvelopePath): boolean {
    const { bytes, starts, ends } = path;
    const key = this.#key;
    key.clear();
    addResource(key, path);
    someHeader(path, level.SCOPE, (start, end) => {
      this.#addField(bytes, start, end, scopeField.NAME);
      this.#addField(bytes, start, end, scopeField.VERSION);
      key.addUnordered(bytes, start, end, attributesField.SCOPE);
      return false;
    });
    this.#addField(bytes, starts[level.ITEM]!, ends[level.ITEM]!, metricField.NAME);
    this.#addField(bytes, starts[level.ITEM]!, ends[level.ITEM]!, metricField.UNIT);
    this.#addKind(path);
    const attributes = dataPointAttributesField[path.metricDataField]!;
    key.addUnordered(bytes, starts[level.DATA_POINT]!, ends[level.DATA_POINT]!, attributes);
    return true;
  }

  #addField(bytes: Uint8Array, start: number, end: number, fieldNumber: number): void {
    this.#reader.reset(bytes, start, end);
    if (this.#reader.findLast(fieldNumber)) {
      this.#key.add(bytes, this.#reader.valueStart, this.#reader.valueEnd);
    }
    this.#key.addByte(0);
  }

  /** Kind of metric, temporality and monotonicity. */
  #addKind(path: EnvelopePath): void {
    this.#key.addByte(path.metricDataField);
    const reader = this.#reader;
    reader.reset(path.bytes, path.starts[level.METRIC_DATA]!, path.ends[level.METRIC_DATA]!);
    while (!reader.done) {
      const tag = reader.readTag();
      const field = tag >>> 3;
      const from = reader.position;
      reader.skip(tag);
      if (field === metricDataField.TEMPORALITY || field === metricDataField.MONOTONIC) {
        this.#key.addByte(field);
        this.#key.addByte(path.bytes[from]!);
      }
    }
  }
}

const SPAN_NAME = "span.name";
const SPAN_KIND = "span.kind";
const spanField = { NAME: 5, KIND: 6 } as const;
/** As the Collector spells SpanKind, by number. */
const spanKinds = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"].map((kind) =>
  Buffer.from(kind),
);

/**
 * `name=value|` for each configured attribute, looked for in the resource, then the scope, then the
 * item; an absent one has an empty value. What has none of them has no key.
 */
class AttributesKeying implements Keying {
  readonly leafLevel: number;
  readonly unroutableReason = "no_attributes";
  readonly start = 0;
  readonly #signal: Signal;
  readonly #names: readonly { readonly text: string; readonly bytes: Buffer }[];
  readonly #key = new KeyBuffer();
  readonly #attributes = new AttributeReader();
  readonly #reader = new WireReader();

  constructor(signal: Signal, names: readonly string[]) {
    this.#signal = signal;
    this.#names = names.map((text) => ({ text, bytes: Buffer.from(text) }));
    this.leafLevel = signal === "metrics" ? level.DATA_POINT : level.ITEM;
  }

  get bytes(): Uint8Array {
    return this.#key.bytes;
  }

  get end(): number {
    return this.#key.length;
  }

  find(path: EnvelopePath): boolean {
    const key = this.#key;
    key.clear();
    let found = false;
    for (const name of this.#names) {
      key.add(name.bytes, 0, name.bytes.length);
      key.addByte(0x3d);
      const value = this.#value(path, name);
      if (value !== undefined) {
        found = true;
        key.add(value, 0, value.length);
      }
      key.addByte(0x7c);
    }
    return found;
  }

  #value(
    path: EnvelopePath,
    name: { readonly text: string; readonly bytes: Buffer },
  ): Uint8Array | undefined {
    const attributes = this.#attributes;
    const { bytes, starts, ends } = path;
    if (this.#signal === "traces" && (name.text === SPAN_NAME || name.text === SPAN_KIND)) {
      return this.#spanField(path, name.text);
    }
    const inHeader =
      someHeader(path, level.RESOURCE, (start, end) =>
        attributes.find(bytes, start, end, attributesField.RESOURCE, name.bytes),
      ) ||
      someHeader(path, level.SCOPE, (start, end) =>
        attributes.find(bytes, start, end, attributesField.SCOPE, name.bytes),
      );
    if (!inHeader) {
      const leaf = this.leafLevel;
      if (!attributes.find(bytes, starts[leaf]!, ends[leaf]!, this.#itemAttributesField(path), name.bytes)) {
        return undefined;
      }
    }
    return attributes.valueText(bytes, attributes.valueStart, attributes.valueEnd);
  }

  #itemAttributesField(path: EnvelopePath): number {
    switch (this.#signal) {
      case "traces":
        return attributesField.SPAN;
      case "logs":
        return attributesField.LOG_RECORD;
      case "metrics":
        return dataPointAttributesField[path.metricDataField]!;
    }
  }

  #spanField(path: EnvelopePath, name: typeof SPAN_NAME | typeof SPAN_KIND): Uint8Array | undefined {
    const reader = this.#reader;
    reader.reset(path.bytes, path.starts[level.ITEM]!, path.ends[level.ITEM]!);
    if (name === SPAN_NAME) {
      if (!reader.findLast(spanField.NAME)) return undefined;
      return path.bytes.subarray(reader.valueStart, reader.valueEnd);
    }
    let kind = 0;
    while (!reader.done) {
      const tag = reader.readTag();
      if (tag >>> 3 !== spanField.KIND) {
        reader.skip(tag);
        continue;
      }
      const from = reader.position;
      reader.expectVarint(tag);
      kind = path.bytes[from]!;
    }
    return spanKinds[kind] ?? spanKinds[0]!;
  }
}

/** The keying of a signal; `attributeNames` only matter to "attributes". */
export function createKeying(signal: Signal, key: RoutingKey, attributeNames: readonly string[]): Keying {
  switch (key) {
    case "traceID":
      return new TraceIdKeying(signal === "logs" ? "logs" : "traces");
    case "service":
      return new ServiceKeying();
    case "resource":
      return new ResourceKeying();
    case "metric":
      return new MetricNameKeying();
    case "streamID":
      return new StreamKeying();
    case "attributes":
      return new AttributesKeying(signal, attributeNames);
  }
}

/** The key of what has none of its own: its resource. */
export function createResourceKeying(): Keying {
  return new ResourceKeying();
}

/** The key that the service or trace has in every signal, for `route` and the status page. */
export function keyOfService(name: string): Uint8Array {
  return Buffer.from(name);
}
