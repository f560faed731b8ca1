/** What the status page and `/api/v1/status` show; the gateway provides it. */
import type { OperationalEvent } from "./recent-events.ts";

export interface StatusSnapshot {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly ready: boolean;
  /** One line for each thing that stands in the way of readiness. */
  readonly notReadyBecause: readonly string[];
  readonly accounts: readonly SignalAccount[];
  readonly rings: readonly RingStatus[];
  readonly backends: readonly BackendStatus[];
  /** The newest first. */
  readonly events: readonly OperationalEvent[];
}

/** Items since the start: received = delivered + rejected + returned + inFlight. */
export interface SignalAccount {
  readonly signal: string;
  readonly received: number;
  readonly delivered: number;
  readonly rejected: number;
  /** Not delivered, and the client was told so. */
  readonly returned: number;
  readonly inFlight: number;
}

export interface RingStatus {
  readonly exporter: string;
  /** What goes through it, by what: "traces by traceID, logs by service". */
  readonly routingKey: string;
  readonly slots: number;
  /** Equal on all replicas that agree about the members. */
  readonly fingerprint: number;
  readonly members: readonly {
    readonly endpoint: string;
    /** Its part of the slots, 0 to 1. */
    readonly ownershipRatio: number;
  }[];
}

export interface BackendStatus {
  readonly exporter: string;
  readonly endpoint: string;
  /** "ready", "connecting", "backing off"…, as the lane calls it. */
  readonly state: string;
  /** Since when it has been in this state, where that is known. */
  readonly since?: Date;
  readonly inFlight: number;
  readonly queuedBytes: number;
  readonly latencyP50Ms?: number;
  readonly latencyP99Ms?: number;
  readonly lastError?: string;
}

export type RouteQuestion =
  | { readonly kind: "traceId" /** 32 hex digits in lower case. */; readonly traceId: string }
  | { readonly kind: "service"; readonly service: string };

/** Where an exporter sends a key now. */
export interface RouteAnswer {
  readonly exporter: string;
  /** What was hashed, for a person. */
  readonly key: string;
  readonly slot: number;
  readonly member: string;
}

export interface StatusSource {
  snapshot(): StatusSnapshot;
  /** One answer for each exporter that routes by such a key. */
  route(question: RouteQuestion): readonly RouteAnswer[] | Promise<readonly RouteAnswer[]>;
}
