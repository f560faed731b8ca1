/** The routing key `attributes`: the values of configured attributes, wherever they stand. */
import { WireReader } from "../wire/reader.ts";
import { AttributeReader, attributesField, dataPointAttributesField } from "./attributes.ts";
import { type EnvelopePath, type Keying, someHeader } from "./envelope.ts";
import { KeyBuffer } from "./key-buffer.ts";
import { level } from "./shape.ts";
import type { Signal } from "./signal.ts";

const SPAN_NAME = "span.name";
const SPAN_KIND = "span.kind";
const spanField = { NAME: 5, KIND: 6 } as const;
/** As the Collector spells SpanKind, by number. */
const spanKinds = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"].map((kind) =>
  Buffer.from(kind),
);

/** Of a value only this much counts: it is copied and hashed for every item, and whoever sends it chooses how long it is. */
const keyValueBytesMax = 256;

interface AttributeName {
  readonly text: string;
  readonly bytes: Buffer;
}

/** What the Resource, or InstrumentationScope, of the open envelope has of the wanted attributes, read once for all items. */
class HeaderAttributes {
  readonly #level: number;
  readonly #fieldNumber: number;
  readonly #names: readonly AttributeName[];
  readonly #attributes = new AttributeReader();
  #serial = 0;
  #values: readonly (Uint8Array | undefined)[] = [];

  constructor(envelopeLevel: number, fieldNumber: number, names: readonly AttributeName[]) {
    this.#level = envelopeLevel;
    this.#fieldNumber = fieldNumber;
    this.#names = names;
  }

  /** The text of each name's value, by the names' indices. */
  values(path: EnvelopePath): readonly (Uint8Array | undefined)[] {
    const serial = path.serials[this.#level]!;
    if (serial !== this.#serial) {
      this.#values = this.#names.map((name) => this.#read(path, name));
      this.#serial = serial;
    }
    return this.#values;
  }

  #read(path: EnvelopePath, name: AttributeName): Uint8Array | undefined {
    const attributes = this.#attributes;
    const found = someHeader(path, this.#level, (start, end) =>
      attributes.find(path.bytes, start, end, this.#fieldNumber, name.bytes),
    );
    return found ? attributes.valueText(path.bytes, attributes.valueStart, attributes.valueEnd) : undefined;
  }
}

/**
 * `name=value|` for each configured attribute, looked for in the resource, then the scope, then the
 * item; an absent one has an empty value. What has none of them has no key.
 */
export class AttributesKeying implements Keying {
  readonly leafLevel: number;
  readonly unroutableReason = "no_attributes";
  readonly start = 0;
  readonly #signal: Signal;
  readonly #names: readonly AttributeName[];
  readonly #resource: HeaderAttributes;
  readonly #scope: HeaderAttributes;
  readonly #key = new KeyBuffer();
  readonly #attributes = new AttributeReader();
  readonly #reader = new WireReader();

  constructor(signal: Signal, names: readonly string[]) {
    this.#signal = signal;
    this.#names = names.map((text) => ({ text, bytes: Buffer.from(text) }));
    this.#resource = new HeaderAttributes(level.RESOURCE, attributesField.RESOURCE, this.#names);
    this.#scope = new HeaderAttributes(level.SCOPE, attributesField.SCOPE, this.#names);
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
    const ofResource = this.#resource.values(path);
    const ofScope = this.#scope.values(path);
    key.clear();
    let found = false;
    for (const [index, name] of this.#names.entries()) {
      const value = this.#isSpanField(name)
        ? this.#spanField(path, name)
        : (ofResource[index] ?? ofScope[index] ?? this.#ofItem(path, name));
      key.add(name.bytes, 0, name.bytes.length);
      key.addByte(0x3d);
      if (value !== undefined) {
        found = true;
        key.add(value, 0, Math.min(value.length, keyValueBytesMax));
      }
      key.addByte(0x7c);
    }
    return found;
  }

  #ofItem(
    { bytes, starts, ends, metricDataField }: EnvelopePath,
    name: AttributeName,
  ): Uint8Array | undefined {
    const attributes = this.#attributes;
    const leaf = this.leafLevel;
    const field = itemAttributesField[this.#signal] ?? dataPointAttributesField[metricDataField]!;
    if (!attributes.find(bytes, starts[leaf]!, ends[leaf]!, field, name.bytes)) return undefined;
    return attributes.valueText(bytes, attributes.valueStart, attributes.valueEnd);
  }

  #isSpanField({ text }: AttributeName): boolean {
    return this.#signal === "traces" && (text === SPAN_NAME || text === SPAN_KIND);
  }

  #spanField(path: EnvelopePath, name: AttributeName): Uint8Array | undefined {
    const reader = this.#reader;
    reader.reset(path.bytes, path.starts[level.ITEM]!, path.ends[level.ITEM]!);
    if (name.text === SPAN_NAME) {
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

/** Of a data point it depends on the kind of its metric. */
const itemAttributesField: Readonly<Record<Signal, number | undefined>> = {
  traces: attributesField.SPAN,
  logs: attributesField.LOG_RECORD,
  metrics: undefined,
  profiles: undefined,
};
