/**
 * Routing keys read on the wire. A key is the same bytes for every signal: a service is the bytes
 * of its service.name, a trace its sixteen bytes, attributes are `name=value|` in configured order.
 * So the spans, logs and metrics of one thing meet on one collector.
 */
import { WireReader } from "../wire/reader.ts";
import { AttributeSet, attributeSetBytes } from "./attribute-set.ts";
import { AttributeReader, attributesField } from "./attributes.ts";
import { AttributesKeying } from "./attributes-keying.ts";
import { addHeaderAttributes, type EnvelopePath, type Keying, someHeader } from "./envelope.ts";
import { ProfileServiceKeying } from "./profile-keying.ts";
import type { RoutingKey } from "./routing-key.ts";
import { level } from "./shape.ts";
import type { Signal } from "./signal.ts";
import { StreamKeying } from "./stream-keying.ts";

const TRACE_ID_BYTES = 16;
const SERVICE_NAME = Buffer.from("service.name");

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
  readonly bytes = new Uint8Array(attributeSetBytes);
  readonly start = 0;
  readonly end = attributeSetBytes;
  readonly #view = new DataView(this.bytes.buffer);
  readonly #attributes = new AttributeSet();

  find(path: EnvelopePath): boolean {
    addHeaderAttributes(this.#attributes, path, level.RESOURCE, attributesField.RESOURCE);
    this.#attributes.write(this.#view, 0);
    return true;
  }
}

const METRIC_NAME = 1;

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
    if (reader.findLast(METRIC_NAME)) {
      this.start = reader.valueStart;
      this.end = reader.valueEnd;
    }
    return true;
  }
}

/** The keying of a signal; `attributeNames` only matter to "attributes". */
export function createKeying(signal: Signal, key: RoutingKey, attributeNames: readonly string[]): Keying {
  switch (key) {
    case "traceID":
      return new TraceIdKeying(signal === "logs" ? "logs" : "traces");
    case "service":
      return signal === "profiles" ? new ProfileServiceKeying(new ServiceKeying()) : new ServiceKeying();
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
