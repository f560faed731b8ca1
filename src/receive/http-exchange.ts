/** One request and its answer, whichever version of HTTP carries them. */
import type { IncomingHttpHeaders } from "node:http";
import type { HttpAnswer } from "./http-answer.ts";

export interface HttpExchange {
  readonly method: string;
  /** The request's target as it came, with its query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** Whether the whole request has arrived. */
  readonly isReceived: boolean;
  /** False when there is nobody to answer. */
  readonly isOpen: boolean;
  /** Reads the body from now on, after telling a client to send it that waits for that (`Expect: 100-continue`). */
  receive(): void;
  /** Answers, once; what has not arrived of the request is thrown away. */
  answer(answer: HttpAnswer): void;
  /** Ends a request of which, after its answer, no more is wanted. */
  stopReceiving(): void;
  /** Ends a connection whose client takes no answers. */
  answerUnread(): void;
}

/** Who deals with an exchange. */
export interface HttpExchangeListener {
  onData(chunk: Buffer): void;
  onEnd(): void;
  /** The exchange is over, whether it was answered or not. Called once, and nothing else after it. */
  onClose(): void;
}
