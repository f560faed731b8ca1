/**
 * Where an exporter's members come from. Discovery alone decides membership: a member that cannot be
 * reached stays a member, and an answer that cannot be trusted changes nothing.
 *
 * Members are the strings that will be dialled, with port: `1.2.3.4:4317`, `[fd00::1]:4317`,
 * `pod-0.tier2.obs.svc.cluster.local:4317`. Lists are sorted by code unit and hold nothing twice.
 */

export type MembersListener = (members: readonly string[]) => void;

/** Why the last look brought no list that was accepted. */
export interface DiscoveryFailure {
  /** Stable: `dns_timeout`, `dns_not_found`, … (src/discovery/dns/dns-error.ts, src/discovery/dns-source.ts). */
  readonly code: string;
  readonly message: string;
  /** Since the epoch, for people to read. */
  readonly atMs: number;
}

export type MemberSourceStatus =
  | { readonly kind: "idle" }
  /** Started, and no list has been found yet. */
  | { readonly kind: "searching"; readonly failure: DiscoveryFailure | undefined }
  /** The last look confirmed the list. */
  | { readonly kind: "current"; readonly members: readonly string[]; readonly confirmedAtMs: number }
  /** The last `failedLooks` looks failed: the list is the last good one. */
  | {
      readonly kind: "held";
      readonly members: readonly string[];
      readonly confirmedAtMs: number;
      readonly failure: DiscoveryFailure;
      readonly failedLooks: number;
    }
  | { readonly kind: "closed" };

export interface MemberSource {
  /** What Prometheus calls `resolver`. */
  readonly kind: "static" | "dns";
  readonly status: MemberSourceStatus;
  /**
   * Looks for the first time and goes on looking. `onMembers` hears every list that differs from the
   * one before, never an empty one. Fulfilled after the first look, whatever it found; never rejected.
   */
  start(onMembers: MembersListener): Promise<void>;
  /** Stops looking, at once; `onMembers` is not called again. */
  close(): void;
}

/** The list that a source stands by; empty until one is found. */
export function membersOf(source: MemberSource): readonly string[] {
  const { status } = source;
  return status.kind === "current" || status.kind === "held" ? status.members : [];
}

/** Sorted by code unit, each member once: the form in which lists are compared and announced. */
export function normaliseMembers(members: Iterable<string>): readonly string[] {
  return [...new Set(members)].sort();
}

export function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((member, index) => member === b[index]);
}
