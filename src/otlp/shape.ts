/**
 * The envelopes of an Export request, from outside in. Every level is a message whose children
 * are LEN fields of known numbers; everything else in it is its header, which each part keeps.
 *
 *     level 0          1              2           3          4              5
 *     request 1-> ResourceSpans 2-> ScopeSpans 2-> Span
 *     request 1-> ResourceLogs  2-> ScopeLogs  2-> LogRecord
 *     request 1-> ResourceProfiles 2-> ScopeProfiles 2-> Profile
 *     request 1-> ResourceMetrics 2-> ScopeMetrics 2-> Metric 5,7,9,10,11-> Gauge, Sum, … 1-> data point
 */
import type { Signal } from "./signal.ts";

export const level = { REQUEST: 0, RESOURCE: 1, SCOPE: 2, ITEM: 3, METRIC_DATA: 4, DATA_POINT: 5 } as const;

/** The field of ResourceX that holds the Resource, and of ScopeX that holds the InstrumentationScope. */
export const headerField = 1;

export interface RequestShape {
  /** The level whose messages are counted: spans, log records, data points. */
  readonly itemLevel: number;
  /**
   * Whether what else the request holds beside its resources is needed by all of them, and so by each part:
   * the dictionary of profiles. Requests with one cannot be joined, since its entries go by their index.
   */
  readonly hasDictionary: boolean;
  /** For each level above the items, the field numbers of its children as a bit mask. */
  readonly childFields: Uint32Array;
}

const RESOURCES = 1 << 1;
const SCOPES = 1 << 2;
const ITEMS = 1 << 2;
const METRIC_DATA = (1 << 5) | (1 << 7) | (1 << 9) | (1 << 10) | (1 << 11);
const DATA_POINTS = 1 << 1;

const itemShape: RequestShape = {
  itemLevel: level.ITEM,
  hasDictionary: false,
  childFields: Uint32Array.of(RESOURCES, SCOPES, ITEMS),
};

export const requestShapes: Readonly<Record<Signal, RequestShape>> = {
  traces: itemShape,
  logs: itemShape,
  profiles: { ...itemShape, hasDictionary: true },
  metrics: {
    itemLevel: level.DATA_POINT,
    hasDictionary: false,
    childFields: Uint32Array.of(RESOURCES, SCOPES, ITEMS, METRIC_DATA, DATA_POINTS),
  },
};

/** Whether requests of this signal are joined by writing one after another. */
export function joinsRequests(signal: Signal): boolean {
  return !requestShapes[signal].hasDictionary;
}
