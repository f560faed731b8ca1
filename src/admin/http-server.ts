/** A small read-only HTTP server for operators: metrics, health and status. Everything a client may take is bounded. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIP } from "node:net";
import { errorMessage, OtlpRingError } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";

export interface AdminRequest {
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface AdminResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type AdminHandler = (request: AdminRequest) => AdminResponse | Promise<AdminResponse>;

export interface AdminServerOptions {
  /** What it serves, for logs and errors: "metrics". */
  readonly name: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Handlers by exact path. */
  readonly routes: Readonly<Record<string, AdminHandler>>;
  /**
   * Refuses names that are not of this host when listening on the loopback interface alone, so that a web page
   * whose name is rebound to 127.0.0.1 reads nothing. Default false.
   */
  readonly checkHost?: boolean;
}

const HEADER_BYTES_MAX = 8 * 1024;
const CONNECTIONS_MAX = 256;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

export class AdminServer {
  readonly #server: Server;
  readonly #options: AdminServerOptions;
  readonly #logger: Logger;

  private constructor(options: AdminServerOptions, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
    this.#server = createServer(
      {
        maxHeaderSize: HEADER_BYTES_MAX,
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        connectionsCheckingInterval: 1_000,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** @throws OtlpRingError `admin_listen` when the address cannot be had. */
  static async listen(
    options: AdminServerOptions,
    { logger }: { readonly logger: Logger },
  ): Promise<AdminServer> {
    const admin = new AdminServer(options, logger);
    const server = admin.#server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) => {
        const message = `${options.name}: cannot listen on ${options.host}:${options.port} (${errorMessage(cause)})`;
        reject(new OtlpRingError("admin_listen", `${message}; free the port or choose another`, { cause }));
      });
      server.listen(options.port, options.host, resolve);
    });
    server.removeAllListeners("error");
    server.on("error", (error) =>
      logger.error({ error: errorMessage(error) }, `${options.name}: server failed`),
    );
    return admin;
  }

  /** Where it listens: `http://127.0.0.1:8888`. */
  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo;
    return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Nothing here takes a body: what one sends is not read, so its connection can serve nothing more.
    if (hasBody(request)) response.shouldKeepAlive = false;
    let answer: AdminResponse;
    try {
      answer = await this.#answer(request);
    } catch (error) {
      this.#logger.error(
        { path: request.url, error: errorMessage(error) },
        `${this.#options.name}: request failed`,
      );
      answer = text(500, "internal error; the log says more\n");
    }
    const body = Buffer.from(answer.body);
    response.writeHead(answer.status, {
      "content-type": answer.contentType,
      "content-length": body.length,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...answer.headers,
    });
    response.end(request.method === "HEAD" ? undefined : body);
  }

  #answer(request: IncomingMessage): AdminResponse | Promise<AdminResponse> {
    if (this.#options.checkHost === true && !this.#isOwnHost(request.headers.host)) {
      return text(421, "this server answers to localhost only\n");
    }
    const [path = "/", query = ""] = (request.url ?? "/").split("?", 2);
    const { routes } = this.#options;
    const handler = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (handler === undefined) {
      return text(404, `no such page; there are ${Object.keys(routes).join(", ")}\n`);
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return { ...text(405, "this page can only be read\n"), headers: { allow: "GET, HEAD" } };
    }
    return handler({ path, query: new URLSearchParams(query) });
  }

  #isOwnHost(hostHeader: string | undefined): boolean {
    const { address } = this.#server.address() as AddressInfo;
    if (!isLoopback(address)) return true;
    const host = URL.parse(`http://${hostHeader ?? ""}`)?.hostname ?? "";
    return host === "localhost" || isIP(host.replace(/^\[|\]$/g, "")) !== 0;
  }
}

/** A short answer in plain text. */
export function text(status: number, body: string): AdminResponse {
  return { status, contentType: "text/plain; charset=utf-8", body };
}

/** An answer in JSON that is harmless even where it is taken for HTML. */
export function json(status: number, value: unknown): AdminResponse {
  const body = JSON.stringify(value).replaceAll("<", "\\u003c");
  return { status, contentType: "application/json; charset=utf-8", body: `${body}\n` };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}
