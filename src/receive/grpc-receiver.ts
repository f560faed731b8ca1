/**
 * The OTLP/gRPC receiver: unary Export of traces, metrics and logs on node:http2, without a gRPC library.
 *
 *     idle -> listening -> draining -> closed
 */
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import { BufferPool } from "../base/buffer-pool.ts";
import type { ByteBudget } from "../base/byte-budget.ts";
import { monotonicMs } from "../base/clock.ts";
import { errorMessage, OtlpRingError } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { MetricRegistry } from "../base/metrics.ts";
import type { ServerTls } from "../base/tls.ts";
import type { TelemetrySink } from "../otlp/export-request.ts";
import type { Authenticator } from "./authentication.ts";
import { type CallContext, GrpcCall, streamWindowBytes } from "./grpc-call.ts";
import type { RefusalReason } from "./grpc-call-head.ts";
import { type ConnectionContext, Http2Connection, type KeepaliveOptions } from "./http2-connection.ts";
import { ReceiverMetrics } from "./receiver-metrics.ts";

/** What OTLP recommends as the largest request (specification.md, "Limits of requests"). */
export const recommendedMaxRecvMsgSizeBytes = 64 * 1024 * 1024;

export interface GrpcReceiverOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** The largest message, before and after decompression; 4 to 64 MiB, OTLP recommends 64. */
  readonly maxRecvMsgSizeBytes: number;
  /** Calls at a time on one connection. */
  readonly maxConcurrentStreams: number;
  /** What a client has for its greeting, for a whole request from its headers on, and to take the answer. */
  readonly receiveTimeoutMs: number;
  readonly keepalive: KeepaliveOptions;
  /** Lower-case names of headers that pass to the sink with a request. */
  readonly forwardHeaders: readonly string[];
  /** Absent: plain text. */
  readonly tls?: ServerTls;
  /** Absent: anybody may send. */
  readonly authenticator?: Authenticator;
}

export interface GrpcReceiverModules {
  readonly sink: TelemetrySink;
  readonly budget: ByteBudget;
  /** Shared with whoever else needs memory for requests. */
  readonly pool?: BufferPool;
  readonly metrics: MetricRegistry;
  readonly logger: Logger;
}

type ReceiverState =
  | { readonly kind: "idle" }
  | { readonly kind: "listening"; readonly server: Http2Server | Http2SecureServer }
  | { readonly kind: "draining" }
  | { readonly kind: "closed" };

const poolBytesDefault = 32 * 1024 * 1024;
/** How late deadlines of calls and connections may be. */
const sweepIntervalMs = 100;
const tlsHandshakeTimeoutMs = 10_000;
/** A DATA frame of the clients that make use of it; the fewer, the less is done per byte. */
const frameBytesMax = 256 * 1024;
const headerListBytesMax = 32 * 1024;
const megabyte = 1_000_000;
/**
 * What nghttp2 takes of RST_STREAM on a connection before it ends it. Clients reset streams that were
 * answered early, under overload many of them, so this is wide; Http2Connection counts those that were not.
 */
const streamResetBurst = 10_000;
const streamResetsPerSecond = 1000;

export class GrpcReceiver {
  readonly #options: GrpcReceiverOptions;
  readonly #logger: Logger;
  readonly #calls: CallContext;
  readonly #connections: ConnectionContext;
  #state: ReceiverState = { kind: "idle" };
  #sweeper: NodeJS.Timeout | undefined;
  #stopReloads: () => void = () => undefined;

  constructor(options: GrpcReceiverOptions, modules: GrpcReceiverModules) {
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
    metrics.observe(
      () => this.#connections.openConnections.size,
      () => budget.usedBytes,
    );
  }

  /**
   * Starts to listen; answers the address in use.
   * @throws OtlpRingError `listen_failed`
   */
  async listen(): Promise<{ host: string; port: number }> {
    if (this.#state.kind !== "idle") throw new Error(`listen() of a receiver that is ${this.#state.kind}`);
    const server = this.#createServer();
    this.#setState({ kind: "listening", server });
    await this.#bind(server);
    server.on("error", (error) => this.#logger.error({ error: error.message }, "gRPC listener failed"));
    this.#sweeper = setInterval(() => this.#sweep(), sweepIntervalMs);
    this.#sweeper.unref();
    const { address, port } = server.address() as AddressInfo;
    return { host: address, port };
  }

  /** Takes no new connections, and tells those that are open to go elsewhere; what is in flight goes on. */
  drain(): void {
    if (this.#state.kind !== "listening") return;
    const { server } = this.#state;
    this.#setState({ kind: "draining" });
    this.#stopReloads();
    // Http2Server's own close() would refuse streams that are on their way; leave() serves those first.
    NetServer.prototype.close.call(server);
    for (const connection of this.#connections.openConnections) connection.leave(Number.POSITIVE_INFINITY);
  }

  /** Drains, waits for what is in flight for at most `graceMs`, and ends the rest. */
  async close(graceMs: number): Promise<void> {
    this.drain();
    if (this.#state.kind === "idle") this.#setState({ kind: "closed" });
    if (this.#state.kind === "closed") return;
    const { openConnections } = this.#connections;
    const destroyAtMs = monotonicMs() + graceMs;
    while (openConnections.size > 0) {
      if (monotonicMs() >= destroyAtMs) for (const connection of openConnections) connection.destroy();
      await new Promise((resolve) => setTimeout(resolve, closePollMs));
      this.#sweep();
    }
    clearInterval(this.#sweeper);
    this.#setState({ kind: "closed" });
  }

  #createServer(): Http2Server | Http2SecureServer {
    const { tls, maxConcurrentStreams } = this.#options;
    const options = {
      noDelay: true,
      // Node resets streams of a connection that holds more, 10 MB by default: the budget is the bound here.
      maxSessionMemory: Math.ceil(this.#calls.budget.limitBytes / megabyte),
      streamResetBurst,
      streamResetRate: streamResetsPerSecond,
      settings: {
        initialWindowSize: streamWindowBytes,
        maxConcurrentStreams,
        maxFrameSize: frameBytesMax,
        maxHeaderListSize: headerListBytesMax,
        enablePush: false,
      },
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
      if (this.#state.kind !== "listening") connection.leave(0);
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

  async #bind(server: Http2Server | Http2SecureServer): Promise<void> {
    const { host, port } = this.#options;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host, port }, () => {
          server.off("error", reject);
          resolve();
        });
      });
    } catch (thrown) {
      this.#setState({ kind: "closed" });
      throw new OtlpRingError(
        "listen_failed",
        `the OTLP/gRPC receiver cannot listen on ${host}:${port} (${errorMessage(thrown)}); ` +
          "choose another endpoint, or stop what uses this one",
        { cause: thrown },
      );
    }
  }

  #sweep(): void {
    const nowMs = monotonicMs();
    for (const call of this.#calls.openCalls) call.checkDeadline(nowMs);
    for (const connection of this.#connections.openConnections) connection.sweep(nowMs);
  }

  #setState(state: ReceiverState): void {
    this.#state = state;
  }
}

/** How often a closing receiver looks whether its connections are gone. */
const closePollMs = 10;
