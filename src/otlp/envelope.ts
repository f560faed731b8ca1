/** What a keying sees of the walk over a request, and what it is to make of it. */
import { WireReader } from "../wire/reader.ts";
import type { AttributeSet } from "./attribute-set.ts";
import { headerField } from "./shape.ts";

/** The open envelopes of a walk: for each level the bounds of its message's content. */
export interface EnvelopePath {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /**
   * For each level above the leaves a number that the open envelope has and no other of the walk, nor of any
   * before: by it a keying knows what it has read already. Headers may be as large as the request, and
   * read again for each item they would take hours.
   */
  readonly serials: Float64Array;
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

/** Calls `visit` with the bounds of each Resource, or InstrumentationScope, of an envelope; true once one of them answers true. */
export function someHeader(
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

/** Makes the set that of the attributes of an envelope's Resource, or InstrumentationScope. */
export function addHeaderAttributes(
  attributes: AttributeSet,
  path: EnvelopePath,
  envelopeLevel: number,
  fieldNumber: number,
): void {
  attributes.clear();
  someHeader(path, envelopeLevel, (start, end) => {
    attributes.add(path.bytes, start, end, fieldNumber);
    return false;
  });
}
