/**
 * One HTTP/1.1 connection of a receiver: how long it may take to send a request's headers, and what
 * becomes of it when it sends something else. Node closes one that has been idle for the keep-alive
 * time.
 *
 *     awaiting head -> busy -> idle -> awaiting head ...
 *
 * | state         | holds while                                  | ends by                            |
 * |---------------|----------------------------------------------|------------------------------------|
 * | awaiting head | headers are on their way, or must be at once | headers, or a deadline             |
 * | busy          | requests are open                            | the last one's end                 |
 * | idle          | nothing has come since                       | the next byte, Node's timer, drain |
 * | closing       | the last answer is taken                     | the socket's close, or a deadline  |
 */
import type { Socket } from "node:net";
import { monotonicMs } from "../base/clock.ts";
import { statusAnswer } from "./http-answer.ts";
import { type HttpRefusal, type HttpRefusalReason, refusals } from "./http-refusals.ts";
import type { Http1Exchange } from "./http1-exchange.ts";
import type { ReceiverMetrics } from "./receiver-metrics.ts";

type ConnectionState =
  | { readonly kind: "awaiting_head"; readonly deadlineMs: number }
  | { readonly kind: "busy" }
  /** `receivedBytes`: how much had come when it began. */
  | { readonly kind: "idle"; readonly receivedBytes: number }
  | { readonly kind: "closing"; readonly destroyAtMs: number }
  | { readonly kind: "closed" };

/** What all connections of a receiver share. */
export interface Http1ConnectionContext {
  readonly readHeaderTimeoutMs: number;
  readonly keepAlivesEnabled: boolean;
  readonly metrics: ReceiverMetrics<HttpRefusalReason>;
  /** Connections that are not closed. */
  readonly openConnections: Set<Http1Connection>;
}

/** How long a client may take for the last answer on its connection. */
const closingTimeoutMs = 1000;

/** Whoever can refuse a request whose body turned out to be no HTTP. */
export interface RefusingListener {
  refuse(refusal: HttpRefusal): void;
}

export class Http1Connection {
  readonly #socket: Socket;
  readonly #context: Http1ConnectionContext;
  readonly #exchanges = new Map<Http1Exchange, RefusingListener>();
  #state: ConnectionState;
  #isLeaving = false;

  constructor(socket: Socket, context: Http1ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    this.#state = { kind: "awaiting_head", deadlineMs: monotonicMs() + context.readHeaderTimeoutMs };
    context.openConnections.add(this);
    socket.on("close", () => this.#closed());
  }

  /** Whether another request may follow the one that is being answered. */
  get isKept(): boolean {
    return this.#context.keepAlivesEnabled && !this.#isLeaving && this.#state.kind !== "closing";
  }

  exchangeOpened(exchange: Http1Exchange, listener: RefusingListener): void {
    this.#exchanges.set(exchange, listener);
    if (this.#state.kind !== "closing") this.#setState({ kind: "busy" });
  }

  exchangeClosed(exchange: Http1Exchange): void {
    this.#exchanges.delete(exchange);
    if (this.#exchanges.size === 0 && this.#state.kind === "busy") {
      this.#setState({ kind: "idle", receivedBytes: this.#socket.bytesRead });
    }
  }

  /** What came was no HTTP request. An answer goes out where one is owed, and then nothing more. */
  failed(error: NodeJS.ErrnoException): void {
    if (this.#state.kind === "closing" || this.#state.kind === "closed") return;
    if (goneClient.has(error.code ?? "") || !this.#socket.writable) {
      this.destroy();
      return;
    }
    const refusal = parserFaults.get(error.code ?? "") ?? refusals.malformedHttp;
    const [exchange, listener] = [...this.#exchanges].at(-1) ?? [];
    if (exchange === undefined) {
      this.#refuse(refusal);
      return;
    }
    // What is open is answered, and no request can follow.
    this.#isLeaving = true;
    if (exchange.isReceived) return;
    listener!.refuse(refusal);
    exchange.endLingering();
  }

  /** The client takes no answers: nothing on this connection is worth keeping. */
  answerUnread(): void {
    if (this.#state.kind === "closing" || this.#state.kind === "closed") return;
    this.#setState({ kind: "closing", destroyAtMs: monotonicMs() });
    this.#context.metrics.countClosedConnection("answer_unread");
    this.destroy();
  }

  /** The answers to open requests are the last; a connection without any is closed. */
  leave(): void {
    this.#isLeaving = true;
    const state = this.#state;
    if (state.kind === "idle" && state.receivedBytes === this.#socket.bytesRead) this.#end();
  }

  /** Ends the connection and whatever it carries. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Does what is due. Called every so often, so everything is late by that at most. */
  sweep(nowMs: number): void {
    const state = this.#state;
    switch (state.kind) {
      case "awaiting_head":
        if (nowMs >= state.deadlineMs) this.#refuse(refusals.receiveTimeout);
        return;
      case "idle":
        if (this.#socket.bytesRead !== state.receivedBytes) this.#awaitHead(nowMs);
        else if (this.#isLeaving) this.#end();
        return;
      case "closing":
        if (nowMs >= state.destroyAtMs) this.destroy();
        return;
      case "busy":
      case "closed":
        return;
    }
  }

  /** Answers what is no request, or none yet, in JSON: nobody knows what would have been asked for. */
  #refuse(refusal: HttpRefusal): void {
    this.#context.metrics.countRefusal(refusal.reason);
    const { status, headers, body } = statusAnswer(refusal.httpStatus, refusal.status);
    const lines = [`HTTP/1.1 ${status} ${reasonPhrases.get(status) ?? ""}`];
    for (let index = 0; index < headers.length; index += 2)
      lines.push(`${headers[index]}: ${headers[index + 1]}`);
    lines.push(`content-length: ${body.length}`, "connection: close", "", "");
    this.#socket.write(lines.join("\r\n"));
    this.#socket.write(body);
    this.#end();
  }

  #awaitHead(nowMs: number): void {
    this.#setState({ kind: "awaiting_head", deadlineMs: nowMs + this.#context.readHeaderTimeoutMs });
  }

  #end(): void {
    this.#setState({ kind: "closing", destroyAtMs: monotonicMs() + closingTimeoutMs });
    this.#socket.end();
  }

  #closed(): void {
    this.#setState({ kind: "closed" });
    for (const exchange of this.#exchanges.keys()) exchange.closed();
    this.#context.openConnections.delete(this);
  }

  #setState(state: ConnectionState): void {
    if (this.#state.kind !== "closed") this.#state = state;
  }
}

/** The client closed or broke off the connection, in the middle of a request or not. */
const goneClient: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "HPE_INVALID_EOF_STATE"]);

/** What Node's parser finds wrong that has a status of its own. */
const parserFaults: ReadonlyMap<string, HttpRefusal> = new Map([
  ["HPE_HEADER_OVERFLOW", refusals.headersTooLarge],
  ["HPE_CHUNK_EXTENSIONS_OVERFLOW", refusals.tooLarge],
]);

const reasonPhrases: ReadonlyMap<number, string> = new Map([
  [400, "Bad Request"],
  [408, "Request Timeout"],
  [413, "Content Too Large"],
  [431, "Request Header Fields Too Large"],
]);
