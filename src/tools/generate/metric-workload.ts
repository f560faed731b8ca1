/** Metrics of the shop's services, of all five kinds, sent as periodic readers send them. */
import { itemIdBytes, spanIdBytes, writeItemId, writeSpanId } from "../item-identity.ts";
import type { Exemplar, Metric } from "../otlp-messages.ts";
import { messageCodec } from "../otlp-proto.ts";
import type { Random } from "../random.ts";
import { toKeyValues } from "./attributes.ts";
import type { Batch, Workload, WorkloadOptions } from "./batch.ts";
import { type Envelope, type FramedItem, frameItem, serviceEnvelope } from "./envelope.ts";
import { type MetricShape, metricShapes, type PointStamp } from "./metric-shapes.ts";
import { type ServiceInstance, scopeKinds } from "./shop.ts";
import { locate, Placeholders, writeHex, writeTime } from "./template.ts";

/** Points that a metric comes with; 1 is among them, so that a batch can be filled exactly. */
const pointCounts = [1, 2, 4, 6] as const;

/** What the offsets of one point are, within the metric's body. */
interface PointOffsets {
  /** Of the exemplar's ids, or of the attribute's digits. */
  readonly id:
    | { readonly kind: "exemplar"; readonly traceId: number; readonly spanId: number }
    | { readonly kind: "digits"; readonly digits: number };
  readonly start: number;
  readonly times: readonly number[];
}

class MetricTemplate {
  readonly framed: FramedItem;
  readonly points: readonly PointOffsets[];
  readonly scope: number;

  constructor(shape: MetricShape, pointCount: number, random: Random) {
    const placeholders = new Placeholders();
    const located: ((encoded: Buffer) => PointOffsets)[] = [];
    const stamps = Array.from({ length: pointCount }, () => {
      const [stamp, locateIn] = pointStamp(shape, placeholders, random);
      located.push(locateIn);
      return stamp;
    });
    const metric: Metric = {
      name: shape.name,
      description: shape.description,
      unit: shape.unit,
      ...shape.data(stamps, random),
    };
    const encoded = messageCodec("opentelemetry.proto.metrics.v1.Metric").encode(metric);
    this.framed = frameItem(encoded);
    this.points = located.map((locateIn) => locateIn(encoded));
    this.scope = scopeKinds.indexOf(shape.scope);
  }
}

/** The constant part of a point, and how its placeholders are found once it is encoded. */
function pointStamp(
  shape: MetricShape,
  placeholders: Placeholders,
  random: Random,
): readonly [PointStamp, (encoded: Buffer) => PointOffsets] {
  const start = placeholders.time();
  const time = placeholders.time();
  const times = { startTimeUnixNano: start.value, timeUnixNano: time.value };
  const attributes = shape.attributes(random);
  if (!shape.hasExemplars) {
    const digits = placeholders.text();
    const stamp = { ...times, attributes: toKeyValues({ ...attributes, "generate.item": digits }) };
    return [
      stamp,
      (encoded) => ({
        id: { kind: "digits", digits: locate(encoded, digits) },
        start: locate(encoded, start.bytes),
        times: [locate(encoded, time.bytes)],
      }),
    ];
  }
  const measured = placeholders.time();
  const traceId = placeholders.bytes(itemIdBytes);
  const spanId = placeholders.bytes(spanIdBytes);
  const exemplar: Exemplar = {
    timeUnixNano: measured.value,
    asDouble: random.fraction(),
    traceId,
    spanId,
  };
  return [
    { ...times, attributes: toKeyValues(attributes), exemplars: [exemplar] },
    (encoded) => ({
      id: { kind: "exemplar", traceId: locate(encoded, traceId), spanId: locate(encoded, spanId) },
      start: locate(encoded, start.bytes),
      times: [locate(encoded, time.bytes), locate(encoded, measured.bytes)],
    }),
  ];
}

export class MetricWorkload implements Workload {
  readonly #options: WorkloadOptions;
  readonly #random: Random;
  readonly #envelopes: readonly Envelope[];
  /** For each of `pointCounts`, one template of every shape. */
  readonly #templates: readonly (readonly MetricTemplate[])[];
  readonly #startNs: number;
  readonly #itemId = Buffer.alloc(itemIdBytes);
  #service = 0;
  #points = 0;

  constructor(options: WorkloadOptions, services: readonly ServiceInstance[], random: Random) {
    this.#options = options;
    this.#random = random;
    this.#envelopes = services.map(serviceEnvelope);
    this.#templates = pointCounts.map((count) =>
      metricShapes.map((shape) => new MetricTemplate(shape, count, random)),
    );
    this.#startNs = options.now() * 1e6;
  }

  next(): Batch {
    const metricsByScope: MetricTemplate[][] = scopeKinds.map(() => []);
    for (let missing = this.#options.batchSize; missing > 0; ) {
      const fitting = pointCounts.filter((count) => count <= missing).length;
      const template = this.#random.pick(this.#templates[this.#random.integer(0, fitting - 1)]!);
      metricsByScope[template.scope]!.push(template);
      missing -= template.points.length;
    }
    const sequences = Uint32Array.from(
      { length: this.#options.batchSize },
      (_, index) => this.#points + index + 1,
    );
    const nowNs = this.#options.now() * 1e6;
    const envelope = this.#envelopes[this.#service]!;
    this.#service = (this.#service + 1) % this.#envelopes.length;
    const payload = envelope.build(
      metricsByScope,
      ({ framed }) => framed,
      (request, offset, { points }) => {
        for (const point of points) {
          this.#points += 1;
          this.#patch(request, offset, point, nowNs);
        }
      },
    );
    return { signal: "metrics", payload, sequences };
  }

  /** Every batch is full. */
  drain(): undefined {
    return undefined;
  }

  #patch(request: Buffer, offset: number, point: PointOffsets, nowNs: number): void {
    const { run } = this.#options;
    if (point.id.kind === "exemplar") {
      writeItemId(request, offset + point.id.traceId, run, this.#points);
      writeSpanId(request, offset + point.id.spanId, run, this.#points);
    } else {
      writeItemId(this.#itemId, 0, run, this.#points);
      writeHex(request, offset + point.id.digits, this.#itemId);
    }
    writeTime(request, offset + point.start, this.#startNs);
    for (const time of point.times) writeTime(request, offset + time, nowNs);
  }
}
