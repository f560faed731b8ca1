/**
 * One HTTP/2 connection of a receiver: its age, idleness and liveness, and the protection against
 * clients that ping or reset too much. The settings mean what they mean in grpc-go and the Collector
 * (https://github.com/grpc/proposal/blob/master/A9-server-side-conn-mgt.md, A8 for pings).
 *
 *     opening -> serving -> announcing -> leaving -> closed
 *
 * | state      | new streams         | ends by                                                     |
 * |------------|---------------------|-------------------------------------------------------------|
 * | opening    | none yet            | the client's SETTINGS, or a deadline                        |
 * | serving    | taken               | age, idleness, drain                                        |
 * | announcing | taken: they crossed | the answer to a ping sent after GOAWAY, or a deadline       |
 * | leaving    | refused, unharmed   | the last stream's end, or the grace period                  |
 * | destroying | none                | the socket's close, which is forced after a moment          |
 */

import { constants, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { monotonicMs } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { CloseReason } from "./receiver-metrics.ts";

/** Absent: never, unless a default is named. */
export interface KeepaliveOptions {
  /** A connection without calls is closed after this long. */
  readonly maxConnectionIdleMs?: number;
  /** A connection is closed after this long, give or take 10 %, so that clients spread anew. */
  readonly maxConnectionAgeMs?: number;
  /** How long calls in flight may take to finish then. */
  readonly maxConnectionAgeGraceMs?: number;
  /** A connection that says nothing for this long is pinged; default 2 h. */
  readonly timeMs?: number;
  /** A ping is to be answered within this; default 20 s. */
  readonly timeoutMs?: number;
  /** Clients may ping this often; default 5 min. */
  readonly minTimeMs?: number;
  /** Clients may ping while they have no calls; default false. */
  readonly permitWithoutStream?: boolean;
}

type ConnectionState =
  | { readonly kind: "opening"; readonly deadlineMs: number }
  | { readonly kind: "serving" }
  | { readonly kind: "announcing"; readonly leaveAtMs: number; readonly graceMs: number }
  | { readonly kind: "leaving"; readonly destroyAtMs: number }
  | { readonly kind: "destroying"; readonly forceAtMs: number }
  | { readonly kind: "closed" };

/** What all connections of a receiver share. */
export interface ConnectionContext {
  readonly keepalive: KeepaliveOptions;
  /** By when a client must have greeted. */
  readonly openingTimeoutMs: number;
  readonly metrics: { countClosedConnection(reason: CloseReason): void };
  readonly logger: Logger;
  /** Connections that are not closed. */
  readonly openConnections: Set<Http2Connection>;
}

const keepaliveTimeMsDefault = 2 * 3_600_000;
const keepaliveTimeoutMsDefault = 20_000;
const pingMinTimeMsDefault = 5 * 60_000;
/** What a client may do between pings while it has no calls and may not ping then (grpc-go's figure). */
const pingMinTimeWithoutStreamMs = 2 * 3_600_000;
/** Pings that come too early before the connection is closed (grpc-go's figure). */
const pingStrikesMax = 2;

/** How long a client may take to answer the ping that follows GOAWAY. */
const announceTimeoutMs = 1000;
/** How long a socket may take to write its last bytes. */
const destroyTimeoutMs = 1000;
const ageJitter = 0.1;

/** Streams that a client may reset at once before they are answered, and how many a second it is allowed anew (CVE-2023-44487). */
const resetBurst = 500;
const resetsPerSecond = 33;

/** Streams up to this one are still served: all that there can be. */
const lastStreamId = 2 ** 31 - 1;

/** Received bytes that one connection may have on their way: hundreds of megabytes a second over any path. */
const sessionWindowBytes = 32 * 1024 * 1024;

export class Http2Connection {
  readonly #session: ServerHttp2Session;
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  #state: ConnectionState;
  #openCalls = 0;
  #idleSinceMs: number;
  readonly #expiresAtMs: number;
  #resetTokens = resetBurst;
  #resetTokensAtMs: number;
  #lastPingMs = Number.NEGATIVE_INFINITY;
  #pingStrikes = 0;
  #receivedBytes = 0;
  #receivedAtMs: number;
  #pingSentAtMs: number | undefined;

  constructor(session: ServerHttp2Session, socket: Socket, context: ConnectionContext) {
    const nowMs = monotonicMs();
    const { maxConnectionAgeMs = Number.POSITIVE_INFINITY } = context.keepalive;
    this.#session = session;
    this.#socket = socket;
    this.#context = context;
    this.#state = { kind: "opening", deadlineMs: nowMs + context.openingTimeoutMs };
    this.#idleSinceMs = nowMs;
    this.#receivedAtMs = nowMs;
    this.#resetTokensAtMs = nowMs;
    this.#expiresAtMs = nowMs + maxConnectionAgeMs * (1 + ageJitter * (2 * Math.random() - 1));
    context.openConnections.add(this);
    session.setLocalWindowSize(sessionWindowBytes);
    session.once("remoteSettings", () => {
      if (this.#state.kind === "opening") this.#setState({ kind: "serving" });
    });
    session.on("ping", () => this.#pinged());
    session.on("close", () => this.#setState({ kind: "closed" }));
  }

  callOpened(): void {
    this.#openCalls += 1;
  }

  /** An answer is on its way, which is what a client may follow with a ping of its own. */
  callAnswered(): void {
    this.#pingStrikes = 0;
  }

  callClosed(wasReset: boolean): void {
    this.#openCalls -= 1;
    if (this.#openCalls === 0) this.#idleSinceMs = monotonicMs();
    if (wasReset) this.#countReset();
  }

  /** A stream that was reset before anybody saw it. */
  callWasReset(): void {
    this.#countReset();
  }

  answerUnread(): void {
    this.#destroy("answer_unread", constants.NGHTTP2_CANCEL);
  }

  /** Tells the client to go elsewhere; calls in flight, and those on their way, have `graceMs` to finish. */
  leave(graceMs: number): void {
    if (this.#state.kind === "opening") {
      this.#closeGracefully(graceMs);
      return;
    }
    if (this.#state.kind !== "serving") return;
    const nowMs = monotonicMs();
    if (this.#session.destroyed) {
      // The client has left before, and only the socket's close is still to come.
      this.#awaitSocket(nowMs);
      return;
    }
    const leaveAtMs = nowMs + announceTimeoutMs;
    this.#setState({ kind: "announcing", leaveAtMs, graceMs });
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, lastStreamId);
    // What the client sends after it has answered, it sends in knowledge of the GOAWAY: nothing new.
    this.#session.ping(() => {
      if (this.#state.kind === "announcing") this.#closeGracefully(graceMs);
    });
  }

  /** Ends the connection and whatever it carries. */
  destroy(): void {
    this.#destroyWith(constants.NGHTTP2_NO_ERROR);
  }

  /** Does what is due. Called every so often, so everything is late by that at most. */
  sweep(nowMs: number): void {
    const state = this.#state;
    switch (state.kind) {
      case "opening":
        if (nowMs >= state.deadlineMs) this.#destroy("no_preface", constants.NGHTTP2_SETTINGS_TIMEOUT);
        return;
      case "serving":
        if (this.#session.destroyed) this.#awaitSocket(nowMs);
        else this.#sweepServing(nowMs);
        return;
      case "announcing":
        if (nowMs >= state.leaveAtMs) this.#closeGracefully(state.graceMs);
        return;
      case "leaving":
        if (nowMs >= state.destroyAtMs) this.destroy();
        // Its last stream has ended and the client is to close the socket, which it may not care to do.
        else if (this.#session.destroyed) this.#awaitSocket(nowMs);
        return;
      case "destroying":
        // Node waits for a socket to write everything, which never ends when nobody reads.
        if (nowMs >= state.forceAtMs) this.#socket.destroy();
        return;
      case "closed":
        return;
    }
  }

  #sweepServing(nowMs: number): void {
    const {
      maxConnectionIdleMs = Number.POSITIVE_INFINITY,
      maxConnectionAgeGraceMs = Number.POSITIVE_INFINITY,
    } = this.#context.keepalive;
    if (nowMs >= this.#expiresAtMs) {
      this.#context.metrics.countClosedConnection("max_age");
      this.leave(maxConnectionAgeGraceMs);
      return;
    }
    if (this.#openCalls === 0 && nowMs >= this.#idleSinceMs + maxConnectionIdleMs) {
      this.#context.metrics.countClosedConnection("idle");
      this.leave(maxConnectionAgeGraceMs);
      return;
    }
    this.#keepAlive(nowMs);
  }

  /** Pings a client that has said nothing for a while; one that does not answer is gone. */
  #keepAlive(nowMs: number): void {
    const { timeMs = keepaliveTimeMsDefault, timeoutMs = keepaliveTimeoutMsDefault } =
      this.#context.keepalive;
    const { bytesRead } = this.#socket;
    if (bytesRead !== this.#receivedBytes) {
      this.#receivedBytes = bytesRead;
      this.#receivedAtMs = nowMs;
      this.#pingSentAtMs = undefined;
      return;
    }
    if (this.#pingSentAtMs === undefined) {
      if (nowMs < this.#receivedAtMs + timeMs) return;
      this.#pingSentAtMs = nowMs;
      this.#session.ping(() => undefined);
    } else if (nowMs >= this.#pingSentAtMs + timeoutMs) {
      this.#destroy("ping_unanswered", constants.NGHTTP2_NO_ERROR);
    }
  }

  #pinged(): void {
    const { minTimeMs = pingMinTimeMsDefault, permitWithoutStream = false } = this.#context.keepalive;
    const nowMs = monotonicMs();
    const mayPing = this.#openCalls > 0 || permitWithoutStream;
    const isEarly = nowMs - this.#lastPingMs < (mayPing ? minTimeMs : pingMinTimeWithoutStreamMs);
    this.#lastPingMs = nowMs;
    if (!isEarly) return;
    this.#pingStrikes += 1;
    if (this.#pingStrikes > pingStrikesMax) {
      this.#destroy("too_many_pings", constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
  }

  #countReset(): void {
    const nowMs = monotonicMs();
    const earned = ((nowMs - this.#resetTokensAtMs) / 1000) * resetsPerSecond;
    this.#resetTokens = Math.min(this.#resetTokens + earned, resetBurst) - 1;
    this.#resetTokensAtMs = nowMs;
    if (this.#resetTokens < 0) this.#destroy("too_many_resets", constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #closeGracefully(graceMs: number): void {
    this.#setState({ kind: "leaving", destroyAtMs: monotonicMs() + graceMs });
    this.#session.close();
  }

  #destroy(reason: CloseReason, code: number): void {
    if (this.#state.kind === "destroying" || this.#state.kind === "closed") return;
    this.#context.metrics.countClosedConnection(reason);
    this.#context.logger.debug({ peer: this.#socket.remoteAddress, reason }, "HTTP/2 connection closed");
    // grpc clients look for these words and then ping less often.
    const explanation = reason === "too_many_pings" ? Buffer.from(reason) : undefined;
    if (!this.#session.destroyed) this.#session.goaway(code, 0, explanation);
    this.#destroyWith(code);
  }

  #destroyWith(code: number): void {
    if (this.#state.kind === "destroying" || this.#state.kind === "closed") return;
    this.#awaitSocket(monotonicMs());
    this.#session.destroy(undefined, code);
  }

  #awaitSocket(nowMs: number): void {
    this.#setState({ kind: "destroying", forceAtMs: nowMs + destroyTimeoutMs });
  }

  #setState(state: ConnectionState): void {
    if (this.#state.kind === "closed") return;
    this.#state = state;
    if (state.kind === "closed") this.#context.openConnections.delete(this);
  }
}
