/** Connections of the benchmark's client: each makes calls with bodies that were made beforehand. */
import { type ClientHttp2Session, connect } from "node:http2";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Client } from "undici";
import { type TraceRequestShape, traceRequest } from "./trace-requests.ts";
import { traceRequestJson } from "./trace-requests-json.ts";

export type ClientProtocol = "grpc" | "http/protobuf" | "http/json";
export type Compression = "none" | "gzip" | "zstd";

export interface ConnectionPlan {
  readonly port: number;
  readonly protocol: ClientProtocol;
  readonly shape: TraceRequestShape;
  readonly distinctRequests: number;
  readonly connections: number;
  readonly openRequestsPerConnection: number;
  readonly compression: Compression;
}

/** Answers what was wrong with the answer, or undefined when it was OK. */
export type Call = (body: Buffer) => Promise<string | undefined>;

const windowBytes = 1024 * 1024;
const compressors = {
  none: (bytes: Buffer): Buffer => bytes,
  gzip: (bytes: Buffer): Buffer => gzipSync(bytes),
  zstd: (bytes: Buffer): Buffer => zstdCompressSync(bytes),
};

/** The bodies of distinct requests, as they go over the wire. */
export function requestBodies(plan: ConnectionPlan): Buffer[] {
  const { protocol, compression, shape } = plan;
  return Array.from({ length: plan.distinctRequests }, (_, seed) => {
    const request = protocol === "http/json" ? traceRequestJson(seed, shape) : traceRequest(seed, shape);
    const content = compressors[compression](request);
    return protocol === "grpc" ? grpcFrame(content, compression) : content;
  });
}

function grpcFrame(message: Buffer, compression: Compression): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = compression === "none" ? 0 : 1;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** One call for every request that may be open at a time. */
export async function openCalls(plan: ConnectionPlan): Promise<Call[]> {
  const { connections, openRequestsPerConnection } = plan;
  if (plan.protocol !== "grpc") {
    // HTTP/1.1 carries one request at a time on a connection.
    return Array.from({ length: connections * openRequestsPerConnection }, () => httpCall(plan));
  }
  const sessions = await Promise.all(Array.from({ length: connections }, () => openSession(plan.port)));
  return sessions.flatMap((session) =>
    Array.from({ length: openRequestsPerConnection }, () => grpcCall(session, plan)),
  );
}

function httpCall({ port, protocol, compression }: ConnectionPlan): Call {
  const client = new Client(`http://127.0.0.1:${port}`);
  const headers = {
    "content-type": protocol === "http/json" ? "application/json" : "application/x-protobuf",
    ...(compression !== "none" && { "content-encoding": compression }),
  };
  return async (body) => {
    const response = await client.request({ method: "POST", path: "/v1/traces", headers, body });
    await response.body.dump();
    return response.statusCode === 200 ? undefined : `HTTP status ${response.statusCode}`;
  };
}

function openSession(port: number): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: windowBytes } });
    session.once("connect", () => resolve(session));
    session.on("error", reject);
  });
}

function grpcCall(session: ClientHttp2Session, { port, compression }: ConnectionPlan): Call {
  // biome-ignore format: name and value beside each other
  const headers = [
    ":method", "POST",
    ":scheme", "http",
    ":authority", `127.0.0.1:${port}`,
    ":path", "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "content-type", "application/grpc",
    "te", "trailers",
    ...(compression === "none" ? [] : ["grpc-encoding", compression]),
  ];
  return (body) =>
    new Promise((resolve) => {
      const stream = session.request(headers as never, { endStream: false });
      let status: unknown;
      const readStatus = (answer: { readonly [name: string]: unknown }): void => {
        status = answer["grpc-status"] ?? status;
      };
      stream.on("response", readStatus);
      stream.on("trailers", readStatus);
      stream.on("error", (error) => resolve(error.message));
      stream.on("close", () => resolve(status === "0" ? undefined : `grpc-status ${String(status)}`));
      stream.resume();
      stream.end(body);
    });
}
