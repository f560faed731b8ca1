/** What the log keeps: one shard with everything that is needed to deliver it later. */
import type { RecordSignal } from "./format.ts";

/** Header names and values that go with the payload; never a credential. */
export type RecordHeaders = readonly (readonly [name: string, value: string])[];

export interface LogRecord {
  readonly signal: RecordSignal;
  readonly exporter: string;
  /** The backend it was meant for; "" when none was known. */
  readonly destination: string;
  readonly forwardedHeaders: RecordHeaders;
  /** Spans, points or records in the payload. */
  readonly itemCount: number;
  /** The ring's epoch that chose the destination. */
  readonly epoch: number;
  /** Calls that failed with it before it was appended. */
  readonly attempts: number;
  /** Opaque; nobody changes it before the append has settled. */
  readonly payload: Buffer;
}

/** A record as it was read back. Its payload may share memory with its neighbours'. */
export interface StoredRecord extends LogRecord {
  /** Ascending in the order of appends, over all chains of a log. */
  readonly sequence: number;
  /** The wall clock's when it was appended: to be shown, never to order by. */
  readonly writtenAtMs: number;
}
