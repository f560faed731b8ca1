/** Everything one sink has taken in, counted item by item from the decoded messages. */
import { readItemId, readItemIdHex, readSpanId } from "../item-identity.ts";
import type { DataPoint, KeyValue, LogRecord, Metric, Resource, Span } from "../otlp-messages.ts";
import { logsRequest, metricsRequest, type Signal, tracesRequest } from "../otlp-proto.ts";
import { type RunReport, RunTracker } from "./run-tracker.ts";
import { type TracesReport, TraceTracker } from "./trace-tracker.ts";

/** Service names that are told apart; items of others are counted together. */
const servicesMax = 10_000;

/** Longer service names are counted under one name, so that the names fit into memory. */
const serviceNameMax = 255;
const longServiceName = "(a longer name)";

export interface SignalCounts {
  /** Requests that were decoded and answered OK. */
  requests: number;
  /** Spans, points or records that were accepted. */
  items: number;
  resources: number;
  /** Of the requests, uncompressed. */
  bytes: number;
  /** Items that were refused with a partial success. */
  rejectedItems: number;
}

export interface ArrivalsReport {
  readonly signals: Readonly<Record<Signal, Readonly<SignalCounts>>>;
  /** Items by service.name and signal; a resource without one is under "". */
  readonly services: Readonly<Record<string, Readonly<Record<Signal, number>>>>;
  readonly itemsOfOtherServices: number;
  /** Traces of anything but `otlp-ring generate`. */
  readonly traces: TracesReport;
  /** What `otlp-ring generate` sent. */
  readonly runs: readonly RunReport[];
  readonly itemsOfOtherRuns: number;
}

/** Decides for each item whether this sink refuses it. */
export type RejectItem = () => boolean;

export class Arrivals {
  readonly #signals: Record<Signal, SignalCounts> = { traces: zero(), metrics: zero(), logs: zero() };
  readonly #services = new Map<string, Record<Signal, number>>();
  #itemsOfOtherServices = 0;
  readonly #traces = new TraceTracker();
  readonly #runs: RunTracker;

  constructor(sequenceLimit?: number) {
    this.#runs = new RunTracker(sequenceLimit);
  }

  /**
   * Takes in one Export request and answers how many of its items were refused. Throws, with
   * nothing counted, where the bytes are not a message of this signal.
   */
  take(signal: Signal, payload: Uint8Array, rejectItem: RejectItem): number {
    const counts = this.#signals[signal];
    const rejectedBefore = counts.rejectedItems;
    switch (signal) {
      case "traces":
        this.#takeTraces(payload, rejectItem);
        break;
      case "metrics":
        this.#takeMetrics(payload, rejectItem);
        break;
      case "logs":
        this.#takeLogs(payload, rejectItem);
        break;
    }
    counts.requests += 1;
    counts.bytes += payload.length;
    return counts.rejectedItems - rejectedBefore;
  }

  /** The hexadecimal span ids of a trace that did not come from `otlp-ring generate`. */
  spanIds(traceId: string): ReadonlySet<string> | undefined {
    return this.#traces.spanIds(traceId);
  }

  report(options: { readonly run?: number; readonly latestTraces: number }): ArrivalsReport {
    const { traces, metrics, logs } = this.#signals;
    return {
      signals: { traces: { ...traces }, metrics: { ...metrics }, logs: { ...logs } },
      services: Object.fromEntries(
        Array.from(this.#services, ([name, counts]) => [name, { ...counts }] as const),
      ),
      itemsOfOtherServices: this.#itemsOfOtherServices,
      traces: this.#traces.report(options.latestTraces),
      runs: this.#runs.report(options.run),
      itemsOfOtherRuns: this.#runs.itemsOfOtherRuns,
    };
  }

  #takeTraces(payload: Uint8Array, rejectItem: RejectItem): void {
    for (const { resource, scopeSpans } of tracesRequest().decode(payload).resourceSpans ?? []) {
      const service = this.#takeResource("traces", resource);
      for (const { spans } of scopeSpans ?? []) {
        for (const span of spans ?? []) {
          if (this.#admit("traces", service, rejectItem)) this.#noteSpan(span, service);
        }
      }
    }
  }

  #takeMetrics(payload: Uint8Array, rejectItem: RejectItem): void {
    for (const { resource, scopeMetrics } of metricsRequest().decode(payload).resourceMetrics ?? []) {
      const service = this.#takeResource("metrics", resource);
      for (const { metrics } of scopeMetrics ?? []) {
        for (const point of (metrics ?? []).flatMap(dataPoints)) {
          if (this.#admit("metrics", service, rejectItem)) this.#notePoint(point, service);
        }
      }
    }
  }

  #takeLogs(payload: Uint8Array, rejectItem: RejectItem): void {
    for (const { resource, scopeLogs } of logsRequest().decode(payload).resourceLogs ?? []) {
      const service = this.#takeResource("logs", resource);
      for (const { logRecords } of scopeLogs ?? []) {
        for (const record of logRecords ?? []) {
          if (this.#admit("logs", service, rejectItem)) this.#noteRecord(record, service);
        }
      }
    }
  }

  #takeResource(signal: Signal, resource: Resource | null | undefined): string {
    this.#signals[signal].resources += 1;
    const name = stringAttribute(resource?.attributes, "service.name") ?? "";
    return name.length > serviceNameMax ? longServiceName : name;
  }

  #admit(signal: Signal, service: string, rejectItem: RejectItem): boolean {
    if (rejectItem()) {
      this.#signals[signal].rejectedItems += 1;
      return false;
    }
    this.#signals[signal].items += 1;
    let counts = this.#services.get(service);
    if (counts === undefined) {
      if (this.#services.size >= servicesMax) {
        this.#itemsOfOtherServices += 1;
        return true;
      }
      counts = { traces: 0, metrics: 0, logs: 0 };
      this.#services.set(service, counts);
    }
    counts[signal] += 1;
    return true;
  }

  #noteSpan(span: Span, service: string): void {
    const trace = readItemId(span.traceId);
    if (trace === undefined) this.#traces.note(span.traceId, span.spanId, service);
    else this.#runs.noteSpan(trace, readSpanId(span.spanId, trace.run), service);
  }

  #notePoint(point: DataPoint, service: string): void {
    const exemplar = point.exemplars?.[0];
    const identity =
      exemplar === undefined
        ? readItemIdHex(stringAttribute(point.attributes, "generate.item"))
        : readItemId(exemplar.traceId);
    if (identity !== undefined) this.#runs.noteItem("metrics", identity, service);
  }

  #noteRecord(record: LogRecord, service: string): void {
    const identity = readItemIdHex(stringAttribute(record.attributes, "log.record.uid"));
    if (identity !== undefined) this.#runs.noteItem("logs", identity, service);
  }
}

/** The points of a metric, whatever its kind. */
export function dataPoints(metric: Metric): DataPoint[] {
  const data =
    metric.gauge ?? metric.sum ?? metric.histogram ?? metric.exponentialHistogram ?? metric.summary;
  return data?.dataPoints ?? [];
}

/** The value of the first attribute of this key, where it is a string. */
export function stringAttribute(
  attributes: readonly KeyValue[] | undefined,
  key: string,
): string | undefined {
  const value = attributes?.find((attribute) => attribute.key === key)?.value;
  return value !== null && value !== undefined && Object.hasOwn(value, "stringValue")
    ? value.stringValue
    : undefined;
}

function zero(): SignalCounts {
  return { requests: 0, items: 0, resources: 0, bytes: 0, rejectedItems: 0 };
}
