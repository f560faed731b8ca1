/** What the status page shows, gathered when it is asked for. */
import { describeComponent, type HealthModel } from "../admin/health.ts";
import type { RecentEvents } from "../admin/recent-events.ts";
import type {
  BackendStatus,
  RingStatus,
  RouteAnswer,
  RouteQuestion,
  SignalAccount,
  StatusSnapshot,
  StatusSource,
} from "../admin/status.ts";
import { signals } from "../otlp/signal.ts";
import type { Route } from "../pipeline/route.ts";
import { ownership } from "../ring/ownership.ts";
import type { Exporter } from "./exporter.ts";
import { locateKey } from "./locate.ts";

export interface GatewayStatusModules {
  readonly version: string;
  readonly health: HealthModel;
  readonly events: RecentEvents;
  readonly exporters: readonly Exporter[];
  /** All routes, each once. */
  readonly routes: readonly Route[];
}

export class GatewayStatus implements StatusSource {
  readonly #modules: GatewayStatusModules;

  constructor(modules: GatewayStatusModules) {
    this.#modules = modules;
  }

  snapshot(): StatusSnapshot {
    const { version, health, events, exporters } = this.#modules;
    return {
      version,
      uptimeSeconds: process.uptime(),
      ready: health.ready,
      notReadyBecause: health.obstacles().map(describeComponent),
      accounts: this.#accounts(),
      rings: exporters.flatMap((exporter) => this.#ring(exporter)),
      backends: exporters.flatMap(backends),
      events: events.list(),
    };
  }

  route(question: RouteQuestion): readonly RouteAnswer[] {
    const key =
      question.kind === "traceId" ? Buffer.from(question.traceId, "hex") : Buffer.from(question.service);
    const wanted = question.kind === "traceId" ? "traceID" : "service";
    const answers = new Map<string, RouteAnswer>();
    for (const { routingKey, pool } of this.#modules.routes) {
      if (routingKey !== wanted || pool.view === undefined) continue;
      const { slot, member } = locateKey(pool.view.ring, key);
      const text = question.kind === "traceId" ? question.traceId : question.service;
      answers.set(pool.name, { exporter: pool.name, key: text, slot, member });
    }
    return [...answers.values()];
  }

  #accounts(): SignalAccount[] {
    return signals.map((signal) => {
      const accounts = this.#modules.routes
        .filter((route) => route.signal === signal)
        .map(({ account }) => account);
      const sum = (read: (account: Route["account"]) => number): number =>
        accounts.reduce((total, account) => total + read(account), 0);
      return {
        signal,
        received: sum((account) => account.received),
        delivered: sum((account) => account.delivered),
        rejected: sum((account) => account.rejected),
        returned: sum((account) => account.returned),
        inFlight: sum((account) => account.inFlight),
      };
    });
  }

  #ring({ name, pool }: Exporter): RingStatus[] {
    if (pool.view === undefined) return [];
    const { ring } = pool.view;
    const shares = ownership(ring);
    const keys = this.#modules.routes
      .filter((route) => route.pool === pool)
      .map(({ signal, routingKey }) => `${signal} by ${routingKey}`);
    return [
      {
        exporter: name,
        routingKey: keys.join(", "),
        slots: ring.size,
        fingerprint: ring.fingerprint,
        members: ring.members.map((endpoint, index) => ({ endpoint, ownershipRatio: shares[index] ?? 0 })),
      },
    ];
  }
}

function backends(exporter: Exporter): BackendStatus[] {
  return exporter.lanes().map((lane) => {
    const { member, state, connection, openCalls, heldBytes, lastFailure } = lane.snapshot();
    return {
      exporter: exporter.name,
      endpoint: member,
      state: state === "open" ? connection : state,
      inFlight: openCalls,
      queuedBytes: heldBytes,
      ...(lastFailure && { lastError: lastFailure.status.message }),
    };
  });
}
