/**
 * The sinks' report over HTTP, for `otlp-ring generate` and for people:
 *
 *     GET  /report              counts of all sinks of the process, their services and latest traces
 *     GET  /report?run=1a2b3c4d the same, with the sets of that run's items
 *     POST /reset               forget everything
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { errorMessage, OtlpRingError } from "../../base/errors.ts";
import { parseRun } from "../item-identity.ts";
import type { Sink, SinkReport } from "./sink.ts";

export interface SinksReport {
  readonly sinks: readonly SinkReport[];
}

export class ReportServer {
  readonly #sinks: readonly Sink[];
  readonly #server: Server;

  constructor(sinks: readonly Sink[]) {
    this.#sinks = sinks;
    this.#server = createServer((request, response) => {
      request.resume();
      this.#answer(request, response);
    });
  }

  /** Listens on host:port (port 0: a free one) and answers the URL of the report. */
  async start(endpoint: string): Promise<string> {
    const { hostname, port } = new URL(`http://${endpoint}`);
    const host = hostname.replace(/^\[|\]$/g, "");
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen(Number(port || 80), host, resolve);
      });
    } catch (cause) {
      const reason = errorMessage(cause);
      throw new OtlpRingError("SINK_LISTEN", `cannot listen on ${endpoint}: ${reason}`, { cause });
    }
    const address = this.#server.address();
    const realPort = typeof address === "object" && address !== null ? address.port : port;
    return `http://${hostname}:${realPort}/report`;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://sink");
    switch (`${request.method} ${url.pathname}`) {
      case "GET /report": {
        const run = parseRun(url.searchParams.get("run") ?? "");
        sendJson(response, 200, sinksReport(this.#sinks, run));
        break;
      }
      case "POST /reset":
        for (const sink of this.#sinks) sink.reset();
        sendJson(response, 200, { reset: true });
        break;
      default:
        sendJson(response, 404, { error: "there is GET /report, GET /report?run=RUN and POST /reset" });
    }
  }
}

/** The report of all sinks of a process. */
export function sinksReport(sinks: readonly Sink[], run?: number): SinksReport {
  return { sinks: sinks.map((sink) => sink.report(run === undefined ? {} : { run })) };
}

function sendJson(response: ServerResponse, statusCode: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(statusCode, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
}
