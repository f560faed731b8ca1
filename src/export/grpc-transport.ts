/** One live HTTP/2 connection to a backend: opens streams, notices when the peer is gone or asks to go. */
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from "node:http2";
import { errorMessage } from "../base/errors.ts";
import type { DialledSession } from "./dial.ts";

export interface KeepaliveOptions {
  /** A peer from which nothing came for this long, with calls open, is sent a ping. */
  readonly keepaliveTimeMs: number;
  /** A peer that then stays silent for this long is gone. */
  readonly keepaliveTimeoutMs: number;
}

export interface TransportEvents {
  /** Called once, when the connection takes no more calls: GOAWAY, or lost. Open calls may still finish. */
  onGone(transport: GrpcTransport, detail: string): void;
  /** Called once, when nothing is left of it. */
  onClosed(transport: GrpcTransport): void;
}

/** How long a connection that takes no more calls may take to say goodbye. */
const goodbyeTimeoutMs = 5000;

export class GrpcTransport {
  /** Calls that the peer answered, whatever with. */
  answeredCalls = 0;
  readonly #session: ClientHttp2Session;
  readonly #socket: DialledSession["socket"];
  readonly #options: KeepaliveOptions;
  readonly #events: TransportEvents;
  #openCalls = 0;
  /** Of the last GOAWAY: streams above it were not looked at. */
  #lastStreamId = Number.POSITIVE_INFINITY;
  /** Set once no new call may begin. */
  #goneDetail: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(dialled: DialledSession, options: KeepaliveOptions, events: TransportEvents) {
    this.#session = dialled.session;
    this.#socket = dialled.socket;
    this.#options = options;
    this.#events = events;
    this.#session.on("goaway", (code, lastStreamId) => {
      this.#lastStreamId = lastStreamId;
      this.#gone(`the backend sent GOAWAY with code ${code}`);
    });
    this.#session.on("error", (error) => this.#gone(errorMessage(error)));
    this.#session.on("close", () => {
      this.#gone("the backend closed the connection");
      clearTimeout(this.#timer);
      events.onClosed(this);
    });
  }

  /** False from the moment that the session accepts no more streams, even before anybody was told why. */
  get isUsable(): boolean {
    return this.#goneDetail === undefined && !this.#session.closed && !this.#session.destroyed;
  }

  /** Why there is no connection any more, if so. */
  get goneDetail(): string | undefined {
    return this.#goneDetail;
  }

  /** Begins a call, which must end with `callEnded`. May throw for headers that HTTP/2 forbids. */
  openStream(rawHeaders: readonly string[]): ClientHttp2Stream {
    const stream = this.#session.request(rawHeaders, { endStream: false });
    this.#openCalls += 1;
    this.#watch();
    return stream;
  }

  callEnded(wasAnswered: boolean): void {
    this.#openCalls -= 1;
    if (wasAnswered) this.answeredCalls += 1;
    if (this.#openCalls === 0 && this.#goneDetail !== undefined) this.#sayGoodbye();
  }

  /**
   * Whether the peer certainly never looked at a stream that failed: it refused it, its GOAWAY left it
   * out (https://www.rfc-editor.org/rfc/rfc9113#section-6.8), or it was never given a number.
   */
  wasNotProcessed(stream: ClientHttp2Stream): boolean {
    return (
      stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ||
      stream.id === undefined ||
      stream.id > this.#lastStreamId
    );
  }

  /** Ends open calls, and the connection. */
  destroy(detail: string): void {
    this.#gone(detail);
    this.#session.destroy();
  }

  #gone(detail: string): void {
    if (this.#goneDetail !== undefined) return;
    this.#goneDetail = detail;
    if (this.#openCalls === 0) this.#sayGoodbye();
    this.#events.onGone(this, detail);
  }

  /** `close` waits for a peer to take the last bytes, which a dead one never does. */
  #sayGoodbye(): void {
    if (this.#session.destroyed) return;
    this.#session.close();
    this.#startTimer(goodbyeTimeoutMs, () => this.#session.destroy());
  }

  /** Looks, after a while, whether anything was heard. Traffic makes pings needless, so healthy peers see hardly any. */
  #watch(): void {
    if (this.#timer !== undefined || this.#session.destroyed) return;
    const heardBytes = this.#socket.bytesRead;
    this.#startTimer(this.#options.keepaliveTimeMs, () => {
      if (this.#socket.bytesRead === heardBytes) this.#ping();
      else if (this.#openCalls > 0) this.#watch();
    });
  }

  #ping(): void {
    if (this.#session.destroyed) return;
    const heardBytes = this.#socket.bytesRead;
    const { keepaliveTimeoutMs } = this.#options;
    this.#startTimer(keepaliveTimeoutMs, () => {
      // Window updates of a slow upload are a sign of life too, when the ping itself waits behind it.
      if (this.#socket.bytesRead !== heardBytes) this.#watch();
      else
        this.destroy(
          `nothing was heard from the backend, nor an answer to a ping in ${keepaliveTimeoutMs} ms`,
        );
    });
    this.#session.ping(() => undefined);
  }

  #startTimer(delayMs: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      then();
    }, delayMs);
    this.#timer.unref();
  }
}
