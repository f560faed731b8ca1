/**
 * Members from DNS, polled at multiples of the interval on the wall clock.
 *
 * What an answer may do is add and remove members. What it may not do is empty the ring: an error,
 * a time-out, NXDOMAIN, an answer without records, one with a refused address and one with too many
 * records all leave the last good list in force, counted, logged and told in the status.
 *
 * One refused address refuses the answer: with only that address left out, a forged answer could
 * still choose which members remain. The guard is for what nameservers say; `localhost`, an address
 * in place of a name and the names of /etc/hosts are the operator's own words, and stand.
 */
import { errorMessage, OtlpRingError } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { MetricRegistry } from "../base/metrics.ts";
import { AddressGuard } from "./address-guard.ts";
import { DiscoveryInstruments } from "./discovery-metrics.ts";
import type { WantedRecord } from "./dns/answers.ts";
import type { RecordType } from "./dns/message.ts";
import type { NameResolver, Resolution } from "./dns/resolver.ts";
import { defaultPort, formatEndpoint, isHostname, isPort } from "./endpoint.ts";
import {
  type DiscoveryFailure,
  type MemberSource,
  type MemberSourceStatus,
  type MembersListener,
  membersOf,
  normaliseMembers,
  sameMembers,
} from "./member-source.ts";
import { nextPollMs, systemWallClock, type WallClock } from "./poll-schedule.ts";

export const dnsRecordKinds = ["A", "AAAA", "A+AAAA", "SRV"] as const;
export type DnsRecordKind = (typeof dnsRecordKinds)[number];

const recordTypesOf: Readonly<Record<DnsRecordKind, readonly RecordType[]>> = {
  A: ["A"],
  AAAA: ["AAAA"],
  "A+AAAA": ["A", "AAAA"],
  SRV: ["SRV"],
};

export interface DnsSourceOptions {
  /** Whose members they are: the exporter's name in the configuration. */
  readonly name: string;
  /** A name that the search list applies to, one with a dot at its end that it does not, or an address. */
  readonly hostname: string;
  /**
   * A and AAAA: the addresses are the members. SRV: the targets' names are, so that a pod which
   * comes back with another address keeps its slots. Kubernetes tells every port of a service unless
   * the name says which: `_otlp-grpc._tcp.tier2.obs`, not `tier2.obs`.
   */
  readonly record: DnsRecordKind;
  /** The members' port, by default 4317; SRV records bring their own. */
  readonly port?: number;
  readonly intervalMs: number;
  /** For one resolution, over all nameservers and names. */
  readonly timeoutMs: number;
  /** Ranges that discovered addresses must lie in; none: all but loopback, link-local and the like. */
  readonly allowedCidrs: readonly string[];
  /** An answer with more is refused. Default 4096, about what one DNS message holds. */
  readonly memberCountMax?: number;
}

export interface DnsSourceModules {
  readonly resolver: NameResolver;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly wallClock?: WallClock;
}

/** So many names of a list are logged. */
const loggedMembersMax = 20;

export class DnsSource implements MemberSource {
  readonly kind = "dns";
  readonly #options: DnsSourceOptions;
  readonly #resolver: NameResolver;
  readonly #logger: Logger;
  readonly #wallClock: WallClock;
  readonly #guard: AddressGuard;
  readonly #instruments: DiscoveryInstruments;
  readonly #closed = new AbortController();
  #status: MemberSourceStatus = { kind: "idle" };
  #cancelTimer: () => void = () => undefined;

  /** @throws OtlpRingError `cidr_invalid`. */
  constructor(options: DnsSourceOptions, modules: DnsSourceModules) {
    this.#options = options;
    this.#resolver = modules.resolver;
    this.#logger = modules.logger.child({ hostname: options.hostname });
    this.#wallClock = modules.wallClock ?? systemWallClock;
    this.#guard = new AddressGuard(options.allowedCidrs);
    this.#instruments = new DiscoveryInstruments(modules.metrics, this.kind, options.name);
    this.#instruments.observeBackends(() => membersOf(this).length);
  }

  get status(): MemberSourceStatus {
    return this.#status;
  }

  async start(onMembers: MembersListener): Promise<void> {
    this.#status = { kind: "searching", failure: undefined };
    await this.#poll(onMembers);
    this.#schedule(onMembers, 0);
  }

  close(): void {
    this.#status = { kind: "closed" };
    this.#cancelTimer();
    this.#closed.abort();
    this.#instruments.close();
  }

  #schedule(onMembers: MembersListener, lastDueMs: number): void {
    if (this.#status.kind === "closed") return;
    const nowMs = this.#wallClock.nowMs();
    const dueMs = nextPollMs(nowMs, this.#options.intervalMs, lastDueMs);
    this.#cancelTimer = this.#wallClock.setTimer(() => {
      void this.#poll(onMembers).then(() => this.#schedule(onMembers, dueMs));
    }, dueMs - nowMs);
  }

  /** Looks once and acts on what it saw. Never rejects. */
  async #poll(onMembers: MembersListener): Promise<void> {
    try {
      const members = await this.#look();
      if (this.#status.kind !== "closed") this.#accept(members, onMembers);
    } catch (error) {
      if (this.#status.kind !== "closed") this.#hold(error);
    }
  }

  async #look(): Promise<readonly string[]> {
    const { hostname, record, timeoutMs, memberCountMax = 4096 } = this.#options;
    const resolution = await this.#resolver.resolve(hostname, recordTypesOf[record], {
      timeoutMs,
      signal: this.#closed.signal,
    });
    const members = normaliseMembers(this.#membersIn(resolution));
    if (members.length === 0) {
      throw new OtlpRingError("dns_empty", `${resolution.name} has no ${record} record that names a member`);
    }
    if (members.length > memberCountMax) {
      throw new OtlpRingError(
        "too_many_members",
        `${resolution.name} has ${members.length} members; at most ${memberCountMax} are taken`,
      );
    }
    return members;
  }

  #membersIn({ origin, name, records }: Resolution): string[] {
    const { port = defaultPort } = this.#options;
    const addresses = records.flatMap((record) => (record.type === "SRV" ? [] : [record.address]));
    const refused = origin === "dns" ? addresses.filter((address) => !this.#guard.allows(address)) : [];
    if (refused.length > 0) {
      throw new OtlpRingError(
        "address_refused",
        `${name} resolves to ${listed(refused)}, which allowed_cidrs does not allow; if it is meant, list its range`,
      );
    }
    return [...addresses.map((address) => formatEndpoint(address, port)), ...this.#targetsIn(name, records)];
  }

  /** The targets of the SRV records of the lowest priority; a higher one is for stand-ins (RFC 2782). */
  #targetsIn(name: string, records: readonly WantedRecord[]): string[] {
    const services = records.filter((record) => record.type === "SRV");
    const lowest = services.reduce((least, { priority }) => Math.min(least, priority), Infinity);
    const preferred = services.filter(({ priority, target }) => priority === lowest && target !== "");
    const unusable = preferred.find(({ target, port }) => !isHostname(target) || !isPort(port));
    if (unusable !== undefined) {
      throw new OtlpRingError(
        "dns_bad_answer",
        `${name} has an SRV record whose target or port cannot be dialled`,
      );
    }
    return preferred.map(({ target, port }) => formatEndpoint(target, port));
  }

  #accept(members: readonly string[], onMembers: MembersListener): void {
    const before = membersOf(this);
    if (this.#status.kind === "held") {
      this.#logger.info({ failedLooks: this.#status.failedLooks }, "members are found again");
    }
    this.#status = { kind: "current", members, confirmedAtMs: this.#wallClock.nowMs() };
    this.#instruments.succeeded.add(1);
    if (sameMembers(before, members)) return;
    this.#instruments.updates.add(1);
    this.#logChange(before, members);
    try {
      onMembers(members);
    } catch (error) {
      this.#logger.error({ error }, `the new members could not be used: ${errorMessage(error)}`);
    }
  }

  #hold(error: unknown): void {
    const before = this.#status;
    const failure: DiscoveryFailure = {
      code: error instanceof OtlpRingError ? error.code : "internal",
      message: errorMessage(error),
      atMs: this.#wallClock.nowMs(),
    };
    this.#instruments.failed.add(1);
    if (before.kind === "current" || before.kind === "held") {
      const failedLooks = before.kind === "held" ? before.failedLooks + 1 : 1;
      this.#status = { ...before, kind: "held", failure, failedLooks };
    } else {
      this.#status = { kind: "searching", failure };
    }
    // A failure that goes on is one line, not one a poll; the metric has them all.
    const told = before.kind === "held" || before.kind === "searching" ? before.failure?.code : undefined;
    if (told === failure.code) return;
    const consequence =
      this.#status.kind === "held"
        ? "the last good list stays in force"
        : "no members are known yet; still trying";
    this.#logger.warn(
      { code: failure.code, reason: failure.message },
      `members were not found: ${consequence}`,
    );
  }

  #logChange(before: readonly string[], after: readonly string[]): void {
    const joined = after.filter((member) => !before.includes(member));
    const left = before.filter((member) => !after.includes(member));
    this.#logger.info(
      {
        members: after.length,
        joined: joined.slice(0, loggedMembersMax),
        joinedCount: joined.length,
        left: left.slice(0, loggedMembersMax),
        leftCount: left.length,
      },
      "members changed",
    );
  }
}

function listed(addresses: readonly string[]): string {
  const shown = addresses.slice(0, 3).join(", ");
  return addresses.length > 3 ? `${shown} and ${addresses.length - 3} more` : shown;
}
