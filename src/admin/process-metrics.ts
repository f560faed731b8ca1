/** What the process uses: under the Collector's names where it has them, else under those of Node's client_js. */
import {
  constants,
  type ELDHistogram,
  monitorEventLoopDelay,
  type PerformanceEntry,
  PerformanceObserver,
  performance,
} from "node:perf_hooks";
import type { Counter, Gauge, Histogram, MetricDefinition, MetricRegistry } from "../base/metrics.ts";

function gauge(name: string, help: string) {
  return { name, type: "gauge", help, labels: [] } as const;
}

export const processMetrics = {
  uptime: {
    name: "otelcol_process_uptime_seconds_total",
    type: "counter",
    help: "Time since the process started.",
    labels: [],
  },
  cpu: {
    name: "otelcol_process_cpu_seconds_total",
    type: "counter",
    help: "CPU time of the process, user and system.",
    labels: [],
  },
  rss: gauge("otelcol_process_memory_rss_bytes", "Resident memory of the process."),
  startTime: gauge("process_start_time_seconds", "When the process started, in seconds since 1970."),
  lag: gauge(
    "nodejs_eventloop_lag_seconds",
    "How late the event loop's timers were, on average since the last scrape.",
  ),
  lagP99: gauge(
    "nodejs_eventloop_lag_p99_seconds",
    "How late the event loop's timers were, 99th percentile since the last scrape.",
  ),
  lagMax: gauge(
    "nodejs_eventloop_lag_max_seconds",
    "How late the event loop's timers were at worst since the last scrape.",
  ),
  utilization: gauge(
    "nodejs_eventloop_utilization_ratio",
    "Share of the time since the last scrape in which the event loop was busy.",
  ),
  heapTotal: gauge("nodejs_heap_size_total_bytes", "Memory that V8 has taken for its heap."),
  heapUsed: gauge("nodejs_heap_size_used_bytes", "Memory of V8's heap in use."),
  external: gauge(
    "nodejs_external_memory_bytes",
    "Memory outside of V8's heap that its objects hold, buffers among it.",
  ),
  gc: {
    name: "nodejs_gc_duration_seconds",
    type: "histogram",
    help: "Garbage collection pauses, by kind.",
    labels: ["kind"],
    buckets: [0.001, 0.01, 0.1, 1, 2, 5],
  },
} as const satisfies Record<string, MetricDefinition>;

/** How often the event loop's lag is sampled; the sampling timer's own period is taken off what it measures. */
const LAG_RESOLUTION_MS = 20;
const NS_PER_SECOND = 1e9;
const MS_PER_SECOND = 1e3;
const US_PER_SECOND = 1e6;

const GC_KINDS: ReadonlyMap<number, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, "major"],
  [constants.NODE_PERFORMANCE_GC_MINOR, "minor"],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, "incremental"],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, "weakcb"],
]);

/** Measures the process. `collect` brings the figures up to date and is called before each exposition. */
export class ProcessMetrics {
  readonly #uptime: Counter;
  readonly #cpu: Counter;
  readonly #gauges: Readonly<Record<ProcessGauge, Gauge>>;
  readonly #lag: ELDHistogram = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  readonly #gcObserver: PerformanceObserver;
  #utilization = performance.eventLoopUtilization();

  constructor({ metrics }: { readonly metrics: MetricRegistry }) {
    this.#uptime = metrics.counter(processMetrics.uptime);
    this.#cpu = metrics.counter(processMetrics.cpu);
    this.#gauges = {
      rss: metrics.gauge(processMetrics.rss),
      lag: metrics.gauge(processMetrics.lag),
      lagP99: metrics.gauge(processMetrics.lagP99),
      lagMax: metrics.gauge(processMetrics.lagMax),
      utilization: metrics.gauge(processMetrics.utilization),
      heapTotal: metrics.gauge(processMetrics.heapTotal),
      heapUsed: metrics.gauge(processMetrics.heapUsed),
      external: metrics.gauge(processMetrics.external),
    };
    metrics.gauge(processMetrics.startTime).set(performance.timeOrigin / MS_PER_SECOND);
    this.#lag.enable();
    this.#gcObserver = observeGarbageCollection(metrics);
  }

  collect(): void {
    const cpu = process.cpuUsage();
    this.#uptime.value = process.uptime();
    this.#cpu.value = (cpu.user + cpu.system) / US_PER_SECOND;

    const memory = process.memoryUsage();
    this.#gauges.rss.set(memory.rss);
    this.#gauges.heapTotal.set(memory.heapTotal);
    this.#gauges.heapUsed.set(memory.heapUsed);
    this.#gauges.external.set(memory.external);

    this.#gauges.lag.set(lagSeconds(this.#lag.mean));
    this.#gauges.lagP99.set(lagSeconds(this.#lag.percentile(99)));
    this.#gauges.lagMax.set(lagSeconds(this.#lag.max));
    this.#lag.reset();

    const utilization = performance.eventLoopUtilization();
    this.#gauges.utilization.set(
      performance.eventLoopUtilization(utilization, this.#utilization).utilization,
    );
    this.#utilization = utilization;
  }

  close(): void {
    this.#lag.disable();
    this.#gcObserver.disconnect();
  }
}

type ProcessGauge =
  | "rss"
  | "lag"
  | "lagP99"
  | "lagMax"
  | "utilization"
  | "heapTotal"
  | "heapUsed"
  | "external";

/** The delay that a sampled interval shows; nothing sampled yet is no delay. */
function lagSeconds(intervalNs: number): number {
  const lag = intervalNs / NS_PER_SECOND - LAG_RESOLUTION_MS / MS_PER_SECOND;
  return Number.isFinite(lag) ? Math.max(0, lag) : 0;
}

/** What Node documents of entries of the type "gc", and its types leave out. */
type GarbageCollectionEntry = PerformanceEntry & { readonly detail: { readonly kind: number } };

function observeGarbageCollection(metrics: MetricRegistry): PerformanceObserver {
  const pauses = new Map<number, Histogram>();
  for (const [kind, name] of GC_KINDS) pauses.set(kind, metrics.histogram(processMetrics.gc, name));
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as GarbageCollectionEntry).detail;
      pauses.get(kind)?.record(entry.duration / MS_PER_SECOND);
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  return observer;
}
