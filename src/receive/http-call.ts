/**
 * One OTLP/HTTP request: headers are checked, bytes reserved, the body put together, decompressed, made
 * protobuf of where it is JSON, the sink asked, the answer sent, and every reserved byte given back.
 * Its phases: export-call.ts.
 */
import { monotonicMs } from "../base/clock.ts";
import { type ExportResult, type ForwardedHeaders, noForwardedHeaders } from "../otlp/export-request.ts";
import type { JsonTranscoder } from "../otlp/json/transcoder.ts";
import { RequestMemory } from "../otlp/request-memory.ts";
import type { Signal } from "../otlp/signal.ts";
import { type GrpcCode, grpcCode } from "../otlp/status.ts";
import { decompressWithinBudget } from "./bounded-decompression.ts";
import {
  type CallPhase,
  callOverheadBytes,
  type ExportCallContext,
  giveBackUnneeded,
  partialSuccessOf,
  unexpectedFailure,
} from "./export-call.ts";
import { forwardedHeaders } from "./forwarded-headers.ts";
import { gzipped, type HttpAnswer, statusAnswer, successAnswer } from "./http-answer.ts";
import { BodyAssembler } from "./http-body.ts";
import type { CorsPolicy } from "./http-cors.ts";
import type { HttpExchange, HttpExchangeListener } from "./http-exchange.ts";
import {
  type HttpRefusal,
  type HttpRefusalReason,
  httpStatusOf,
  malformedBody,
  refusals,
} from "./http-refusals.ts";
import {
  acceptsGzip,
  type BodyHead,
  formatOf,
  pathOf,
  readBodyHead,
  type SignalOfPath,
} from "./http-request-head.ts";
import { Reservation } from "./reservation.ts";

/** What all calls of a receiver share. */
export interface HttpCallContext extends ExportCallContext<HttpCall, HttpRefusalReason> {
  readonly maxRequestBodySizeBytes: number;
  /** For the request to arrive, and then for the client to take its answer. */
  readonly readTimeoutMs: number;
  readonly signalOfPath: SignalOfPath;
  /** Signals without one are taken in protobuf alone. */
  readonly transcoders: Readonly<Partial<Record<Signal, JsonTranscoder>>>;
  /** Absent: no page may send. */
  readonly cors: CorsPolicy | undefined;
}

/** What may arrive of a body before it is read: a chunk of HTTP/1.1, or a stream's window of HTTP/2. */
const unreadBytes = 1024 * 1024;
/**
 * How long the rest of a request that was answered early is read and thrown away. Clients stop by
 * themselves when they see the answer, for which a round trip must be enough.
 */
const discardMs = 1000;

export class HttpCall implements HttpExchangeListener {
  readonly #exchange: HttpExchange;
  readonly #context: HttpCallContext;
  readonly #reservation: Reservation;
  readonly #memory: RequestMemory;
  #phase: CallPhase = "authenticating";
  /** When the phase ends by itself, on `monotonicMs`. */
  #phaseDeadlineMs: number;
  #signal: Signal | undefined;
  /** Set when the body is read. */
  #head: BodyHead | undefined;
  #assembler: BodyAssembler | undefined;
  #forwardedHeaders: ForwardedHeaders = noForwardedHeaders;
  /** The sink has the payload, which is in memory until the sink is done with it, whatever becomes of the client. */
  #isWithSink = false;

  constructor(exchange: HttpExchange, context: HttpCallContext) {
    this.#exchange = exchange;
    this.#context = context;
    this.#reservation = new Reservation(context.budget);
    this.#memory = new RequestMemory(context.pool, this.#reservation);
    this.#phaseDeadlineMs = monotonicMs() + context.readTimeoutMs;
    context.openCalls.add(this);
  }

  /** Checks the headers, and reads the body of a request that may be made. */
  start(): void {
    const { method, headers, target } = this.#exchange;
    const { signalOfPath, cors, authenticator } = this.#context;
    const signal = signalOfPath.get(pathOf(target));
    if (signal === undefined) {
      this.refuse(refusals.unknownPath);
      return;
    }
    if (cors?.isPreflight(method, headers)) {
      // Asked by the browser, which has no credentials to show.
      this.#answer({ status: 204, headers: cors.preflightHeaders(headers), body: noBody }, undefined);
      return;
    }
    if (method !== "POST") {
      this.refuse(refusals.wrongMethod, ["allow", cors === undefined ? "POST" : "OPTIONS, POST"]);
      return;
    }
    this.#signal = signal;
    const verdict = authenticator === undefined || authenticator.authenticate(headers);
    if (typeof verdict === "boolean") this.#authenticated(verdict);
    else void this.#awaitAuthentication(verdict);
  }

  /** Ends the phase whose deadline has passed. Called every so often, so deadlines are late by that at most. */
  checkDeadline(nowMs: number): void {
    if (nowMs < this.#phaseDeadlineMs) return;
    switch (this.#phase) {
      case "authenticating":
      case "receiving":
        this.refuse(refusals.receiveTimeout);
        return;
      case "discarding":
        this.#setPhase("answering", nowMs + this.#context.readTimeoutMs);
        this.#exchange.stopReceiving();
        return;
      case "answering":
        this.#exchange.answerUnread();
        return;
      case "exporting":
      case "closed":
        return;
    }
  }

  refuse(refusal: HttpRefusal, headers: readonly string[] = []): void {
    const { metrics } = this.#context;
    const isOwed = this.#phase === "authenticating" || this.#phase === "receiving";
    if (!isOwed) return;
    metrics.countRefusal(refusal.reason);
    const format = formatOf(this.#exchange.headers);
    this.#answer(statusAnswer(refusal.httpStatus, refusal.status, format, headers), refusal.status.code);
  }

  onData(chunk: Buffer): void {
    if (this.#phase !== "receiving") return;
    const fault = this.#assembler!.push(chunk);
    if (fault !== undefined) this.refuse(fault === "too_large" ? refusals.tooLarge : refusals.overBudget);
  }

  onEnd(): void {
    if (this.#phase !== "receiving") return;
    const payload = this.#readPayload();
    if ("reason" in payload) this.refuse(payload);
    else void this.#export(payload);
  }

  onClose(): void {
    const wasAnswered = this.#phase === "answering" || this.#phase === "discarding";
    if (!wasAnswered && this.#signal !== undefined) {
      this.#context.metrics.countRequest(this.#signal, grpcCode.CANCELLED);
    }
    this.#setPhase("closed", Number.POSITIVE_INFINITY);
    this.#context.openCalls.delete(this);
  }

  async #awaitAuthentication(verdict: Promise<boolean>): Promise<void> {
    // Meanwhile the body is not read, so at most this much of it arrives.
    if (!this.#reservation.tryGrow(unreadBytes)) {
      this.refuse(refusals.overBudget);
      return;
    }
    const isAuthenticated = await verdict;
    if (this.#phase !== "authenticating") return;
    this.#reservation.shrinkTo(0);
    this.#authenticated(isAuthenticated);
  }

  #authenticated(isAuthenticated: boolean): void {
    const { authenticator, maxRequestBodySizeBytes, forwardHeaders } = this.#context;
    const { headers } = this.#exchange;
    if (!isAuthenticated) {
      this.refuse(refusals.unauthenticated, ["www-authenticate", authenticator?.challenge ?? "Bearer"]);
      return;
    }
    const head = readBodyHead(headers, maxRequestBodySizeBytes);
    if ("reason" in head) {
      this.refuse(head);
      return;
    }
    if (head.format === "json" && this.#context.transcoders[this.#signal!] === undefined) {
      this.refuse(refusals.noJson);
      return;
    }
    const { contentLengthBytes } = head;
    if (!this.#reservation.tryGrow(callOverheadBytes + (contentLengthBytes ?? 0))) {
      this.refuse(refusals.overBudget);
      return;
    }
    const isPayload = head.format === "protobuf" && head.coding === "identity";
    this.#head = head;
    this.#assembler = new BodyAssembler(maxRequestBodySizeBytes, contentLengthBytes, {
      tryGrow: (sizeBytes) => this.#reservation.tryGrow(sizeBytes),
      allocate: (sizeBytes) =>
        isPayload && sizeBytes === contentLengthBytes
          ? this.#memory.allocatePayload(sizeBytes)
          : Buffer.allocUnsafeSlow(sizeBytes),
    });
    this.#forwardedHeaders = forwardedHeaders(headers, forwardHeaders);
    this.#setPhase("receiving", this.#phaseDeadlineMs);
    this.#exchange.receive();
  }

  /** The body as protobuf, uncompressed. */
  #readPayload(): Buffer | HttpRefusal {
    const { format, coding } = this.#head!;
    let content = this.#assembler!.end();
    this.#assembler = undefined;
    if (coding !== "identity") {
      const { maxRequestBodySizeBytes } = this.#context;
      const decompressed = decompressWithinBudget(
        coding,
        content,
        maxRequestBodySizeBytes,
        this.#reservation,
      );
      if (typeof decompressed === "string") return decompressionRefusals[decompressed];
      content = decompressed;
      // The compressed body is let go.
      this.#reservation.shrinkTo(callOverheadBytes + content.length);
    }
    return format === "json" ? this.#transcode(content) : content;
  }

  #transcode(json: Buffer): Buffer | HttpRefusal {
    const payload = this.#context.transcoders[this.#signal!]!.transcode(json, {
      tryGrow: (sizeBytes) => this.#reservation.tryGrow(sizeBytes),
      allocate: (sizeBytes) => this.#memory.allocatePayload(sizeBytes),
    });
    if (Buffer.isBuffer(payload)) {
      this.#reservation.shrinkTo(callOverheadBytes + payload.length);
      return payload;
    }
    if (payload.kind === "over_budget") return refusals.overBudget;
    return malformedBody(payload.field === "" ? "body" : payload.field, payload.description);
  }

  async #export(payload: Buffer): Promise<void> {
    this.#isWithSink = true;
    this.#setPhase("exporting", Number.POSITIVE_INFINITY);
    let result: ExportResult;
    try {
      result = await this.#context.sink.export({
        signal: this.#signal!,
        payload,
        memory: this.#memory,
        forwardedHeaders: this.#forwardedHeaders,
        // HTTP has no deadline that a client could name.
        deadlineMs: Number.POSITIVE_INFINITY,
      });
    } catch (thrown) {
      result = unexpectedFailure(thrown, this.#memory, this.#context.logger);
    }
    this.#isWithSink = false;
    // The client may have gone: then there is nobody to answer.
    if (this.#phase === "exporting") this.#answerResult(result);
    else this.#giveBack();
  }

  #answerResult(result: ExportResult): void {
    const { format } = this.#head!;
    if (result.kind === "failure") {
      const { status } = result;
      this.#answer(statusAnswer(httpStatusOf(status), status, format), status.code);
      return;
    }
    this.#answer(successAnswer(this.#signal!, partialSuccessOf(result), format), grpcCode.OK);
  }

  #answer(answer: HttpAnswer, code: GrpcCode | undefined): void {
    const exchange = this.#exchange;
    const { metrics, cors, readTimeoutMs } = this.#context;
    // The client may be gone although that is yet to be announced.
    if (!exchange.isOpen) return;
    if (this.#signal !== undefined && code !== undefined) metrics.countRequest(this.#signal, code);
    const encoded = acceptsGzip(exchange.headers) ? gzipped(answer) : answer;
    if (exchange.isReceived) this.#setPhase("answering", monotonicMs() + readTimeoutMs);
    else this.#setPhase("discarding", monotonicMs() + discardMs);
    if (cors === undefined || answer.status === 204) exchange.answer(encoded);
    else {
      const headers = [...encoded.headers, ...cors.answerHeaders(exchange.headers)];
      exchange.answer({ status: encoded.status, headers, body: encoded.body });
    }
  }

  #setPhase(phase: CallPhase, deadlineMs: number): void {
    this.#phase = phase;
    this.#phaseDeadlineMs = deadlineMs;
    if (phase !== "receiving") this.#assembler = undefined;
    this.#giveBack();
  }

  #giveBack(): void {
    if (!this.#isWithSink) giveBackUnneeded(this.#phase, this.#memory, this.#reservation);
  }
}

const noBody = Buffer.alloc(0);

const decompressionRefusals = {
  too_large: refusals.tooLarge,
  corrupt: refusals.corrupt,
  over_budget: refusals.overBudget,
} as const;
