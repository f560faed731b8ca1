/** A gRPC receiver on a free port, and clients for it. */
import * as http2 from "node:http2";
import * as grpc from "@grpc/grpc-js";
import { expect, onTestFinished } from "vitest";
import { type Signal, signalFacts } from "../../../src/otlp/signal.ts";
import { GrpcReceiver, type GrpcReceiverOptions } from "../../../src/receive/grpc-receiver.ts";
import { expectNothingHeld, listenForTest, megabyte, type ReceiverHarness } from "./receiver-harness.ts";

export type Harness = ReceiverHarness<GrpcReceiver>;

/** Listens until the test is finished. */
export function startReceiver(
  options: Partial<GrpcReceiverOptions> = {},
  budgetBytes = 256 * megabyte,
): Promise<Harness> {
  const complete: GrpcReceiverOptions = {
    host: "127.0.0.1",
    port: 0,
    maxRecvMsgSizeBytes: 4 * megabyte,
    maxConcurrentStreams: 200,
    receiveTimeoutMs: 20_000,
    keepalive: {},
    forwardHeaders: [],
    ...options,
  };
  return listenForTest(budgetBytes, (modules) => new GrpcReceiver(complete, modules));
}

/** A grpc-js client that sends and receives bytes as they are. */
export function grpcClient(port: number, options: grpc.ClientOptions = {}): grpc.Client {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    // A subchannel of its own: tests end connections.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_send_message_length": -1,
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

const asItIs = (bytes: Buffer): Buffer => bytes;

export interface Answer {
  readonly code: grpc.status;
  readonly message: string;
  readonly metadata: grpc.Metadata;
  readonly response: Buffer | undefined;
}

export interface ExportOptions {
  readonly signal?: Signal;
  readonly metadata?: Record<string, string>;
  readonly deadlineMs?: number;
  readonly onCall?: (call: grpc.ClientUnaryCall) => void;
}

/** One Export by grpc-js; the answer whatever it is. */
export function exportBytes(
  client: grpc.Client,
  payload: Buffer,
  options: ExportOptions = {},
): Promise<Answer> {
  const { signal = "traces", metadata = {}, deadlineMs, onCall } = options;
  const headers = new grpc.Metadata();
  for (const [name, value] of Object.entries(metadata)) headers.set(name, value);
  return new Promise((resolve) => {
    const call = client.makeUnaryRequest(
      signalFacts[signal].grpcPath,
      asItIs,
      asItIs,
      payload,
      headers,
      deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs },
      (error, response) =>
        resolve({
          code: error?.code ?? grpc.status.OK,
          message: error?.details ?? "",
          metadata: error?.metadata ?? new grpc.Metadata(),
          response,
        }),
    );
    onCall?.(call);
  });
}

/** Nothing is held, and the next request, on a connection of its own, is taken whole. */
export async function expectHealthy(harness: Harness): Promise<void> {
  const { port, sink } = harness;
  sink.answer = () => ({ kind: "success" });
  const client = grpcClient(port);
  const payload = Buffer.from("the next good request");
  expect((await exportBytes(client, payload)).code).toBe(grpc.status.OK);
  expect(sink.requests.at(-1)?.payload).toEqual(payload);
  await expectNothingHeld(harness);
}

/** A bare HTTP/2 session, for requests that no gRPC library would make. */
export function rawSession(port: number, options: http2.ClientSessionOptions = {}): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`, options);
  session.on("error", () => undefined);
  onTestFinished(() => session.destroy());
  return session;
}

export const goodHeaders: http2.OutgoingHttpHeaders = {
  ":method": "POST",
  ":path": signalFacts.traces.grpcPath,
  "content-type": "application/grpc",
  te: "trailers",
};

export function rawRequest(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders = {},
): http2.ClientHttp2Stream {
  const stream = session.request({ ...goodHeaders, ...headers });
  stream.on("error", () => undefined);
  return stream;
}

export interface RawAnswer {
  readonly httpStatus: number | undefined;
  readonly grpcStatus: string | undefined;
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly rstCode: number;
}

/** What came on a stream by the time that it closed. */
export function rawAnswer(stream: http2.ClientHttp2Stream): Promise<RawAnswer> {
  const chunks: Buffer[] = [];
  let headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on("response", (received) => {
    headers = received;
  });
  stream.on("trailers", (received) => {
    trailers = received;
  });
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    stream.on("close", () => {
      const all = { ...headers, ...trailers };
      resolve({
        httpStatus: headers[":status"],
        grpcStatus: all["grpc-status"] as string | undefined,
        headers: all,
        body: Buffer.concat(chunks),
        rstCode: stream.rstCode,
      });
    });
  });
}

/** One raw request with these headers and this body, and its answer. */
export function rawExchange(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body: Buffer,
): Promise<RawAnswer> {
  const stream = rawRequest(session, headers);
  const answer = rawAnswer(stream);
  stream.end(body);
  return answer;
}
