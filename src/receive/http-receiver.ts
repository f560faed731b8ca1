/**
 * The OTLP/HTTP receiver: traces, metrics and logs in protobuf and JSON, over HTTP/1.1 and HTTP/2, on
 * one port. Node has a server for each version; neither of them listens here. A connection goes to one
 * of them by what TLS has agreed on (ALPN), or, in plain text, by its first bytes. How it begins
 * and ends: receiver-life.ts.
 */
import {
  createServer as createHttp1Server,
  type Server as Http1Server,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { createServer as createTcpServer, type Socket, type Server as TcpServer } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { BufferPool } from "../base/buffer-pool.ts";
import { monotonicMs } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { JsonTranscoder } from "../otlp/json/transcoder.ts";
import { type Signal, signals } from "../otlp/signal.ts";
import { HttpCall, type HttpCallContext } from "./http-call.ts";
import { type CorsOptions, CorsPolicy } from "./http-cors.ts";
import { HttpGreeting } from "./http-greeting.ts";
import type { HttpRefusalReason } from "./http-refusals.ts";
import { Http1Connection, type Http1ConnectionContext } from "./http1-connection.ts";
import { Http1Exchange } from "./http1-exchange.ts";
import { type ConnectionContext, Http2Connection } from "./http2-connection.ts";
import { Http2Exchange } from "./http2-exchange.ts";
import { http2ServerOptions } from "./http2-server-options.ts";
import { ReceiverLife } from "./receiver-life.ts";
import { ReceiverMetrics } from "./receiver-metrics.ts";
import {
  poolBytesDefault,
  type ReceiverModules,
  type ReceiverOptions,
  tlsHandshakeTimeoutMs,
} from "./receiver-options.ts";

export interface HttpReceiverOptions extends ReceiverOptions {
  /** The largest body, before and after decompression. */
  readonly maxRequestBodySizeBytes: number;
  readonly paths: Readonly<Record<Signal, string>>;
  /** Absent: no web page may send. */
  readonly cors?: CorsOptions;
  /** For a request's headers to arrive, of a new connection from its beginning on. */
  readonly readHeaderTimeoutMs: number;
  /** For the rest of a request to arrive, and then for the client to take the answer. */
  readonly readTimeoutMs: number;
  /** How long a connection without requests is kept. */
  readonly idleTimeoutMs: number;
  /** False: an HTTP/1.1 connection carries one request. HTTP/2 has no such thing. */
  readonly keepAlivesEnabled: boolean;
}

const headerBytesMax = 16 * 1024;
/** Requests at a time on one connection of HTTP/2. */
const maxConcurrentStreams = 256;
/** Clients of plain HTTP/2 ping as they like, within reason. */
const pingMinTimeMs = 1000;

export class HttpReceiver {
  readonly #options: HttpReceiverOptions;
  readonly #logger: Logger;
  readonly #calls: HttpCallContext;
  readonly #http1Connections: Http1ConnectionContext;
  readonly #http2Connections: ConnectionContext;
  readonly #http1Server: Http1Server;
  readonly #http2Server: Http2Server;
  readonly #greetings = new Set<HttpGreeting>();
  /** All that is open, in a TLS handshake too. */
  readonly #sockets = new Set<Socket>();
  /** By the socket that Node hands around. */
  readonly #http1BySocket = new WeakMap<Socket, Http1Connection>();
  readonly #life: ReceiverLife;
  /** Of the connection that is being handed to the HTTP/2 server. */
  #arriving: Socket | undefined;
  #stopReloads: () => void = () => undefined;

  constructor(options: HttpReceiverOptions, modules: ReceiverModules) {
    const { sink, budget, logger } = modules;
    const metrics = new ReceiverMetrics<HttpRefusalReason>(modules.metrics, "http");
    const { idleTimeoutMs, readHeaderTimeoutMs, keepAlivesEnabled, cors } = options;
    this.#options = options;
    this.#logger = logger;
    this.#calls = {
      maxRequestBodySizeBytes: options.maxRequestBodySizeBytes,
      readTimeoutMs: options.readTimeoutMs,
      signalOfPath: new Map(signals.map((signal) => [options.paths[signal], signal])),
      transcoders: {
        traces: new JsonTranscoder("traces"),
        metrics: new JsonTranscoder("metrics"),
        logs: new JsonTranscoder("logs"),
      },
      cors: cors === undefined || cors.allowedOrigins.length === 0 ? undefined : new CorsPolicy(cors),
      forwardHeaders: [...options.forwardHeaders].sort(),
      authenticator: options.authenticator,
      sink,
      budget,
      pool: modules.pool ?? new BufferPool(poolBytesDefault),
      metrics,
      logger,
      openCalls: new Set(),
    };
    this.#http1Connections = { readHeaderTimeoutMs, keepAlivesEnabled, metrics, openConnections: new Set() };
    this.#http2Connections = {
      keepalive: {
        maxConnectionIdleMs: idleTimeoutMs,
        maxConnectionAgeGraceMs: options.readTimeoutMs,
        minTimeMs: pingMinTimeMs,
        permitWithoutStream: true,
      },
      openingTimeoutMs: readHeaderTimeoutMs,
      metrics,
      logger,
      openConnections: new Set(),
    };
    this.#http1Server = this.#createHttp1Server();
    this.#http2Server = this.#createHttp2Server();
    this.#life = new ReceiverLife(
      { protocol: "HTTP", host: options.host, port: options.port },
      {
        logger,
        createServer: () => this.#createServer(),
        leave: () => this.#leave(),
        sweep: (nowMs) => this.#sweep(nowMs),
        openConnections: () => this.#sockets.size,
        destroyConnections: () => this.#destroyConnections(),
      },
    );
    metrics.observe(
      () => this.#sockets.size,
      () => budget.usedBytes,
    );
  }

  /**
   * Starts to listen; answers the address in use.
   * @throws OtlpRingError `listen_failed`
   */
  listen(): Promise<{ host: string; port: number }> {
    return this.#life.listen();
  }

  /** Takes no new connections, and tells those that are open to go elsewhere; what is in flight goes on. */
  drain(): void {
    this.#life.drain();
  }

  /** Drains, waits for what is in flight for at most `graceMs`, and ends the rest. */
  close(graceMs: number): Promise<void> {
    return this.#life.close(graceMs);
  }

  #createServer(): TcpServer {
    const { tls } = this.#options;
    // A client may send its last request and close its half of the connection.
    const options = { noDelay: true, allowHalfOpen: true };
    if (tls === undefined) {
      const server = createTcpServer(options);
      server.on("connection", (socket: Socket) => {
        this.#opened(socket);
        this.#greet(socket);
      });
      return server;
    }
    const server = createTlsServer({
      ...options,
      ...tls.options,
      ALPNProtocols: ["h2", "http/1.1"],
      handshakeTimeout: tlsHandshakeTimeoutMs,
    });
    this.#stopReloads = tls.onReload((reloaded) => server.setSecureContext(reloaded));
    server.on("tlsClientError", (error) => {
      this.#logger.debug({ error: error.message }, "TLS handshake of an HTTP client failed");
    });
    server.on("connection", (socket: Socket) => this.#opened(socket));
    server.on("secureConnection", (socket: TLSSocket) => {
      socket.on("error", ignoreError);
      if (socket.alpnProtocol === "h2") this.#serveHttp2(socket);
      else this.#serveHttp1(socket);
    });
    return server;
  }

  #createHttp1Server(): Http1Server {
    const { idleTimeoutMs } = this.#options;
    const server = createHttp1Server({
      maxHeaderSize: headerBytesMax,
      keepAliveTimeout: idleTimeoutMs,
      // Http1Connection and HttpCall have deadlines of their own.
      headersTimeout: 0,
      requestTimeout: 0,
    });
    const serve = (request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void => {
      const connection = this.#http1BySocket.get(request.socket);
      if (connection === undefined) throw new Error("a request on a connection that nobody served");
      const exchange = new Http1Exchange(request, response, connection, awaitsContinue);
      const call = new HttpCall(exchange, this.#calls);
      exchange.listener = call;
      connection.exchangeOpened(exchange, call);
      call.start();
    };
    server.on("request", (request, response) => serve(request, response, false));
    server.on("checkContinue", (request, response) => serve(request, response, true));
    // Whatever else a client expects, it gets an answer (RFC 9110 §10.1.1).
    server.on("checkExpectation", (request, response) => serve(request, response, false));
    server.on("clientError", (error, socket) => this.#http1BySocket.get(socket as Socket)?.failed(error));
    return server;
  }

  #createHttp2Server(): Http2Server {
    const { budget } = this.#calls;
    const server = createHttp2Server(
      http2ServerOptions({ maxConcurrentStreams, headerListBytesMax: headerBytesMax, budget }),
    );
    server.on("session", (session: ServerHttp2Session) => {
      const connection = new Http2Connection(session, this.#arriving!, this.#http2Connections);
      session.on("stream", (stream: ServerHttp2Stream, headers) => {
        if (stream.destroyed) {
          connection.callWasReset();
          return;
        }
        const exchange = new Http2Exchange(stream, headers, connection);
        const call = new HttpCall(exchange, this.#calls);
        exchange.listener = call;
        call.start();
      });
    });
    server.on("sessionError", (error: Error) => {
      this.#logger.debug({ error: error.message }, "HTTP/2 connection failed");
    });
    return server;
  }

  #opened(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", ignoreError);
    socket.on("close", () => this.#sockets.delete(socket));
  }

  /** Waits for the first bytes. */
  #greet(socket: Socket): void {
    const greeting = new HttpGreeting(
      socket,
      monotonicMs() + this.#options.readHeaderTimeoutMs,
      (version) => {
        this.#greetings.delete(greeting);
        if (version === 2) this.#serveHttp2(socket);
        else if (version === 1) this.#serveHttp1(socket);
      },
    );
    this.#greetings.add(greeting);
  }

  #serveHttp1(socket: Socket): void {
    this.#http1BySocket.set(socket, new Http1Connection(socket, this.#http1Connections));
    this.#http1Server.emit("connection", socket);
  }

  #serveHttp2(socket: Socket): void {
    socket.allowHalfOpen = false;
    this.#arriving = socket;
    this.#http2Server.emit("connection", socket);
  }

  #leave(): void {
    this.#stopReloads();
    for (const greeting of this.#greetings) greeting.destroy();
    for (const connection of this.#http1Connections.openConnections) connection.leave();
    for (const connection of this.#http2Connections.openConnections)
      connection.leave(Number.POSITIVE_INFINITY);
  }

  #sweep(nowMs: number): void {
    for (const call of this.#calls.openCalls) call.checkDeadline(nowMs);
    for (const greeting of this.#greetings) greeting.sweep(nowMs);
    for (const connection of this.#http1Connections.openConnections) connection.sweep(nowMs);
    for (const connection of this.#http2Connections.openConnections) connection.sweep(nowMs);
  }

  #destroyConnections(): void {
    for (const connection of this.#http2Connections.openConnections) connection.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** A socket that fails is closed too, which is where it is dealt with. */
function ignoreError(): void {}
