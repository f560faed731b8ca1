/** Clients that share no code with the gateway: @grpc/grpc-js, node:http and node:http2, with protobufjs. */

import * as http from "node:http";
import { connect, type IncomingHttpHeaders } from "node:http2";
import { gzipSync } from "node:zlib";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { type Signal, signalFacts } from "../../../src/tools/otlp-proto.ts";
import { type Message, toJson, toProtobuf } from "./messages.ts";
import type { Transport } from "./requirement.ts";

/** `host:port` of a server's two listeners. */
export interface Endpoints {
  readonly grpc: string;
  readonly http: string;
}

/** What both protocols can say. */
export interface ExportRequest {
  /** Default traces. */
  readonly signal?: Signal;
  /** Encoded as the transport has it. Default: one span. */
  readonly message?: Message;
  /** The request's bytes, in place of a message. */
  readonly body?: Buffer;
  readonly isGzipped?: boolean;
  /** The method, where it is none of the signal's. */
  readonly grpcPath?: string;
  /** Headers of HTTP, metadata of gRPC. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What only HTTP can say. */
export interface HttpRequest extends ExportRequest {
  readonly method?: string;
  readonly path?: string;
  readonly contentType?: string;
  /** Without Content-Length. */
  readonly isChunked?: boolean;
  /** Only a part of the body is ever sent. */
  readonly isUnfinished?: boolean;
}

export interface GrpcAnswer {
  readonly protocol: "grpc";
  readonly code: number;
  readonly message: string;
  readonly metadata: Metadata;
  readonly body: Buffer;
}

export interface HttpAnswer {
  readonly protocol: "http";
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export type Answer = GrpcAnswer | HttpAnswer;

export const formatOf = (transport: Transport): "protobuf" | "json" =>
  transport.startsWith("http/json") ? "json" : "protobuf";

export const contentTypeOf = (transport: Transport): string =>
  formatOf(transport) === "json" ? "application/json" : "application/x-protobuf";

/** A request in the transport's format. */
export function encode(transport: Transport, signal: Signal, message: Message): Buffer {
  return formatOf(transport) === "json" ? Buffer.from(toJson(message)) : toProtobuf(signal, message);
}

const openClients = new Set<{ close(): void }>();

/** Ends the connections of gRPC and HTTP/2 that were made since. */
export function closeClients(): void {
  for (const client of openClients) client.close();
  openClients.clear();
}

/** One request on a connection of its own. */
export function send(endpoints: Endpoints, transport: Transport, request: HttpRequest): Promise<Answer> {
  return transport === "grpc" ? sendGrpc(endpoints, request) : sendHttp(endpoints, transport, request);
}

function bodyOf(transport: Transport, { signal = "traces", message, body }: ExportRequest): Buffer {
  return body ?? encode(transport, signal, message ?? {});
}

const gzipOfGrpc = 2;

export function sendGrpc(endpoints: Endpoints, request: ExportRequest): Promise<GrpcAnswer> {
  const client = new Client(endpoints.grpc, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_send_message_length": -1,
    ...(request.isGzipped === true && { "grpc.default_compression_algorithm": gzipOfGrpc }),
  });
  openClients.add(client);
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(request.headers ?? {})) metadata.set(name, value);
  const asItIs = (bytes: Buffer): Buffer => bytes;
  const { grpcPath = signalFacts[request.signal ?? "traces"].grpcPath } = request;
  return new Promise((resolve) => {
    const answered = (error: ServiceError | null, response: Buffer = Buffer.alloc(0)): void => {
      resolve({
        protocol: "grpc",
        code: error?.code ?? 0,
        message: error?.details ?? "",
        metadata: error?.metadata ?? new Metadata(),
        body: response,
      });
    };
    client.makeUnaryRequest(grpcPath, asItIs, asItIs, bodyOf("grpc", request), metadata, {}, answered);
  });
}

export function sendHttp(
  endpoints: Endpoints,
  transport: Transport,
  request: HttpRequest,
): Promise<HttpAnswer> {
  const encoded = bodyOf(transport, request);
  const body = request.isGzipped === true ? gzipSync(encoded) : encoded;
  const { method = "POST", path = `/v1/${request.signal ?? "traces"}` } = request;
  const isWithLength = request.isChunked !== true && method !== "GET";
  const sent: WireRequest = {
    method,
    path,
    headers: {
      "content-type": request.contentType ?? contentTypeOf(transport),
      ...(request.isGzipped === true && { "content-encoding": "gzip" }),
      ...(isWithLength && { "content-length": String(body.length) }),
      ...request.headers,
    },
    body: request.isUnfinished === true ? body.subarray(0, body.length >>> 1) : body,
    isUnfinished: request.isUnfinished === true,
  };
  return transport.endsWith("h2c") ? sendHttp2(endpoints.http, sent) : sendHttp1(endpoints.http, sent);
}

interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly isUnfinished: boolean;
}

function sendHttp1(endpoint: string, request: WireRequest): Promise<HttpAnswer> {
  const { method, path, headers, body, isUnfinished } = request;
  return new Promise((resolve, reject) => {
    const sent = http.request(`http://${endpoint}${path}`, { method, headers, agent: false });
    let isAnswered = false;
    sent.on("response", (response) => {
      isAnswered = true;
      collect(response).then((received) => {
        sent.destroy();
        resolve({
          protocol: "http",
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: received,
        });
      }, reject);
    });
    sent.on("error", (error) => {
      // A server may answer and close before it has read everything.
      setImmediate(() => isAnswered || reject(error));
    });
    if (method === "GET") sent.end();
    else if (isUnfinished) sent.write(body);
    else {
      sent.write(body.subarray(0, 1));
      sent.end(body.subarray(1));
    }
  });
}

/** A session of HTTP/2 without TLS, by prior knowledge. */
async function sendHttp2(endpoint: string, request: WireRequest): Promise<HttpAnswer> {
  const { method, path, body, isUnfinished } = request;
  const session = connect(`http://${endpoint}`);
  session.on("error", () => undefined);
  openClients.add({ close: () => session.destroy() });
  const headers = { ":method": method, ":path": path, ...request.headers };
  const stream = session.request(headers, { endStream: method === "GET" });
  const answered = new Promise<IncomingHttpHeaders>((resolve, reject) => {
    stream.on("response", resolve);
    stream.on("error", reject);
  });
  if (method !== "GET") stream.write(body);
  if (method !== "GET" && !isUnfinished) stream.end();
  const received = await answered;
  const status = Number(received[":status"]);
  return { protocol: "http", status, headers: received, body: await collect(stream) };
}

async function collect(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
