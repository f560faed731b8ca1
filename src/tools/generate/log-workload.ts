/** Log records of the shop's services, with the context of a trace and without one. */
import { itemIdBytes, spanIdBytes, writeItemId, writeSpanId } from "../item-identity.ts";
import type { AnyValue, LogRecord } from "../otlp-messages.ts";
import { messageCodec } from "../otlp-proto.ts";
import type { Random } from "../random.ts";
import { type Attributes, toAnyValue, toKeyValues } from "./attributes.ts";
import type { Batch, Workload, WorkloadOptions } from "./batch.ts";
import { type Envelope, type FramedItem, frameItem, serviceEnvelope } from "./envelope.ts";
import { type ScopeKind, type ServiceInstance, scopeKinds } from "./shop.ts";
import { locate, Placeholders, writeHex, writeTime } from "./template.ts";

/** Templates a record shape: more would only hold more attribute values. */
const variantsPerShape = 6;

/** Records belong to one of so many traces that were begun last. */
const recentTraces = 500;

interface LogShape {
  readonly scope: ScopeKind;
  readonly severity: readonly [number, string];
  readonly inTrace: boolean;
  readonly eventName?: string;
  readonly body: (random: Random) => AnyValue;
  readonly attributes: (random: Random) => Attributes;
}

const debug = [5, "DEBUG"] as const;
const info = [9, "INFO"] as const;
const warn = [13, "WARN"] as const;
const error = [17, "ERROR"] as const;

const logShapes: readonly LogShape[] = [
  {
    scope: "http",
    severity: info,
    inTrace: true,
    body: (random) => toAnyValue(`GET /product/${random.hex(8)} 200 ${random.integer(2, 90)}ms`),
    attributes: (random) => ({
      "http.response.status_code": 200,
      "client.address": `203.0.113.${random.integer(1, 254)}`,
    }),
  },
  {
    scope: "application",
    severity: info,
    inTrace: true,
    eventName: "shop.order.placed",
    body: (random) => ({
      kvlistValue: {
        values: toKeyValues({
          order: random.hex(16),
          items: random.integer(1, 12),
          total: random.integer(100, 90_000) / 100,
          express: random.chance(0.3),
          coupons: ["WELCOME", random.hex(6)],
        }),
      },
    }),
    attributes: (random) => ({ "app.user.currency": random.pick(["EUR", "USD", "CHF"]) }),
  },
  {
    scope: "rpc",
    severity: warn,
    inTrace: true,
    body: () => toAnyValue("call took longer than expected"),
    attributes: (random) => ({ "rpc.method": "Convert", "app.duration_ms": random.fraction() * 900 }),
  },
  {
    scope: "application",
    severity: error,
    inTrace: true,
    body: (random) => toAnyValue(`charge refused for order ${random.hex(16)}`),
    attributes: () => ({
      "exception.type": "CardDeclined",
      "exception.message": "the card ending in 0454 expired on 1/2026",
      "exception.stacktrace":
        "CardDeclined: the card expired\n    at charge (charge.js:71)\n    at handle (server.js:33)",
    }),
  },
  {
    scope: "database",
    severity: debug,
    inTrace: false,
    body: (random) =>
      toAnyValue(`pool: ${random.integer(0, 20)} connections idle, ${random.integer(0, 20)} in use`),
    attributes: () => ({ "thread.name": "pool-cleaner" }),
  },
  {
    scope: "messaging",
    severity: info,
    inTrace: false,
    body: (random) => toAnyValue(`group rebalanced, generation ${random.integer(1, 900)}`),
    attributes: (random) => ({
      "messaging.destination.name": "orders",
      "app.partitions": [String(random.integer(0, 11))],
    }),
  },
];

class LogTemplate {
  readonly framed: FramedItem;
  readonly scope: number;
  readonly context: { readonly traceId: number; readonly spanId: number } | undefined;
  readonly uid: number;
  readonly time: number;
  readonly observedTime: number;

  constructor(shape: LogShape, random: Random) {
    const placeholders = new Placeholders();
    const uid = placeholders.text();
    const time = placeholders.time();
    const observed = placeholders.time();
    const traceId = placeholders.bytes(itemIdBytes);
    const spanId = placeholders.bytes(spanIdBytes);
    const record: LogRecord = {
      timeUnixNano: time.value,
      observedTimeUnixNano: observed.value,
      severityNumber: shape.severity[0],
      severityText: shape.severity[1],
      body: shape.body(random),
      attributes: toKeyValues({ ...shape.attributes(random), "log.record.uid": uid }),
      ...(shape.inTrace ? { flags: 1, traceId, spanId } : {}),
      ...(shape.eventName === undefined ? {} : { eventName: shape.eventName }),
    };
    const encoded = messageCodec("opentelemetry.proto.logs.v1.LogRecord").encode(record);
    this.framed = frameItem(encoded);
    this.scope = scopeKinds.indexOf(shape.scope);
    this.uid = locate(encoded, uid);
    this.time = locate(encoded, time.bytes);
    this.observedTime = locate(encoded, observed.bytes);
    this.context = shape.inTrace
      ? { traceId: locate(encoded, traceId), spanId: locate(encoded, spanId) }
      : undefined;
  }
}

export class LogWorkload implements Workload {
  readonly #options: WorkloadOptions;
  readonly #random: Random;
  readonly #latestTrace: () => number;
  readonly #envelopes: readonly Envelope[];
  readonly #templates: readonly LogTemplate[];
  readonly #itemId = Buffer.alloc(itemIdBytes);
  #service = 0;
  #records = 0;

  /** `latestTrace` is the number of the trace that was begun last, 0 where traces are not generated. */
  constructor(
    options: WorkloadOptions,
    services: readonly ServiceInstance[],
    random: Random,
    latestTrace: () => number,
  ) {
    this.#options = options;
    this.#random = random;
    this.#latestTrace = latestTrace;
    this.#envelopes = services.map(serviceEnvelope);
    this.#templates = logShapes.flatMap((shape) =>
      Array.from({ length: variantsPerShape }, () => new LogTemplate(shape, random)),
    );
  }

  next(): Batch {
    const { batchSize } = this.#options;
    const recordsByScope: LogTemplate[][] = scopeKinds.map(() => []);
    for (let count = 0; count < batchSize; count += 1) {
      const template = this.#random.pick(this.#templates);
      recordsByScope[template.scope]!.push(template);
    }
    const sequences = Uint32Array.from({ length: batchSize }, (_, index) => this.#records + index + 1);
    const nowNs = this.#options.now() * 1e6;
    const envelope = this.#envelopes[this.#service]!;
    this.#service = (this.#service + 1) % this.#envelopes.length;
    const payload = envelope.build(
      recordsByScope,
      ({ framed }) => framed,
      (request, offset, template) => {
        this.#records += 1;
        this.#patch(request, offset, template, nowNs);
      },
    );
    return { signal: "logs", payload, sequences };
  }

  /** Every batch is full. */
  drain(): undefined {
    return undefined;
  }

  #patch(request: Buffer, offset: number, template: LogTemplate, nowNs: number): void {
    const { run } = this.#options;
    writeItemId(this.#itemId, 0, run, this.#records);
    writeHex(request, offset + template.uid, this.#itemId);
    writeTime(request, offset + template.time, nowNs - 1e6);
    writeTime(request, offset + template.observedTime, nowNs);
    if (template.context !== undefined) {
      const latest = this.#latestTrace() || this.#records;
      const trace = this.#random.integer(Math.max(1, latest - recentTraces), latest);
      writeItemId(request, offset + template.context.traceId, run, trace);
      writeSpanId(request, offset + template.context.spanId, run, this.#records);
    }
  }
}
