/** Members named in the configuration. They are an explicit wish, so no guard is asked about their addresses. */
import type { MetricRegistry } from "../base/metrics.ts";
import { DiscoveryInstruments } from "./discovery-metrics.ts";
import { defaultPort, parseEndpoint } from "./endpoint.ts";
import {
  type MemberSource,
  type MemberSourceStatus,
  type MembersListener,
  membersOf,
  normaliseMembers,
} from "./member-source.ts";

export interface StaticSourceOptions {
  /** Whose members they are: the exporter's name in the configuration. */
  readonly name: string;
  /** At least one; `host`, `host:port`, `[IPv6]:port`. */
  readonly endpoints: readonly string[];
  /** Where an endpoint names no port. Default 4317. */
  readonly port?: number;
}

export class StaticSource implements MemberSource {
  readonly kind = "static";
  readonly #members: readonly string[];
  readonly #instruments: DiscoveryInstruments;
  #status: MemberSourceStatus = { kind: "idle" };

  /** @throws OtlpRingError `endpoint_invalid`; RangeError without endpoints. */
  constructor(options: StaticSourceOptions, modules: { readonly metrics: MetricRegistry }) {
    const { name, endpoints, port = defaultPort } = options;
    if (endpoints.length === 0) throw new RangeError(`${name}: a static resolver has at least one endpoint`);
    this.#members = normaliseMembers(endpoints.map((endpoint) => parseEndpoint(endpoint, port)));
    this.#instruments = new DiscoveryInstruments(modules.metrics, this.kind, name);
    this.#instruments.observeBackends(() => membersOf(this).length);
  }

  get status(): MemberSourceStatus {
    return this.#status;
  }

  start(onMembers: MembersListener): Promise<void> {
    this.#status = { kind: "current", members: this.#members, confirmedAtMs: Date.now() };
    this.#instruments.succeeded.add(1);
    this.#instruments.updates.add(1);
    onMembers(this.#members);
    return Promise.resolve();
  }

  close(): void {
    this.#status = { kind: "closed" };
    this.#instruments.close();
  }
}
