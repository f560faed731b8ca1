/** Serves the status page and its JSON, by the port of the Collector's zpages. Read-only; shows no payload. */
import type { Logger } from "../base/logger.ts";
import { type AdminResponse, AdminServer, json } from "./http-server.ts";
import type { RouteQuestion, StatusSource } from "./status.ts";
import { STATUS_PAGE, STATUS_PAGE_SECURITY_POLICY } from "./status-page.ts";

export interface StatusServerOptions {
  /** Default "localhost": the page tells what nobody outside needs to know. */
  readonly host?: string;
  /** The Collector's is 55679. */
  readonly port: number;
}

export interface StatusServerModules {
  readonly logger: Logger;
  readonly source: StatusSource;
}

const SERVICE_NAME_LENGTH_MAX = 1_024;

/** Listens until closed. @throws OtlpRingError `admin_listen`. */
export function listenStatus(
  options: StatusServerOptions,
  modules: StatusServerModules,
): Promise<AdminServer> {
  const { source } = modules;
  return AdminServer.listen(
    {
      name: "zpages",
      host: options.host ?? "localhost",
      port: options.port,
      checkHost: true,
      routes: {
        "/": () => ({
          status: 200,
          contentType: "text/html; charset=utf-8",
          body: STATUS_PAGE,
          headers: {
            "content-security-policy": STATUS_PAGE_SECURITY_POLICY,
            "referrer-policy": "no-referrer",
          },
        }),
        "/api/v1/status": () => json(200, source.snapshot()),
        "/api/v1/route": ({ query }) => route(source, query),
      },
    },
    modules,
  );
}

async function route(source: StatusSource, query: URLSearchParams): Promise<AdminResponse> {
  const question = parseQuestion(query);
  if (typeof question === "string") return json(400, { error: question });
  return json(200, { routes: await source.route(question) });
}

/** The question, or what is wrong with it. */
function parseQuestion(query: URLSearchParams): RouteQuestion | string {
  const traceId = query.get("trace_id");
  const service = query.get("service");
  if ((traceId === null) === (service === null)) return "give either trace_id or service";
  if (traceId !== null) {
    const digits = traceId.trim().toLowerCase();
    if (!/^[0-9a-f]{32}$/.test(digits) || /^0+$/.test(digits)) {
      return "trace_id must be 32 hexadecimal digits that are not all zero";
    }
    return { kind: "traceId", traceId: digits };
  }
  if (service === null || service === "" || service.length > SERVICE_NAME_LENGTH_MAX) {
    return `service must be a name of 1 to ${SERVICE_NAME_LENGTH_MAX} characters`;
  }
  return { kind: "service", service };
}
