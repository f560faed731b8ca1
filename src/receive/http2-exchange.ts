/** An exchange on a stream of HTTP/2. */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { HttpAnswer } from "./http-answer.ts";
import type { HttpExchange, HttpExchangeListener } from "./http-exchange.ts";
import type { Http2Connection } from "./http2-connection.ts";

const exchangeOf = Symbol("exchange");
interface ExchangeStream extends ServerHttp2Stream {
  [exchangeOf]: Http2Exchange;
}

export class Http2Exchange implements HttpExchange {
  readonly headers: IncomingHttpHeaders;
  readonly #stream: ServerHttp2Stream;
  readonly #connection: Http2Connection;
  #isAnswered = false;
  /** Set before anything can be told to it. */
  listener!: HttpExchangeListener;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, connection: Http2Connection) {
    this.headers = headers;
    this.#stream = stream;
    this.#connection = connection;
    connection.callOpened();
    (stream as ExchangeStream)[exchangeOf] = this;
    stream.on("error", ignoreError);
    stream.on("close", onClose);
  }

  get method(): string {
    return this.headers[":method"] ?? "";
  }

  get target(): string {
    return this.headers[":path"] ?? "";
  }

  get isReceived(): boolean {
    return this.#stream.readableEnded || this.#stream.endAfterHeaders;
  }

  get isOpen(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed;
  }

  receive(): void {
    if (this.headers.expect?.toLowerCase() === "100-continue") {
      this.#stream.additionalHeaders({ ":status": constants.HTTP_STATUS_CONTINUE });
    }
    this.#stream.on("data", onData);
    this.#stream.on("end", onEnd);
  }

  answer({ status, headers, body }: HttpAnswer): void {
    this.#isAnswered = true;
    this.#connection.callAnswered();
    const length = status === 204 ? [] : ["content-length", String(body.length)];
    const endStream = body.length === 0 || this.method === "HEAD";
    this.#stream.respond([":status", String(status), ...headers, ...length], { endStream });
    if (!endStream) this.#stream.end(body);
    if (!this.isReceived) this.#stream.resume();
  }

  stopReceiving(): void {
    // RFC 9113 §8.1: an answer that is complete, and no wish to see the rest of the request.
    this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  answerUnread(): void {
    this.#connection.answerUnread();
  }

  closed(): void {
    this.#connection.callClosed(!this.#isAnswered && this.#stream.rstCode !== constants.NGHTTP2_NO_ERROR);
    this.listener.onClose();
  }
}

// One function each for all streams: a closure per stream and event costs more than the work in it.
function onData(this: ServerHttp2Stream, chunk: Buffer): void {
  (this as ExchangeStream)[exchangeOf].listener.onData(chunk);
}
function onEnd(this: ServerHttp2Stream): void {
  // A stream that was reset ends too, with a part of its body, which may look whole.
  if (!this.aborted) (this as ExchangeStream)[exchangeOf].listener.onEnd();
}
function onClose(this: ServerHttp2Stream): void {
  (this as ExchangeStream)[exchangeOf].closed();
}
/** A stream that fails is closed too, which is where it is dealt with. */
function ignoreError(): void {}
