/** An exchange on a connection of HTTP/1.1. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { HttpAnswer } from "./http-answer.ts";
import type { HttpExchange, HttpExchangeListener } from "./http-exchange.ts";
import type { Http1Connection } from "./http1-connection.ts";

/** So much of a request that was answered early is read for the sake of its connection. */
const discardedBytesMax = 1024 * 1024;

const exchangeOf = Symbol("exchange");
interface ExchangeMessage extends IncomingMessage {
  [exchangeOf]: Http1Exchange;
}
interface ExchangeResponse extends ServerResponse {
  [exchangeOf]: Http1Exchange;
}

export class Http1Exchange implements HttpExchange {
  readonly headers: IncomingHttpHeaders;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #connection: Http1Connection;
  /** The client sends no body before it is told to. */
  #awaitsContinue: boolean;
  /** The answer is complete, but its end, with which the connection ends too, waits for the rest of the request. */
  #isLingering = false;
  #isClosed = false;
  /** Set before anything can be told to it. */
  listener!: HttpExchangeListener;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    connection: Http1Connection,
    awaitsContinue: boolean,
  ) {
    this.headers = request.headers;
    this.#request = request;
    this.#response = response;
    this.#connection = connection;
    this.#awaitsContinue = awaitsContinue;
    (request as ExchangeMessage)[exchangeOf] = this;
    (response as ExchangeResponse)[exchangeOf] = this;
    request.on("error", ignoreError);
    response.on("error", ignoreError);
    response.on("close", onResponseClose);
  }

  get method(): string {
    return this.#request.method ?? "";
  }

  get target(): string {
    return this.#request.url ?? "";
  }

  get isReceived(): boolean {
    return this.#request.complete || !this.#hasBody;
  }

  get isOpen(): boolean {
    return !this.#isClosed && !this.#response.destroyed;
  }

  receive(): void {
    if (this.#awaitsContinue) this.#response.writeContinue();
    this.#awaitsContinue = false;
    this.#request.on("data", onData);
    this.#request.on("end", onEnd);
  }

  answer({ status, headers, body }: HttpAnswer): void {
    const { isReceived } = this;
    const response = this.#response;
    const isKept = this.#connection.isKept && response.shouldKeepAlive;
    const keepsConnection = isKept && (isReceived || this.#isRestSmall());
    response.writeHead(status, [
      ...headers,
      ...(status === 204 ? [] : ["content-length", String(body.length)]),
      ...(keepsConnection ? [] : ["connection", "close"]),
    ]);
    if (isReceived || keepsConnection) response.end(body);
    else {
      // Closing a socket with bytes to be read in it breaks the connection off, and the answer with it.
      this.#isLingering = true;
      response.write(body);
      this.#request.on("end", onDiscarded);
    }
    if (!isReceived) this.#request.resume();
  }

  stopReceiving(): void {
    if (this.#isLingering) this.endLingering();
    // The answer has been sent, so all that ends is a request that nobody wants.
    else this.#connection.destroy();
  }

  answerUnread(): void {
    this.#connection.answerUnread();
  }

  /** Ends the answer, and with it the connection. */
  endLingering(): void {
    if (!this.#isLingering) return;
    this.#isLingering = false;
    this.#response.end();
  }

  /** The answer is out. What is left of the request still belongs to this exchange. */
  answered(): void {
    if (this.isReceived || this.#request.destroyed) this.closed();
    else this.#request.on("end", onAllReceived);
  }

  /** The exchange is over, or its connection is. */
  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.exchangeClosed(this);
    this.listener.onClose();
  }

  get #hasBody(): boolean {
    const { "content-length": length = "0", "transfer-encoding": transferEncoding } = this.headers;
    return transferEncoding !== undefined || length !== "0";
  }

  #isRestSmall(): boolean {
    return !this.#awaitsContinue && Number(this.headers["content-length"]) <= discardedBytesMax;
  }
}

function onData(this: IncomingMessage, chunk: Buffer): void {
  (this as ExchangeMessage)[exchangeOf].listener.onData(chunk);
}
function onEnd(this: IncomingMessage): void {
  (this as ExchangeMessage)[exchangeOf].listener.onEnd();
}
function onDiscarded(this: IncomingMessage): void {
  (this as ExchangeMessage)[exchangeOf].endLingering();
}
function onAllReceived(this: IncomingMessage): void {
  (this as ExchangeMessage)[exchangeOf].closed();
}
function onResponseClose(this: ServerResponse): void {
  (this as ExchangeResponse)[exchangeOf].answered();
}
/** What fails is closed too, which is where it is dealt with. */
function ignoreError(): void {}
