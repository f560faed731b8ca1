/** Serves the metrics to Prometheus, by the Collector's port and path. */
import type { Logger } from "../base/logger.ts";
import type { MetricFamily } from "../base/metrics.ts";
import { EXPOSITION_CONTENT_TYPE, renderExposition } from "./exposition.ts";
import { AdminServer } from "./http-server.ts";

export interface MetricsServerOptions {
  readonly host: string;
  /** The Collector's is 8888. */
  readonly port: number;
}

export interface MetricsServerModules {
  readonly logger: Logger;
  /** All metrics, brought up to date; asked at each scrape. */
  readonly collect: () => readonly MetricFamily[] | Promise<readonly MetricFamily[]>;
}

const INDEX_PAGE = `<!doctype html>
<html lang="en">
<title>otlp-ring metrics</title>
<h1>otlp-ring</h1>
<p><a href="/metrics">Metrics</a> in the Prometheus text format.</p>
</html>
`;

/** Listens until closed. @throws OtlpRingError `admin_listen`. */
export function listenMetrics(
  options: MetricsServerOptions,
  modules: MetricsServerModules,
): Promise<AdminServer> {
  return AdminServer.listen(
    {
      ...options,
      name: "metrics",
      routes: {
        "/": () => ({ status: 200, contentType: "text/html; charset=utf-8", body: INDEX_PAGE }),
        "/metrics": async () => ({
          status: 200,
          contentType: EXPOSITION_CONTENT_TYPE,
          body: renderExposition(await modules.collect()),
        }),
      },
    },
    modules,
  );
}
