/**
 * The OTLP/gRPC receiver: unary Export of traces, metrics and logs on node:http2, without a gRPC library.
 * How it begins and ends: receiver-life.ts.
 */
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { BufferPool } from "../base/buffer-pool.ts";
import type { Logger } from "../base/logger.ts";
import { type CallContext, GrpcCall } from "./grpc-call.ts";
import type { RefusalReason } from "./grpc-call-head.ts";
import { type ConnectionContext, Http2Connection, type KeepaliveOptions } from "./http2-connection.ts";
import { http2ServerOptions } from "./http2-server-options.ts";
import { ReceiverLife } from "./receiver-life.ts";
import { ReceiverMetrics } from "./receiver-metrics.ts";
import {
  poolBytesDefault,
  type ReceiverModules,
  type ReceiverOptions,
  tlsHandshakeTimeoutMs,
} from "./receiver-options.ts";

/** What OTLP recommends as the largest request (specification.md, "OTLP/gRPC Request"). */
export const recommendedMaxRecvMsgSizeBytes = 64 * 1024 * 1024;

export interface GrpcReceiverOptions extends ReceiverOptions {
  /** The largest message, before and after decompression; 4 to 64 MiB, OTLP recommends 64. */
  readonly maxRecvMsgSizeBytes: number;
  /** Calls at a time on one connection. */
  readonly maxConcurrentStreams: number;
  /** What a client has for its greeting, for a whole request from its headers on, and to take the answer. */
  readonly receiveTimeoutMs: number;
  readonly keepalive: KeepaliveOptions;
}

const headerListBytesMax = 32 * 1024;

export class GrpcReceiver {
  readonly #options: GrpcReceiverOptions;
  readonly #logger: Logger;
  readonly #calls: CallContext;
  readonly #connections: ConnectionContext;
  readonly #life: ReceiverLife;
  #stopReloads: () => void = () => undefined;

  constructor(options: GrpcReceiverOptions, modules: ReceiverModules) {
    const { sink, budget, logger } = modules;
    const metrics = new ReceiverMetrics<RefusalReason>(modules.metrics, "grpc");
    this.#options = options;
    this.#logger = logger;
    this.#calls = {
      maxRecvMsgSizeBytes: options.maxRecvMsgSizeBytes,
      receiveTimeoutMs: options.receiveTimeoutMs,
      forwardHeaders: [...options.forwardHeaders].sort(),
      authenticator: options.authenticator,
      sink,
      budget,
      pool: modules.pool ?? new BufferPool(poolBytesDefault),
      metrics,
      logger,
      openCalls: new Set(),
    };
    this.#connections = {
      keepalive: options.keepalive,
      openingTimeoutMs: options.receiveTimeoutMs,
      metrics,
      logger,
      openConnections: new Set(),
    };
    this.#life = new ReceiverLife(
      { protocol: "gRPC", host: options.host, port: options.port },
      {
        logger,
        createServer: () => this.#createServer(),
        leave: () => this.#leave(),
        sweep: (nowMs) => this.#sweep(nowMs),
        openConnections: () => this.#connections.openConnections.size,
        destroyConnections: () => {
          for (const connection of this.#connections.openConnections) connection.destroy();
        },
      },
    );
    metrics.observe(
      () => this.#connections.openConnections.size,
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

  #createServer(): Http2Server | Http2SecureServer {
    const { tls, maxConcurrentStreams } = this.#options;
    const options = {
      noDelay: true,
      ...http2ServerOptions({ maxConcurrentStreams, headerListBytesMax, budget: this.#calls.budget }),
    };
    if (tls === undefined) return this.#attach(createServer(options), "connection");
    const server = createSecureServer({
      ...options,
      ...tls.options,
      ALPNProtocols: ["h2"],
      handshakeTimeout: tlsHandshakeTimeoutMs,
    });
    this.#stopReloads = tls.onReload((reloaded) => server.setSecureContext(reloaded));
    server.on("tlsClientError", (error) => {
      this.#logger.debug({ error: error.message }, "TLS handshake of a gRPC client failed");
    });
    return this.#attach(server, "secureConnection");
  }

  #attach<T extends Http2Server | Http2SecureServer>(server: T, connectionEvent: string): T {
    // A session shows its socket only through a proxy that cannot destroy it. It is made, and announced,
    // while the server's own listener runs, so the socket that came last is the session's.
    let arriving: Socket;
    server.prependListener(connectionEvent, (socket: Socket) => {
      arriving = socket;
    });
    server.on("session", (session: ServerHttp2Session) => {
      const connection = new Http2Connection(session, arriving, this.#connections);
      // Its TLS handshake has outlasted the listener.
      if (!this.#life.isListening) connection.leave(0);
      session.on("stream", (stream: ServerHttp2Stream, headers) => {
        if (stream.destroyed) connection.callWasReset();
        else new GrpcCall(stream, this.#calls, connection).start(headers);
      });
    });
    server.on("sessionError", (error: Error) => {
      this.#logger.debug({ error: error.message }, "gRPC connection failed");
    });
    return server;
  }

  #leave(): void {
    this.#stopReloads();
    for (const connection of this.#connections.openConnections) connection.leave(Number.POSITIVE_INFINITY);
  }

  #sweep(nowMs: number): void {
    for (const call of this.#calls.openCalls) call.checkDeadline(nowMs);
    for (const connection of this.#connections.openConnections) connection.sweep(nowMs);
  }
}
