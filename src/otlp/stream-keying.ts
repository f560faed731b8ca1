/** The routing key `streamID`: one time series of metrics. */
import { WireReader } from "../wire/reader.ts";
import { AttributeSet, attributeSetBytes, fnv1a } from "./attribute-set.ts";
import { attributesField, dataPointAttributesField } from "./attributes.ts";
import { addHeaderAttributes, type EnvelopePath, type Keying, someHeader } from "./envelope.ts";
import { level } from "./shape.ts";

const metricField = { NAME: 1, UNIT: 3 } as const;
const scopeField = { NAME: 1, VERSION: 2 } as const;
/** Of Sum, Histogram and ExponentialHistogram; a Gauge and a Summary have neither. */
const metricDataField = { TEMPORALITY: 2, MONOTONIC: 3 } as const;

/** Where the sections of a stream's key begin: one for each envelope, and the point's own attributes. */
const streamKey = (() => {
  const RESOURCE = 0;
  const SCOPE = RESOURCE + attributeSetBytes;
  const METRIC = SCOPE + 4 + 4 + attributeSetBytes;
  const METRIC_DATA = METRIC + 4 + 4;
  const DATA_POINT = METRIC_DATA + 3;
  return { RESOURCE, SCOPE, METRIC, METRIC_DATA, DATA_POINT, END: DATA_POINT + attributeSetBytes } as const;
})();

/**
 * A stream of metrics: resource, scope, metric identity and the point's attributes (the metrics data model's
 * identity), each by its hash.
 */
export class StreamKeying implements Keying {
  readonly leafLevel = level.DATA_POINT;
  readonly unroutableReason = undefined;
  readonly bytes = new Uint8Array(streamKey.END);
  readonly start = 0;
  readonly end = streamKey.END;
  readonly #view = new DataView(this.bytes.buffer);
  readonly #attributes = new AttributeSet();
  readonly #reader = new WireReader();
  /** The envelopes whose sections stand in the key. */
  readonly #serials = new Float64Array(level.DATA_POINT);

  find(path: EnvelopePath): boolean {
    const { bytes, starts, ends } = path;
    if (this.#isNew(path, level.RESOURCE)) {
      addHeaderAttributes(this.#attributes, path, level.RESOURCE, attributesField.RESOURCE);
      this.#attributes.write(this.#view, streamKey.RESOURCE);
    }
    if (this.#isNew(path, level.SCOPE)) this.#writeScope(path);
    if (this.#isNew(path, level.ITEM)) {
      const [start, end] = [starts[level.ITEM]!, ends[level.ITEM]!];
      const name = this.#textHash(bytes, start, end, metricField.NAME) ?? noTextHash;
      const unit = this.#textHash(bytes, start, end, metricField.UNIT) ?? noTextHash;
      this.#view.setInt32(streamKey.METRIC, name, true);
      this.#view.setInt32(streamKey.METRIC + 4, unit, true);
    }
    if (this.#isNew(path, level.METRIC_DATA)) this.#writeKind(path);
    const attributes = dataPointAttributesField[path.metricDataField]!;
    this.#attributes.clear();
    this.#attributes.add(bytes, starts[level.DATA_POINT]!, ends[level.DATA_POINT]!, attributes);
    this.#attributes.write(this.#view, streamKey.DATA_POINT);
    return true;
  }

  /** Whether another envelope is open at this level than when this was last asked. */
  #isNew(path: EnvelopePath, envelopeLevel: number): boolean {
    const serial = path.serials[envelopeLevel]!;
    if (this.#serials[envelopeLevel] === serial) return false;
    this.#serials[envelopeLevel] = serial;
    return true;
  }

  #writeScope(path: EnvelopePath): void {
    let name = noTextHash;
    let version = noTextHash;
    someHeader(path, level.SCOPE, (start, end) => {
      name = this.#textHash(path.bytes, start, end, scopeField.NAME) ?? name;
      version = this.#textHash(path.bytes, start, end, scopeField.VERSION) ?? version;
      return false;
    });
    addHeaderAttributes(this.#attributes, path, level.SCOPE, attributesField.SCOPE);
    this.#view.setInt32(streamKey.SCOPE, name, true);
    this.#view.setInt32(streamKey.SCOPE + 4, version, true);
    this.#attributes.write(this.#view, streamKey.SCOPE + 8);
  }

  /** Kind of metric, temporality and monotonicity. */
  #writeKind(path: EnvelopePath): void {
    let temporality = 0;
    let monotonic = 0;
    const reader = this.#reader;
    reader.reset(path.bytes, path.starts[level.METRIC_DATA]!, path.ends[level.METRIC_DATA]!);
    while (!reader.done) {
      const tag = reader.readTag();
      const from = reader.position;
      reader.skip(tag);
      if (tag === metricDataField.TEMPORALITY << 3) temporality = path.bytes[from]!;
      if (tag === metricDataField.MONOTONIC << 3) monotonic = path.bytes[from]!;
    }
    this.bytes.set([path.metricDataField, temporality, monotonic], streamKey.METRIC_DATA);
  }

  /** Of the text field of the message at [start, end); undefined where it has none. */
  #textHash(bytes: Uint8Array, start: number, end: number, fieldNumber: number): number | undefined {
    const reader = this.#reader;
    reader.reset(bytes, start, end);
    return reader.findLast(fieldNumber) ? fnv1a(bytes, reader.valueStart, reader.valueEnd) : undefined;
  }
}

const noTextHash = fnv1a(new Uint8Array(0), 0, 0);
