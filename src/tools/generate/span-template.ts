/** Spans of the shop's journeys as templates. */

import { itemIdBytes, spanIdBytes, writeItemId, writeSpanId } from "../item-identity.ts";
import type { Span, SpanEvent } from "../otlp-messages.ts";
import { messageCodec } from "../otlp-proto.ts";
import type { Random } from "../random.ts";
import { toKeyValues } from "./attributes.ts";
import { type FramedItem, frameItem } from "./envelope.ts";
import { type SpanFailure, type SpanShape, spanKind } from "./span-shapes.ts";
import { locate, Placeholders, writeTime } from "./template.ts";

const sampled = 0x01;
const hasIsRemote = 0x100;
const isRemote = 0x200;
const statusError = 2;

/** What differs between two spans of one template. */
export interface SpanIdentity {
  readonly run: number;
  readonly trace: number;
  readonly span: number;
  /** 0 for a root span. */
  readonly parent: number;
  /** Nanoseconds since 1970. */
  readonly startNs: number;
  readonly endNs: number;
}

export class SpanTemplate {
  readonly framed: FramedItem;
  /** Offsets within the item's body. */
  readonly #traceIds: readonly number[];
  readonly #spanId: number;
  readonly #parentIds: readonly number[];
  readonly #start: number;
  readonly #end: number;
  readonly #eventTimes: readonly number[];

  constructor(
    shape: SpanShape,
    options: { readonly isRoot: boolean; readonly failed: boolean },
    random: Random,
  ) {
    const placeholders = new Placeholders();
    const traceId = placeholders.bytes(itemIdBytes);
    const spanId = placeholders.bytes(spanIdBytes);
    const parentId = placeholders.bytes(spanIdBytes);
    const link = { traceId: placeholders.bytes(itemIdBytes), spanId: placeholders.bytes(spanIdBytes) };
    const start = placeholders.time();
    const end = placeholders.time();
    const failure = options.failed ? shape.failure : undefined;
    const events = spanEvents(shape, failure).map((event) => ({ event, time: placeholders.time() }));
    const fromRemote = shape.kind === "server" || shape.kind === "consumer";
    const span: Span = {
      traceId,
      spanId,
      ...(options.isRoot ? {} : { parentSpanId: parentId }),
      flags: sampled | hasIsRemote | (fromRemote && !options.isRoot ? isRemote : 0),
      name: shape.name,
      kind: spanKind[shape.kind],
      startTimeUnixNano: start.value,
      endTimeUnixNano: end.value,
      attributes: toKeyValues({ ...shape.attributes(random), ...failureAttributes(failure) }),
      events: events.map(({ event, time }) => ({ ...event, timeUnixNano: time.value })),
      ...(shape.consumes ? { links: [{ ...link, flags: sampled | hasIsRemote | isRemote }] } : {}),
      ...(failure === undefined ? {} : { status: { code: statusError, message: failure.message } }),
    };
    const encoded = messageCodec("opentelemetry.proto.trace.v1.Span").encode(span);
    this.framed = frameItem(encoded);
    this.#traceIds = [traceId, ...(shape.consumes ? [link.traceId] : [])].map((id) => locate(encoded, id));
    this.#spanId = locate(encoded, spanId);
    this.#parentIds = [...(options.isRoot ? [] : [parentId]), ...(shape.consumes ? [link.spanId] : [])].map(
      (id) => locate(encoded, id),
    );
    this.#start = locate(encoded, start.bytes);
    this.#end = locate(encoded, end.bytes);
    this.#eventTimes = events.map(({ time }) => locate(encoded, time.bytes));
  }

  /** Makes the copy of the template at `offset` into this span. */
  patch(target: Buffer, offset: number, identity: SpanIdentity): void {
    const { run, trace, span, parent, startNs, endNs } = identity;
    for (const traceId of this.#traceIds) writeItemId(target, offset + traceId, run, trace);
    writeSpanId(target, offset + this.#spanId, run, span);
    for (const parentId of this.#parentIds) writeSpanId(target, offset + parentId, run, parent);
    writeTime(target, offset + this.#start, startNs);
    writeTime(target, offset + this.#end, endNs);
    const stepNs = (endNs - startNs) / (this.#eventTimes.length + 1);
    this.#eventTimes.forEach((time, index) => {
      writeTime(target, offset + time, startNs + stepNs * (index + 1));
    });
  }
}

function spanEvents(shape: SpanShape, failure: SpanFailure | undefined): SpanEvent[] {
  const events: SpanEvent[] = (shape.events ?? []).map((name, index) => ({
    name,
    attributes: toKeyValues({ "message.id": index + 1 }),
  }));
  if (failure !== undefined && failure.message !== "") {
    const frames = Array.from(
      { length: 6 },
      (_, depth) => `    at ${shape.service}.handle${depth} (handler:${depth * 17 + 31})`,
    );
    events.push({
      name: "exception",
      attributes: toKeyValues({
        "exception.type": failure.type,
        "exception.message": failure.message,
        "exception.stacktrace": [`${failure.type}: ${failure.message}`, ...frames].join("\n"),
      }),
    });
  }
  return events;
}

function failureAttributes(failure: SpanFailure | undefined): SpanFailure["attributes"] {
  return failure === undefined ? {} : { ...failure.attributes, "error.type": failure.type };
}
