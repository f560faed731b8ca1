/** One Export request, ready to be sent, and which items it holds. */
import type { Signal } from "../otlp-proto.ts";

export interface Batch {
  readonly signal: Signal;
  readonly payload: Buffer;
  /** The sequence numbers of its items, within the run and the signal. */
  readonly sequences: Uint32Array;
}

/** Makes the requests of one signal, each different from all before. */
export interface Workload {
  /** Full batches, as an SDK sends them while there is traffic. */
  next(): Batch;
  /** What has not filled a batch yet, as an SDK sends it at shutdown; undefined when nothing is left. */
  drain(): Batch | undefined;
}

export interface WorkloadOptions {
  /** Marks every item; 1 to 2^32 - 1. */
  readonly run: number;
  /** Items a request; requests that an SDK sends at shutdown may hold fewer. */
  readonly batchSize: number;
  /** Wall clock in milliseconds since 1970. */
  readonly now: () => number;
}
