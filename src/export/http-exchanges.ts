/** Requests and responses of HTTP/1.1 over a bounded number of kept connections. The one place that knows undici. */
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { Client, type Dispatcher, errors } from "undici";
import { monotonicMs } from "../base/clock.ts";
import { errorMessage } from "../base/errors.ts";

export interface HttpExchangesOptions {
  /** `http://host:port` or `https://host:port`: what the Host header says. */
  readonly origin: string;
  readonly connectionsMax: number;
  /** An idle connection is closed after this long, or earlier where the server's Keep-Alive header says so. */
  readonly idleTimeoutMs: number;
}

export interface HttpExchangesModules {
  /** Called when a connection is needed; a rejection fails the requests that wait for it. */
  readonly openSocket: () => Promise<Socket>;
}

export interface HttpPost {
  /** With its query, if it has one. */
  readonly path: string;
  /** Names and values in turn; without content-length. */
  readonly headers: readonly string[];
  /** In pieces, which are written in this order and must not be changed until the end. */
  readonly body: readonly Buffer[];
  /** On `monotonicMs`. */
  readonly deadlineMs: number;
  /** How much of a response's body is taken, before decompression. */
  readonly responseBytesMax: (status: number) => number;
}

export type HttpHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface HttpAnswer {
  readonly kind: "answer";
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly body: Buffer;
  /** `cut`: the connection or the time was over before it was whole. `too_large`: there was more than is taken. */
  readonly bodyEnd: "whole" | "cut" | "too_large";
  /** Every byte of the request has gone to the operating system, so its memory is free. */
  readonly requestIsWritten: boolean;
}

export type ExchangeEnd =
  | HttpAnswer
  /** No answer in time. */
  | { readonly kind: "deadline" }
  /** The request was never sent. */
  | { readonly kind: "not_sent"; readonly detail: string }
  /** What came is not HTTP, or its headers are too large. */
  | { readonly kind: "not_http"; readonly detail: string }
  /** The connection broke when the server may have had the request. */
  | { readonly kind: "broken"; readonly detail: string };

/** Bounds a response's headers; OTLP needs none but a few. */
const headersBytesMax = 16 * 1024;

/** Milliseconds by which a connection is closed before the server would, by its Keep-Alive header. */
const keepAliveMarginMs = 1000;

/** Makes one connection at a time, again when it is needed. */
interface Line {
  readonly client: Client;
  /** The newest connection. */
  socket: Socket | undefined;
}

export class HttpExchanges {
  readonly #options: HttpExchangesOptions;
  readonly #openSocket: () => Promise<Socket>;
  readonly #lines: Line[] = [];
  /** Lines without an exchange; the last one was used last. */
  readonly #idle: Line[] = [];
  /** Exchanges that wait for a line. Whoever posts bounds them. */
  readonly #waiting: Exchange[] = [];
  #closedReason: string | undefined;

  constructor(options: HttpExchangesOptions, modules: HttpExchangesModules) {
    this.#options = options;
    this.#openSocket = modules.openSocket;
  }

  /** True when a request could be sent without another connection. */
  get hasIdleConnection(): boolean {
    return this.#idle.some(isConnected);
  }

  /** Never rejects. The exchange is over when it answers, at the latest at its deadline. */
  post(request: HttpPost): Promise<ExchangeEnd> {
    return new Promise((resolve) => {
      if (this.#closedReason !== undefined) {
        resolve({ kind: "not_sent", detail: this.#closedReason });
        return;
      }
      const exchange = new Exchange(request, resolve);
      const line = this.#takeLine();
      if (line === undefined) this.#waiting.push(exchange);
      else this.#start(exchange, line);
    });
  }

  /** Ends requests that are open, and all connections. */
  close(reason: string): void {
    this.#closedReason = reason;
    for (const exchange of this.#waiting.splice(0)) exchange.fail(reason);
    for (const { client } of this.#lines) void client.destroy(new Error(reason));
  }

  /** One that is connected, one that is not, or a new one. */
  #takeLine(): Line | undefined {
    const connected = this.#idle.findLastIndex(isConnected);
    if (connected >= 0) return this.#idle.splice(connected, 1)[0];
    return (
      this.#idle.pop() ?? (this.#lines.length < this.#options.connectionsMax ? this.#addLine() : undefined)
    );
  }

  #addLine(): Line {
    const { origin, idleTimeoutMs } = this.#options;
    const client = new Client(origin, {
      pipelining: 1,
      allowH2: false,
      maxHeaderSize: headersBytesMax,
      keepAliveTimeout: idleTimeoutMs,
      keepAliveMaxTimeout: idleTimeoutMs,
      keepAliveTimeoutThreshold: keepAliveMarginMs,
      // Each exchange has a deadline of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, callback) => {
        this.#openSocket().then(
          (socket) => {
            line.socket = socket;
            callback(null, socket);
          },
          (error: unknown) => callback(new Error(errorMessage(error)), null),
        );
      },
    });
    const line: Line = { client, socket: undefined };
    this.#lines.push(line);
    return line;
  }

  #start(exchange: Exchange, line: Line): void {
    exchange.start(line, () => {
      let next = this.#waiting.shift();
      while (next?.isOver === true) next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(line);
      else this.#start(next, line);
    });
  }
}

function isConnected({ socket }: Line): boolean {
  return socket !== undefined && !socket.destroyed;
}

/** One request from its start to its end, as undici tells of it. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: HttpPost;
  readonly #resolve: (end: ExchangeEnd) => void;
  readonly #timer: NodeJS.Timeout;
  #line: Line | undefined;
  #onEnd = (): void => undefined;
  #controller: Dispatcher.DispatchController | undefined;
  /** Every piece of the request has been given to the socket. */
  #isSent = false;
  #head: { readonly status: number; readonly headers: HttpHeaders } | undefined;
  readonly #chunks: Buffer[] = [];
  #bodyBytes = 0;
  #isOver = false;

  constructor(request: HttpPost, resolve: (end: ExchangeEnd) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#timer = setTimeout(() => this.#onDeadline(), Math.max(0, request.deadlineMs - monotonicMs()));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** `onEnd` is called once, when the line may be used again. */
  start(line: Line, onEnd: () => void): void {
    this.#line = line;
    this.#onEnd = onEnd;
    const { path, headers, body } = this.#request;
    let sizeBytes = 0;
    for (const piece of body) sizeBytes += piece.length;
    line.client.dispatch(
      {
        method: "POST",
        path,
        headers: [...headers, "content-length", String(sizeBytes)],
        // It takes iterables too, which its types do not say.
        body: body.length === 1 ? body[0]! : (body as unknown as Readable),
      },
      this,
    );
  }

  fail(detail: string): void {
    this.#end({ kind: "not_sent", detail });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Its time may have passed while it waited for the connection, which is not to be lost for that.
    if (this.#isOver) throw overError;
    this.#controller = controller;
  }

  onRequestSent(): void {
    this.#isSent = true;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: HttpHeaders): void {
    // Informational responses (103, say) come before the one that counts.
    if (status >= 200) this.#head = { status, headers };
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver || this.#head === undefined) return;
    this.#bodyBytes += chunk.length;
    if (this.#bodyBytes > this.#request.responseBytesMax(this.#head.status)) this.#answer("too_large");
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#answer("whole");
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#isOver) return;
    const detail = errorMessage(error);
    if (this.#controller === undefined) this.fail(detail);
    else if (this.#head !== undefined) this.#answer("cut");
    else if (isNotHttp(error)) this.#end({ kind: "not_http", detail });
    else this.#end({ kind: "broken", detail });
  }

  #onDeadline(): void {
    if (this.#controller === undefined) this.fail("no connection to send it over in time");
    else if (this.#head === undefined) this.#end({ kind: "deadline" });
    else this.#answer("cut");
  }

  #answer(bodyEnd: HttpAnswer["bodyEnd"]): void {
    if (this.#head === undefined) return;
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    const requestIsWritten = this.#isSent && this.#line?.socket?.writableLength === 0;
    this.#end({ kind: "answer", ...this.#head, body, bodyEnd, requestIsWritten });
  }

  #end(end: ExchangeEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#resolve(end);
    // Does nothing when the response is whole; else the connection is of no use any more.
    this.#controller?.abort(overError);
    this.#onEnd();
  }
}

const overError = new Error("the exchange is over");

/** What the parser refuses. */
function isNotHttp(error: Error): boolean {
  return error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError;
}
