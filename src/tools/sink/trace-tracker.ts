/** The traces that came from anything but `otlp-ring generate`: spans, span ids and services of each. */

/** Traces and span ids that are kept; what comes beyond is counted only. A reset makes room. */
const tracesMax = 100_000;
const spanIdsMax = 1_000_000;
const servicesPerTraceMax = 32;

export interface TraceReport {
  readonly traceId: string;
  /** Distinct spans. */
  readonly spans: number;
  readonly services: readonly string[];
}

export interface TracesReport {
  readonly count: number;
  readonly spans: number;
  /** Spans that came again with the same trace and span id. */
  readonly duplicatedSpans: number;
  /** Spans whose ids are not 16 and 8 bytes, or all zero. */
  readonly invalidIds: number;
  /** Spans that were only counted, because the limit was reached. */
  readonly spansBeyondLimit: number;
  /** The traces that began last, oldest first. */
  readonly latest: readonly TraceReport[];
}

interface Trace {
  readonly spanIds: Set<string>;
  readonly services: Set<string>;
}

export class TraceTracker {
  readonly #traces = new Map<string, Trace>();
  #spans = 0;
  #duplicatedSpans = 0;
  #invalidIds = 0;
  #spansBeyondLimit = 0;

  note(traceId: Uint8Array | undefined, spanId: Uint8Array | undefined, service: string): void {
    if (!isId(traceId, 16) || !isId(spanId, 8)) {
      this.#invalidIds += 1;
      return;
    }
    const trace = this.#trace(hex(traceId));
    const spanIdText = hex(spanId);
    if (trace?.spanIds.has(spanIdText)) {
      this.#duplicatedSpans += 1;
    } else if (trace === undefined || this.#spans >= spanIdsMax) {
      this.#spansBeyondLimit += 1;
    } else {
      trace.spanIds.add(spanIdText);
      if (trace.services.size < servicesPerTraceMax) trace.services.add(service);
      this.#spans += 1;
    }
  }

  /** The hexadecimal span ids of a trace, given its id in hexadecimal; undefined where it was not seen. */
  spanIds(traceId: string): ReadonlySet<string> | undefined {
    return this.#traces.get(traceId)?.spanIds;
  }

  report(latestMax: number): TracesReport {
    const latest = latestMax === 0 ? [] : [...this.#traces].slice(-latestMax);
    return {
      count: this.#traces.size,
      spans: this.#spans,
      duplicatedSpans: this.#duplicatedSpans,
      invalidIds: this.#invalidIds,
      spansBeyondLimit: this.#spansBeyondLimit,
      latest: latest.map(([traceId, trace]) => ({
        traceId,
        spans: trace.spanIds.size,
        services: [...trace.services],
      })),
    };
  }

  #trace(traceId: string): Trace | undefined {
    let trace = this.#traces.get(traceId);
    if (trace === undefined && this.#traces.size < tracesMax) {
      trace = { spanIds: new Set(), services: new Set() };
      this.#traces.set(traceId, trace);
    }
    return trace;
  }
}

function isId(bytes: Uint8Array | undefined, length: number): bytes is Uint8Array {
  return bytes?.length === length && bytes.some((byte) => byte !== 0);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
