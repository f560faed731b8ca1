/**
 * How the parts of the gateway are, as they report it, and whether it should be sent traffic: readiness.
 * Liveness is not here: a process whose event loop answers is alive.
 */
import type { Logger } from "../base/logger.ts";
import type { MetricDefinition, MetricRegistry } from "../base/metrics.ts";

export const healthMetrics = {
  ready: {
    name: "otlpring_ready",
    type: "gauge",
    help: "1 while every needed component is ok and the gateway should be sent traffic, else 0.",
    labels: [],
  },
} as const satisfies Record<string, MetricDefinition>;

export type HealthStatus = "starting" | "ok" | "draining" | "failed";

export interface ComponentHealth {
  /** Kind and name: "receiver:otlp/grpc", "ring:load_balancing/traces". */
  readonly name: string;
  /** What it belongs to: "extensions", "pipeline:traces". */
  readonly group: string;
  readonly status: HealthStatus;
  /** Why, for a person; empty when ok. */
  readonly message: string;
  /** Since when it has had this status. */
  readonly since: Date;
  /** Whether the gateway is ready without it. */
  readonly needed: boolean;
}

/** By which one component tells how it is. */
export interface HealthReporter {
  report(status: HealthStatus, message?: string): void;
  /** Takes the component out, when configuration no longer has it. */
  remove(): void;
}

export interface HealthModules {
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

export class HealthModel {
  readonly startTime = new Date();
  readonly #components = new Map<string, ComponentHealth>();
  readonly #logger: Logger;
  #readySince: Date | undefined;

  constructor({ logger, metrics }: HealthModules) {
    this.#logger = logger;
    metrics.gauge(healthMetrics.ready).observe(() => Number(this.ready));
  }

  /** Adds a component, which is starting until it says otherwise. Its name must be new. */
  add(name: string, options: { readonly group: string; readonly needed?: boolean }): HealthReporter {
    if (this.#components.has(name)) throw new TypeError(`health: component ${name} is added twice`);
    const { group, needed = true } = options;
    this.#set({ name, group, needed, status: "starting", message: "", since: new Date() });
    return {
      report: (status, message = "") => {
        const before = this.#components.get(name);
        if (before === undefined || (before.status === status && before.message === message)) return;
        const since = before.status === status ? before.since : new Date();
        this.#set({ ...before, status, message, since });
      },
      remove: () => {
        this.#components.delete(name);
        this.#noteReadiness();
      },
    };
  }

  /** True when there are components and each that is needed is ok. */
  get ready(): boolean {
    return this.#readySince !== undefined;
  }

  /** Since when it has been ready without a break. */
  get readySince(): Date | undefined {
    return this.#readySince;
  }

  /** In the order in which they were added. */
  components(): ComponentHealth[] {
    return [...this.#components.values()];
  }

  /** What stands in the way of readiness. */
  obstacles(): ComponentHealth[] {
    return this.components().filter(({ needed, status }) => needed && status !== "ok");
  }

  #set(component: ComponentHealth): void {
    this.#components.set(component.name, component);
    this.#noteReadiness();
  }

  #noteReadiness(): void {
    const obstacles = this.obstacles();
    const ready = this.#components.size > 0 && obstacles.length === 0;
    if (ready === this.ready) return;
    this.#readySince = ready ? new Date() : undefined;
    if (ready) this.#logger.info({}, "ready");
    else this.#logger.warn({ because: obstacles.map(describeComponent) }, "not ready");
  }
}

/** One line for a person: `ring:load_balancing/traces is starting: no backend has been seen yet`. */
export function describeComponent({ name, status, message }: ComponentHealth): string {
  return `${name} is ${status}${message === "" ? "" : `: ${message}`}`;
}
