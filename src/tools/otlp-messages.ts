/**
 * OTLP's messages as protobufjs gives and takes them: proto/ in TypeScript, in lower camel case.
 * What is absent on the wire reads as null, an empty list or the type's zero; what is left out
 * when writing is not written.
 */

/** 64 bits: protobufjs reads the halves, and writes any of these. */
export type Int64 =
  | number
  | string
  | { readonly low: number; readonly high: number; readonly unsigned: boolean };

export interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: Int64;
  doubleValue?: number;
  arrayValue?: { values?: AnyValue[] } | null;
  kvlistValue?: { values?: KeyValue[] } | null;
  bytesValue?: Uint8Array;
  stringValueStrindex?: number;
}

export interface KeyValue {
  key?: string;
  value?: AnyValue | null;
  keyStrindex?: number;
}

export interface InstrumentationScope {
  name?: string;
  version?: string;
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
}

export interface EntityRef {
  schemaUrl?: string;
  type?: string;
  idKeys?: string[];
  descriptionKeys?: string[];
}

export interface Resource {
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
  entityRefs?: EntityRef[];
}

export interface SpanEvent {
  timeUnixNano?: Int64;
  name?: string;
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
}

export interface SpanLink {
  traceId?: Uint8Array;
  spanId?: Uint8Array;
  traceState?: string;
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
  flags?: number;
}

export interface Span {
  traceId?: Uint8Array;
  spanId?: Uint8Array;
  traceState?: string;
  parentSpanId?: Uint8Array;
  flags?: number;
  name?: string;
  kind?: number;
  startTimeUnixNano?: Int64;
  endTimeUnixNano?: Int64;
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
  events?: SpanEvent[];
  droppedEventsCount?: number;
  links?: SpanLink[];
  droppedLinksCount?: number;
  status?: { message?: string; code?: number } | null;
}

export interface Exemplar {
  filteredAttributes?: KeyValue[];
  timeUnixNano?: Int64;
  asDouble?: number;
  asInt?: Int64;
  spanId?: Uint8Array;
  traceId?: Uint8Array;
}

/** What every kind of point has; a summary's point has no exemplars. */
export interface DataPoint {
  attributes?: KeyValue[];
  startTimeUnixNano?: Int64;
  timeUnixNano?: Int64;
  exemplars?: Exemplar[];
  flags?: number;
}

export interface NumberDataPoint extends DataPoint {
  asDouble?: number;
  asInt?: Int64;
}

export interface HistogramDataPoint extends DataPoint {
  count?: Int64;
  sum?: number;
  bucketCounts?: Int64[];
  explicitBounds?: number[];
  min?: number;
  max?: number;
}

export interface Buckets {
  offset?: number;
  bucketCounts?: Int64[];
}

export interface ExponentialHistogramDataPoint extends DataPoint {
  count?: Int64;
  sum?: number;
  scale?: number;
  zeroCount?: Int64;
  positive?: Buckets | null;
  negative?: Buckets | null;
  min?: number;
  max?: number;
  zeroThreshold?: number;
}

export interface SummaryDataPoint extends DataPoint {
  count?: Int64;
  sum?: number;
  quantileValues?: { quantile?: number; value?: number }[];
}

export interface Metric {
  name?: string;
  description?: string;
  unit?: string;
  gauge?: { dataPoints?: NumberDataPoint[] } | null;
  sum?: { dataPoints?: NumberDataPoint[]; aggregationTemporality?: number; isMonotonic?: boolean } | null;
  histogram?: { dataPoints?: HistogramDataPoint[]; aggregationTemporality?: number } | null;
  exponentialHistogram?: {
    dataPoints?: ExponentialHistogramDataPoint[];
    aggregationTemporality?: number;
  } | null;
  summary?: { dataPoints?: SummaryDataPoint[] } | null;
  metadata?: KeyValue[];
}

export interface LogRecord {
  timeUnixNano?: Int64;
  observedTimeUnixNano?: Int64;
  severityNumber?: number;
  severityText?: string;
  body?: AnyValue | null;
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
  flags?: number;
  traceId?: Uint8Array;
  spanId?: Uint8Array;
  eventName?: string;
}

interface OfResource {
  resource?: Resource | null;
  schemaUrl?: string;
}

interface OfScope {
  scope?: InstrumentationScope | null;
  schemaUrl?: string;
}

export interface ResourceSpans extends OfResource {
  scopeSpans?: (OfScope & { spans?: Span[] })[];
}

export interface ResourceMetrics extends OfResource {
  scopeMetrics?: (OfScope & { metrics?: Metric[] })[];
}

export interface ResourceLogs extends OfResource {
  scopeLogs?: (OfScope & { logRecords?: LogRecord[] })[];
}

export interface TracesRequest {
  resourceSpans?: ResourceSpans[];
}

export interface MetricsRequest {
  resourceMetrics?: ResourceMetrics[];
}

export interface LogsRequest {
  resourceLogs?: ResourceLogs[];
}

export interface TracesResponse {
  partialSuccess?: { rejectedSpans?: Int64; errorMessage?: string } | null;
}

export interface MetricsResponse {
  partialSuccess?: { rejectedDataPoints?: Int64; errorMessage?: string } | null;
}

export interface LogsResponse {
  partialSuccess?: { rejectedLogRecords?: Int64; errorMessage?: string } | null;
}

/** google.rpc.Status. */
export interface Status {
  code?: number;
  message?: string;
  details?: { type_url?: string; value?: Uint8Array }[];
}

/** google.rpc.RetryInfo. */
export interface RetryInfo {
  retryDelay?: { seconds?: Int64; nanos?: number } | null;
}

/** google.rpc.BadRequest. */
export interface BadRequest {
  fieldViolations?: { field?: string; description?: string }[];
}
