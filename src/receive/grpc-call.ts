/**
 * One unary Export call on one HTTP/2 stream: headers are checked, bytes reserved, the message put
 * together and decompressed, the sink asked, the answer sent, and every reserved byte given back.
 * Its phases: export-call.ts.
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { monotonicMs } from "../base/clock.ts";
import type { ContentCoding } from "../base/compression.ts";
import { type MessageAdmission, MessageAssembler, type MessageFault } from "../grpc/framing.ts";
import { type ExportResult, type ForwardedHeaders, noForwardedHeaders } from "../otlp/export-request.ts";
import { RequestMemory } from "../otlp/request-memory.ts";
import type { Signal } from "../otlp/signal.ts";
import { grpcCode, type RpcStatus } from "../otlp/status.ts";
import { type DecompressionFault, decompressWithinBudget } from "./bounded-decompression.ts";
import {
  type CallPhase,
  callOverheadBytes,
  type ExportCallContext,
  giveBackUnneeded,
  partialSuccessOf,
  unexpectedFailure,
} from "./export-call.ts";
import { forwardedHeaders } from "./forwarded-headers.ts";
import { answerRefusal, answerStatus, answerSuccess } from "./grpc-answer.ts";
import {
  type Refusal,
  type RefusalReason,
  readEncoding,
  readMethod,
  unauthenticated,
} from "./grpc-call-head.ts";
import { streamWindowBytes } from "./http2-server-options.ts";
import { Reservation } from "./reservation.ts";

/** What all calls of a receiver share. */
export interface CallContext extends ExportCallContext<GrpcCall, RefusalReason> {
  readonly maxRecvMsgSizeBytes: number;
  /** For the request to arrive, and then for the client to take its answer. */
  readonly receiveTimeoutMs: number;
}

/** What a call needs of the connection that carries it. */
export interface CallConnection {
  callOpened(): void;
  callAnswered(): void;
  callClosed(wasReset: boolean): void;
  /** The client takes no answers: nothing on this connection is worth keeping. */
  answerUnread(): void;
}

/**
 * How long the rest of a request that was answered early is read and thrown away, before the client
 * is told to stop sending. Not at once: nghttp2 drops an answer that waits for the socket when its
 * stream is reset. Clients stop by themselves when they see the answer.
 */
const discardMs = 300;
/** When a client that was refused for lack of room may come again. */
const overloadRetryDelayMs = 1000;

type LocalFault = MessageFault | DecompressionFault | "compressed_without_encoding" | "receive_timeout";

const callOf = Symbol("call");
interface CallStream extends ServerHttp2Stream {
  [callOf]: GrpcCall;
}

export class GrpcCall implements MessageAdmission {
  readonly #stream: ServerHttp2Stream;
  readonly #context: CallContext;
  readonly #connection: CallConnection;
  readonly #reservation: Reservation;
  readonly #assembler: MessageAssembler;
  readonly #memory: RequestMemory;
  #phase: CallPhase = "authenticating";
  /** When the phase ends by itself, on `monotonicMs`. */
  #phaseDeadlineMs: number;
  #clientDeadlineMs = Number.POSITIVE_INFINITY;
  #signal: Signal | undefined;
  #coding: ContentCoding = "identity";
  #forwardedHeaders: ForwardedHeaders = noForwardedHeaders;
  /** The sink has the payload, which is in memory until the sink is done with it, whatever becomes of the stream. */
  #isWithSink = false;

  constructor(stream: ServerHttp2Stream, context: CallContext, connection: CallConnection) {
    this.#stream = stream;
    this.#context = context;
    this.#connection = connection;
    this.#reservation = new Reservation(context.budget);
    this.#assembler = new MessageAssembler(context.maxRecvMsgSizeBytes, this);
    this.#memory = new RequestMemory(context.pool, this.#reservation);
    this.#phaseDeadlineMs = monotonicMs() + context.receiveTimeoutMs;
    context.openCalls.add(this);
    connection.callOpened();
    (stream as CallStream)[callOf] = this;
    stream.on("error", ignoreError);
    stream.on("close", onClose);
  }

  /** Checks the headers, and reads the body of a call that may be made. */
  start(headers: IncomingHttpHeaders): void {
    const method = readMethod(headers);
    if (typeof method !== "string") {
      this.#refuse(method);
      return;
    }
    this.#signal = method;
    const { authenticator } = this.#context;
    const verdict = authenticator === undefined || authenticator.authenticate(headers);
    if (typeof verdict === "boolean") this.#authenticated(verdict, headers);
    else void this.#awaitAuthentication(verdict, headers);
  }

  /** Ends the phase whose deadline has passed. Called every so often, so deadlines are late by that at most. */
  checkDeadline(nowMs: number): void {
    if (nowMs < this.#phaseDeadlineMs) return;
    switch (this.#phase) {
      case "authenticating":
      case "receiving":
        if (nowMs >= this.#clientDeadlineMs) this.#answerStatus(deadlineExceeded);
        else this.#refuse(refusals.receive_timeout);
        return;
      case "exporting":
        this.#answerStatus(deadlineExceeded);
        return;
      case "discarding":
        this.#setPhase("answering", nowMs + this.#context.receiveTimeoutMs);
        // RFC 9113 §8.1: an answer that is complete, and no wish to see the rest of the request.
        this.#stream.close(constants.NGHTTP2_NO_ERROR);
        return;
      case "answering":
        this.#connection.answerUnread();
        return;
      case "closed":
        return;
    }
  }

  /** The message's declared length is known (MessageAdmission). */
  admitMessage(sizeBytes: number): boolean {
    return this.#reservation.tryGrow(sizeBytes);
  }

  allocateMessage(sizeBytes: number): Buffer {
    return this.#memory.allocatePayload(sizeBytes);
  }

  onData(chunk: Buffer): void {
    if (this.#phase !== "receiving") return;
    const fault = this.#assembler.push(chunk);
    if (fault !== undefined) this.#refuse(refusals[fault]);
  }

  onEnd(): void {
    if (this.#phase !== "receiving") return;
    const payload = this.#readPayload();
    if (typeof payload === "string") this.#refuse(refusals[payload]);
    else void this.#export(payload);
  }

  onClose(): void {
    const wasAnswered = this.#phase === "answering" || this.#phase === "discarding";
    if (!wasAnswered && this.#signal !== undefined) {
      this.#context.metrics.countRequest(this.#signal, grpcCode.CANCELLED);
    }
    this.#setPhase("closed", Number.POSITIVE_INFINITY);
    this.#context.openCalls.delete(this);
    this.#connection.callClosed(!wasAnswered && this.#stream.rstCode !== constants.NGHTTP2_NO_ERROR);
  }

  async #awaitAuthentication(verdict: Promise<boolean>, headers: IncomingHttpHeaders): Promise<void> {
    // Meanwhile the body is not read, so at most a window of it arrives.
    if (!this.#reservation.tryGrow(streamWindowBytes)) {
      this.#refuse(refusals.not_admitted);
      return;
    }
    const isAuthenticated = await verdict;
    if (this.#phase !== "authenticating") return;
    this.#reservation.shrinkTo(0);
    this.#authenticated(isAuthenticated, headers);
  }

  #authenticated(isAuthenticated: boolean, headers: IncomingHttpHeaders): void {
    if (!isAuthenticated) {
      this.#refuse(unauthenticated);
      return;
    }
    const encoding = readEncoding(headers);
    if ("reason" in encoding) {
      this.#refuse(encoding);
      return;
    }
    if (encoding.timeoutMs <= 0) {
      this.#answerStatus(deadlineExceeded);
      return;
    }
    if (!this.#reservation.tryGrow(callOverheadBytes)) {
      this.#refuse(refusals.not_admitted);
      return;
    }
    this.#coding = encoding.coding;
    this.#clientDeadlineMs = monotonicMs() + encoding.timeoutMs;
    this.#forwardedHeaders = forwardedHeaders(headers, this.#context.forwardHeaders);
    this.#setPhase("receiving", Math.min(this.#phaseDeadlineMs, this.#clientDeadlineMs));
    this.#stream.on("data", onData);
    this.#stream.on("end", onEnd);
  }

  #readPayload(): Buffer | LocalFault {
    const message = this.#assembler.end();
    if (typeof message === "string" || !this.#assembler.isCompressed) return message;
    if (this.#coding === "identity") return "compressed_without_encoding";
    const { maxRecvMsgSizeBytes } = this.#context;
    const content = decompressWithinBudget(this.#coding, message, maxRecvMsgSizeBytes, this.#reservation);
    // The compressed message is let go.
    if (typeof content !== "string") this.#reservation.shrinkTo(callOverheadBytes + content.length);
    return content;
  }

  async #export(payload: Buffer): Promise<void> {
    this.#isWithSink = true;
    this.#setPhase("exporting", this.#clientDeadlineMs);
    let result: ExportResult;
    try {
      result = await this.#context.sink.export({
        signal: this.#signal!,
        payload,
        memory: this.#memory,
        forwardedHeaders: this.#forwardedHeaders,
        deadlineMs: this.#clientDeadlineMs,
      });
    } catch (thrown) {
      result = unexpectedFailure(thrown, this.#memory, this.#context.logger);
    }
    this.#isWithSink = false;
    // The client may have gone, or its deadline passed: then there is nobody to answer.
    if (this.#phase === "exporting") this.#answerResult(result);
    else this.#giveBack();
  }

  #answerResult(result: ExportResult): void {
    if (result.kind === "failure") {
      this.#answerStatus(result.status);
      return;
    }
    if (!this.#beginAnswer(grpcCode.OK)) return;
    answerSuccess(this.#stream, partialSuccessOf(result));
  }

  #answerStatus(status: RpcStatus): void {
    if (!this.#beginAnswer(status.code)) return;
    answerStatus(this.#stream, status);
  }

  #refuse(refusal: Refusal): void {
    this.#context.metrics.countRefusal(refusal.reason);
    if (!this.#beginAnswer(refusal.status.code)) return;
    answerRefusal(this.#stream, refusal);
  }

  /** False when there is nobody to answer: the stream may be gone although its close is yet to be announced. */
  #beginAnswer(code: RpcStatus["code"]): boolean {
    if (this.#stream.destroyed || this.#stream.closed) return false;
    if (this.#signal !== undefined) this.#context.metrics.countRequest(this.#signal, code);
    this.#connection.callAnswered();
    if (this.#stream.readableEnded) {
      this.#setPhase("answering", monotonicMs() + this.#context.receiveTimeoutMs);
    } else {
      this.#setPhase("discarding", monotonicMs() + discardMs);
      this.#stream.resume();
    }
    return true;
  }

  #setPhase(phase: CallPhase, deadlineMs: number): void {
    this.#phase = phase;
    this.#phaseDeadlineMs = deadlineMs;
    this.#giveBack();
  }

  #giveBack(): void {
    if (!this.#isWithSink) giveBackUnneeded(this.#phase, this.#memory, this.#reservation);
  }
}

const deadlineExceeded: RpcStatus = {
  code: grpcCode.DEADLINE_EXCEEDED,
  message: "the deadline of the request has passed",
};

const overBudget: Refusal = {
  reason: "over_budget",
  status: {
    code: grpcCode.UNAVAILABLE,
    message: "too many bytes in flight; try again later",
    retryDelayMs: overloadRetryDelayMs,
  },
};
// Without RetryInfo: it will be too large the next time too (OTLP/gRPC Request).
const tooLarge: Refusal = {
  reason: "too_large",
  status: {
    code: grpcCode.RESOURCE_EXHAUSTED,
    message: "the message is larger than max_recv_msg_size; send smaller batches",
  },
};

/** How a call is refused for what is wrong with its body. */
const refusals: Readonly<Record<LocalFault, Refusal>> = {
  too_large: tooLarge,
  not_admitted: overBudget,
  over_budget: overBudget,
  bad_flag: malformedBody("the first byte of the message is neither 0 nor 1"),
  more_than_one: malformedBody("more than one message in a unary call"),
  missing: malformedBody("no message in a unary call"),
  truncated: malformedBody("the request ended within its message"),
  corrupt: malformedBody("the message cannot be decompressed as grpc-encoding says"),
  compressed_without_encoding: malformedBody("a compressed message without grpc-encoding"),
  receive_timeout: {
    reason: "receive_timeout",
    status: { code: grpcCode.DEADLINE_EXCEEDED, message: "the request did not arrive in time" },
  },
};

function malformedBody(problem: string): Refusal {
  return { reason: "malformed_body", status: { code: grpcCode.INTERNAL, message: problem } };
}

// One function each for all streams: a closure per stream and event costs more than the work in it.
function onData(this: ServerHttp2Stream, chunk: Buffer): void {
  (this as CallStream)[callOf].onData(chunk);
}
function onEnd(this: ServerHttp2Stream): void {
  (this as CallStream)[callOf].onEnd();
}
function onClose(this: ServerHttp2Stream): void {
  (this as CallStream)[callOf].onClose();
}
/** A stream that fails is closed too, which is where it is dealt with. */
function ignoreError(): void {}
