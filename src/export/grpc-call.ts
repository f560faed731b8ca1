/** One unary call on one connection, from its first header to what its end was. */
import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from "node:http2";
import { monotonicMs } from "../base/clock.ts";
import { CompressionError, type ContentCoding, contentCodings, decompress } from "../base/compression.ts";
import { errorMessage } from "../base/errors.ts";
import { MessageAssembler } from "../grpc/framing.ts";
import { decodeBinaryHeader, decodeStatus } from "../grpc/status-details.ts";
import { decodeStatusMessage } from "../grpc/status-message.ts";
import { decodeExportResponse } from "../otlp/export-response.ts";
import { type GrpcCode, grpcCode, type RpcStatus } from "../otlp/status.ts";
import type { GrpcTransport } from "./grpc-transport.ts";
import type { CallEnd } from "./outcome.ts";

export interface UnaryCall {
  /** Names and values in turn, pseudo headers first. */
  readonly rawHeaders: readonly string[];
  /** The framed message, in pieces. */
  readonly body: readonly Buffer[];
  /** On `monotonicMs`. */
  readonly deadlineMs: number;
}

/** specification.md: responses MUST be limited, 4 MiB RECOMMENDED, after decompression too. */
const responseBytesMax = 4 * 1024 * 1024;
/** What is passed on of a peer's words, to logs and clients. */
const messageLengthMax = 1024;

const grpcContentType = /^application\/grpc(?:$|[+;])/i;

/** Never rejects. The call is over when it answers, at the latest at its deadline. */
export function unaryCall(transport: GrpcTransport, call: UnaryCall): Promise<CallEnd> {
  return new Promise((resolve) => {
    let stream: ClientHttp2Stream;
    try {
      stream = transport.openStream(call.rawHeaders);
    } catch (error) {
      resolve({ kind: "unprocessed", detail: `the call cannot be made: ${errorMessage(error)}` });
      return;
    }
    const message = new MessageAssembler(responseBytesMax);
    let head: IncomingHttpHeaders | undefined;
    let trailers: IncomingHttpHeaders | undefined;
    let failure: Error | undefined;
    let messageFault: string | undefined;
    let isOver = false;

    const end = (result: CallEnd, wasAnswered: boolean): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      transport.callEnded(wasAnswered);
      const bodyIsWritten = stream.writableFinished || undefined;
      resolve(result.kind === "ok" ? { ...result, bodyIsWritten } : result);
      // An early answer leaves a request half sent, a bad one is not read to its end.
      if (!stream.closed && !(stream.writableFinished && stream.readableEnded)) {
        stream.close(constants.NGHTTP2_CANCEL);
      }
    };
    const timer = setTimeout(
      () => end({ kind: "deadline", detail: "no answer within the call's timeout" }, false),
      Math.max(0, call.deadlineMs - monotonicMs()),
    );

    stream.on("response", (headers) => {
      head = headers;
      const problem = headProblem(headers);
      if (problem !== undefined) end({ kind: "not_otlp", detail: problem }, true);
    });
    stream.on("trailers", (headers) => {
      trailers = headers;
    });
    stream.on("data", (chunk: Buffer) => {
      if (isOver || messageFault !== undefined) return;
      messageFault = message.push(chunk);
      if (messageFault === "too_large") end(responseTooLarge, true);
    });
    stream.on("end", () => {
      const last = trailers ?? head;
      // A stream that was reset ends too; `close` knows why.
      if (last?.["grpc-status"] === undefined) return;
      end(
        endByStatus(last, head, () => messageFault ?? message.end(), message.isCompressed),
        true,
      );
    });
    stream.on("error", (error) => {
      failure = error;
    });
    stream.on("close", () => {
      if (isOver) return;
      end(endWithoutStatus(transport, stream, head, failure), head !== undefined);
    });

    stream.cork();
    for (const piece of call.body) stream.write(piece);
    stream.end();
  });
}

const responseTooLarge: CallEnd = {
  kind: "response_too_large",
  detail: `the response is larger than ${responseBytesMax} bytes`,
};

/** Why the response's first headers are none of gRPC's. */
function headProblem(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): string | undefined {
  const contentType = headers["content-type"];
  if (contentType !== undefined && grpcContentType.test(contentType)) {
    // Beside another HTTP status gRPC's own status counts, if there is one.
    if (headers[":status"] === 200 || headers["grpc-status"] !== undefined) return undefined;
  }
  const type = contentType === undefined ? "no content type" : `content type ${bounded(contentType, 80)}`;
  return `not a gRPC answer: HTTP status ${headers[":status"]}, ${type}; does something else listen there?`;
}

function endByStatus(
  trailers: IncomingHttpHeaders,
  head: IncomingHttpHeaders | undefined,
  readMessage: () => Buffer | string,
  isCompressed: boolean,
): CallEnd {
  const code = readCode(trailers["grpc-status"]);
  if (code !== grpcCode.OK) return { kind: "status", status: readStatus(code, trailers) };
  const message = readMessage();
  if (typeof message === "string") return unreadable(`its message is ${message.replaceAll("_", " ")}`);
  return endByResponse(message, isCompressed ? head?.["grpc-encoding"] : "identity");
}

/** The end of a call that was answered OK: no fault in the answer's form takes that back. */
function endByResponse(message: Buffer, encoding: string | string[] | undefined): CallEnd {
  if (message.length === 0) return accepted;
  const coding = contentCodings.find((known) => known === encoding);
  if (coding === undefined) return unreadable(`encoding ${bounded(String(encoding), 40)}`);
  try {
    const partial = decodeExportResponse(decompressedResponse(coding, message));
    if (partial === undefined) return accepted;
    return { kind: "ok", rejectedItems: partial.rejectedItems, message: bounded(partial.message) };
  } catch (error) {
    if (error instanceof CompressionError && error.reason === "too_large") return responseTooLarge;
    return unreadable(errorMessage(error));
  }
}

function decompressedResponse(coding: ContentCoding, message: Buffer): Buffer {
  return decompress(coding, message, responseBytesMax);
}

const accepted: CallEnd = { kind: "ok", rejectedItems: 0, message: "" };

function unreadable(problem: string): CallEnd {
  return { kind: "ok", rejectedItems: 0, message: `the backend's answer cannot be read: ${problem}` };
}

function readStatus(code: GrpcCode, trailers: IncomingHttpHeaders): RpcStatus {
  const message = bounded(decodeStatusMessage(String(trailers["grpc-message"] ?? "")));
  const details = trailers["grpc-status-details-bin"];
  const retryDelayMs =
    typeof details === "string" ? decodeStatus(decodeBinaryHeader(details))?.retryDelayMs : undefined;
  return retryDelayMs === undefined ? { code, message } : { code, message, retryDelayMs };
}

function readCode(header: string | string[] | undefined): GrpcCode {
  const code = Number(header);
  return Number.isInteger(code) && code >= 0 && code <= grpcCode.UNAUTHENTICATED
    ? (code as GrpcCode)
    : grpcCode.UNKNOWN;
}

function endWithoutStatus(
  transport: GrpcTransport,
  stream: ClientHttp2Stream,
  head: IncomingHttpHeaders | undefined,
  failure: Error | undefined,
): CallEnd {
  const detail =
    transport.goneDetail ??
    (failure === undefined ? "the stream ended without a status" : errorMessage(failure));
  if (head === undefined && transport.wasNotProcessed(stream)) return { kind: "unprocessed", detail };
  return { kind: "interrupted", detail };
}

function bounded(text: string, lengthMax: number = messageLengthMax): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}…`;
}
