/** Serves health to Kubernetes, load balancers and people, by the Collector's port and paths. */
import type { Logger } from "../base/logger.ts";
import { describeComponent, type HealthModel } from "./health.ts";
import { availabilityReport, statusReport } from "./health-report.ts";
import { type AdminResponse, AdminServer, json, text } from "./http-server.ts";

export interface HealthServerOptions {
  readonly host: string;
  /** The Collector's is 13133. */
  readonly port: number;
  /** Where health_check's answer is, beside `/livez`, `/readyz` and `/status`. Default "/". */
  readonly path?: string;
}

export interface HealthServerModules {
  readonly logger: Logger;
  readonly health: HealthModel;
}

/** Listens until closed. @throws OtlpRingError `admin_listen`. */
export function listenHealth(
  options: HealthServerOptions,
  modules: HealthServerModules,
): Promise<AdminServer> {
  const { health } = modules;
  return AdminServer.listen(
    {
      ...options,
      name: "health_check",
      routes: {
        "/livez": () => text(200, "ok\n"),
        "/readyz": () => readiness(health),
        "/status": ({ query }) => json(statusCode(health), statusReport(health, isSet(query.get("verbose")))),
        [options.path ?? "/"]: () => json(health.ready ? 200 : 503, availabilityReport(health)),
      },
    },
    modules,
  );
}

function readiness(health: HealthModel): AdminResponse {
  if (health.ready) return text(200, "ok\n");
  const obstacles = health.obstacles().map(describeComponent);
  return text(503, `not ready\n${obstacles.map((line) => `${line}\n`).join("")}`);
}

/** As healthcheckv2: starting and draining are 503, an error is 500. */
function statusCode(health: HealthModel): number {
  if (health.ready) return 200;
  return health.obstacles().some(({ status }) => status === "failed") ? 500 : 503;
}

/** `?verbose` and `?verbose=true`, but not `?verbose=false`. */
function isSet(value: string | null): boolean {
  return value !== null && value !== "false" && value !== "0";
}
