/** Sends requests to one backend by OTLP/HTTP, in protobuf. */
import type { LookupFunction } from "node:net";
import type { ClientCredentials } from "../base/client-credentials.ts";
import { type ContentCoding, compressJoined } from "../base/compression.ts";
import type { Logger } from "../base/logger.ts";
import type { ClientTls } from "../base/tls.ts";
import { type Signal, signalFacts, signals } from "../otlp/signal.ts";
import { CallHeaders } from "./call-headers.ts";
import { endOfAnswer, responseBodyBytesMax } from "./http-answer.ts";
import { type ExchangeEnd, HttpExchanges } from "./http-exchanges.ts";
import { HttpReachability } from "./http-reachability.ts";
import { type CallEnd, type CallOutcome, outcomeOf } from "./outcome.ts";
import type { Sender } from "./sender.ts";
import { parseTarget } from "./socket.ts";

export interface HttpSenderOptions {
  /** `host:port` of the backend. */
  readonly member: string;
  /** `otlp-ring/<version>`. */
  readonly userAgent: string;
  /** Where each signal goes, beginning with a slash. Default: OTLP's own, `/v1/traces` and so on. */
  readonly paths?: Readonly<Partial<Record<Signal, string>>>;
  /** Of requests. Default identity. */
  readonly compression?: ContentCoding;
  /** Sent with every call, in place of forwarded ones of the same name. Default none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Asked anew for each call. Default none. */
  readonly credentials?: Pick<ClientCredentials, "headers">;
  /** Absent: plain text. */
  readonly tls?: ClientTls;
  /** How a member that is a name is resolved. Default: as the operating system does. */
  readonly lookup?: LookupFunction;
  /** Connections at a time; further calls wait for one. Default 4. */
  readonly connectionsMax?: number;
  /** For name resolution, TCP and TLS together. Default 3000. */
  readonly connectTimeoutMs?: number;
  /** An idle connection is closed after this long. Default 4000: servers close theirs after 5 s and more. */
  readonly idleTimeoutMs?: number;
}

/** Compression of less than this saves nothing on the wire. */
const compressedBytesMin = 256;

/**
 * Up to this size a piece is copied beside its neighbours: a write of its own costs more than the copy. Larger ones
 * go by reference: of 432 kB in pieces of 27 kB the copy takes as long again as the call.
 */
const copiedBytesMax = 4096;
/** Copies beyond it would be allocated by mapping fresh pages, one page fault each 4 KiB. */
const runBytesMax = 64 * 1024;

/** Names that HTTP gives a meaning, which neither configuration nor clients may set. */
const reservedName =
  /^(?::|proxy-|(?:accept-encoding|connection|content-(?:encoding|length|type)|expect|host|http2-settings|keep-alive|te|trailer|transfer-encoding|upgrade|user-agent)$)/;

/** @throws {OtlpRingError} `invalid_endpoint` or `invalid_header`. */
export function createHttpSender(options: HttpSenderOptions, modules: { readonly logger: Logger }): Sender {
  const { member, tls, compression = "identity", idleTimeoutMs = 4000 } = options;
  const target = parseTarget(member, options.lookup);
  const reachability = new HttpReachability(
    { target, tls, connectTimeoutMs: options.connectTimeoutMs ?? 3000, idleTimeoutMs },
    modules,
  );
  const exchanges = new HttpExchanges(
    {
      // The zone of a link-local address is of this machine's alone (RFC 6874 §1).
      origin: `${tls === undefined ? "http" : "https"}://${member.replace(/%[^\]]*/, "")}`,
      connectionsMax: options.connectionsMax ?? 4,
      idleTimeoutMs,
    },
    { openSocket: () => reachability.openSocket() },
  );
  const callHeaders = new CallHeaders({
    headers: options.headers,
    credentials: options.credentials,
    reserved: reservedName,
    protocol: "HTTP",
  });
  const paths = Object.fromEntries(
    signals.map((signal) => [signal, options.paths?.[signal] ?? signalFacts[signal].httpPath]),
  ) as Record<Signal, string>;
  // Answers are a few bytes, which no coding makes fewer.
  const fixedHeaders = [
    ["content-type", "application/x-protobuf"],
    ["accept-encoding", "identity"],
    ["user-agent", options.userAgent],
  ].flat();

  return {
    get connectionState() {
      return reachability.stateKind;
    },
    async call(signal, forwardedHeaders, payloads, deadlineMs): Promise<CallOutcome> {
      // A backend that takes no more connections may still answer over those that there are.
      if (reachability.stateKind !== "ready" && !exchanges.hasIdleConnection) {
        const unreachable = await reachability.whenReachable(deadlineMs);
        if (unreachable !== undefined) {
          return outcomeOf({ kind: "unprocessed", detail: unreachable.reason }, member);
        }
      }
      const { coding, body } = encodedBody(payloads, compression);
      const path = paths[signal];
      const end = await exchanges.post({
        path,
        headers: [
          ...fixedHeaders,
          ...(coding === "identity" ? [] : ["content-encoding", coding]),
          ...callHeaders.list(forwardedHeaders),
        ],
        body,
        deadlineMs,
        responseBytesMax: responseBodyBytesMax,
      });
      if (end.kind === "answer") reachability.callAnswered();
      if (end.kind === "broken") reachability.callBroken(end.detail);
      return outcomeOf(callEnd(signal, path, end), member);
    },
    close() {
      reachability.close();
      exchanges.close("the lane is closed");
    },
  };
}

function callEnd(signal: Signal, path: string, end: ExchangeEnd): CallEnd {
  switch (end.kind) {
    case "answer":
      return endOfAnswer(signal, path, end);
    case "deadline":
      return { kind: "deadline", detail: "no answer within the call's timeout" };
    case "not_sent":
      return { kind: "unprocessed", detail: end.detail };
    case "not_http":
      return { kind: "not_otlp", detail: `not an answer of HTTP/1.1: ${end.detail}` };
    case "broken":
      return { kind: "interrupted", detail: end.detail };
  }
}

interface EncodedBody {
  readonly coding: ContentCoding;
  readonly body: readonly Buffer[];
}

/** The payloads one after another, in the coding that was asked for where that is worth it. */
function encodedBody(payloads: readonly Buffer[], coding: ContentCoding): EncodedBody {
  if (coding === "identity") return { coding, body: writtenPieces(payloads) };
  const sizeBytes = payloads.reduce((sum, payload) => sum + payload.length, 0);
  if (sizeBytes < compressedBytesMin) return { coding: "identity", body: writtenPieces(payloads) };
  return { coding, body: [compressJoined(coding, payloads)] };
}

/** `payloads` in as few pieces as are worth their copies. */
function writtenPieces(payloads: readonly Buffer[]): readonly Buffer[] {
  if (payloads.length === 1) return payloads;
  const pieces: Buffer[] = [];
  let run: Buffer[] = [];
  let runBytes = 0;
  const endRun = (): void => {
    if (run.length > 0) pieces.push(run.length === 1 ? run[0]! : Buffer.concat(run, runBytes));
    run = [];
    runBytes = 0;
  };
  for (const payload of payloads) {
    const isCopied = payload.length <= copiedBytesMax;
    if (!isCopied || runBytes + payload.length > runBytesMax) endRun();
    if (isCopied) {
      run.push(payload);
      runBytes += payload.length;
    } else pieces.push(payload);
  }
  endRun();
  return pieces;
}
