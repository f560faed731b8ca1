/** What the pipelines of the configuration say: which exporters get which signals of a receiver. */
import type { MetricRegistry } from "../base/metrics.ts";
import type { GatewaySettings } from "../config/settings.ts";
import { defaultRoutingKey } from "../otlp/routing-key.ts";
import { type Signal, signals } from "../otlp/signal.ts";
import { Route } from "../pipeline/route.ts";
import type { Exporter } from "./exporter.ts";

interface RouteModules {
  readonly exporters: ReadonlyMap<string, Exporter>;
  readonly metrics: MetricRegistry;
}

/** Which exporters a receiver's signals go to; a route is shared by all receivers and pipelines that use it. */
export class Routes {
  readonly #settings: GatewaySettings;
  readonly #modules: RouteModules;
  readonly #routes = new Map<string, Route>();

  constructor(settings: GatewaySettings, modules: RouteModules) {
    this.#settings = settings;
    this.#modules = modules;
  }

  of(receiver: string): Readonly<Record<Signal, readonly Route[]>> {
    const bySignal: Record<Signal, Route[]> = { traces: [], metrics: [], logs: [], profiles: [] };
    for (const signal of signals) {
      const names = this.#settings.pipelines
        .filter((pipeline) => pipeline.signal === signal && pipeline.receivers.includes(receiver))
        .flatMap((pipeline) => pipeline.exporters);
      // Two pipelines to one exporter would send everything there twice.
      for (const name of new Set(names)) bySignal[signal].push(this.#route(signal, name));
    }
    return bySignal;
  }

  /** All of them, each once. */
  all(): readonly Route[] {
    return [...this.#routes.values()];
  }

  #route(signal: Signal, exporterName: string): Route {
    const key = `${signal} ${exporterName}`;
    let route = this.#routes.get(key);
    if (route === undefined) {
      const exporter = this.#modules.exporters.get(exporterName);
      if (exporter === undefined) throw new Error(`pipelines name ${exporterName}, which is not configured`);
      const { routingKey, routingAttributes, forwardHeaders } = exporter.settings;
      route = new Route(
        {
          signal,
          routingKey: routingKey[signal] ?? defaultRoutingKey[signal],
          routingAttributes,
          forwardHeaders,
        },
        { pool: exporter.pool, metrics: this.#modules.metrics },
      );
      this.#routes.set(key, route);
    }
    return route;
  }
}
