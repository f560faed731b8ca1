/** Backends for the tests of the sending side: collectors on @grpc/grpc-js, and things that are none. */
import { once } from "node:events";
import {
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from "node:http2";
import { connect, createServer, type Socket, type Server as TcpServer } from "node:net";
import {
  type ChannelOptions,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  type status,
} from "@grpc/grpc-js";
import { signalFacts, signals } from "../../../src/otlp/signal.ts";

export type Answer =
  | { readonly response: Buffer }
  | { readonly code: status; readonly message?: string; readonly metadata?: Metadata };

export type AnswerCall = (request: Buffer, metadata: Metadata, path: string) => Answer | Promise<Answer>;

export interface Collector {
  readonly member: string;
  readonly port: number;
  /** Every request that came, in order. */
  readonly requests: Buffer[];
  readonly stop: () => Promise<void>;
}

export const accepted: Answer = { response: Buffer.alloc(0) };

export interface CollectorOptions {
  readonly answer?: AnswerCall;
  readonly channel?: ChannelOptions;
  readonly port?: number;
  readonly credentials?: ServerCredentials;
}

/** A collector for all three signals that takes what `answer` accepts; by default everything. */
export async function startCollector(options: CollectorOptions = {}): Promise<Collector> {
  const { answer = () => accepted, channel = {}, port = 0 } = options;
  const server = new Server({ "grpc.max_receive_message_length": -1, ...channel });
  const requests: Buffer[] = [];
  const identity = (bytes: Buffer): Buffer => bytes;
  for (const signal of signals) {
    const path = signalFacts[signal].grpcPath;
    server.addService(
      {
        Export: {
          path,
          requestStream: false,
          responseStream: false,
          requestSerialize: identity,
          requestDeserialize: identity,
          responseSerialize: identity,
          responseDeserialize: identity,
        },
      },
      {
        Export: (call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) => {
          requests.push(call.request);
          void Promise.resolve(answer(call.request, call.metadata, path)).then((given) => {
            if ("response" in given) respond(null, given.response);
            else {
              const metadata = given.metadata ?? new Metadata();
              respond({ name: "", message: "", code: given.code, details: given.message ?? "", metadata });
            }
          });
        },
      },
    );
  }
  const credentials = options.credentials ?? ServerCredentials.createInsecure();
  const boundPort = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    member: `127.0.0.1:${boundPort}`,
    port: boundPort,
    requests,
    stop: async () => server.forceShutdown(),
  };
}

export interface RawPeer {
  readonly member: string;
  readonly sockets: Set<Socket>;
  readonly stop: () => Promise<void>;
}

/** Something that listens and is no collector. */
export async function startRawPeer(onConnection: (socket: Socket) => void): Promise<RawPeer> {
  const sockets = new Set<Socket>();
  const server: TcpServer = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    onConnection(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    member: `127.0.0.1:${address.port}`,
    sockets,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

export interface Proxy extends RawPeer {
  /** Connections that were made to it. */
  readonly connections: () => number;
  /** While silent, nothing passes either way; the sockets stay open. */
  readonly setSilent: (isSilent: boolean) => void;
}

/** Passes bytes on to a port, and can be made to swallow them. */
export async function startProxy(port: number): Promise<Proxy> {
  let isSilent = false;
  let connections = 0;
  const peer = await startRawPeer((socket) => {
    connections += 1;
    const upstream = connect(port, "127.0.0.1");
    upstream.on("error", () => undefined);
    upstream.on("close", () => socket.end());
    socket.on("close", () => upstream.destroy());
    socket.on("data", (bytes) => isSilent || upstream.write(bytes));
    upstream.on("data", (bytes) => isSilent || socket.write(bytes));
  });
  return {
    ...peer,
    connections: () => connections,
    setSilent: (silent) => {
      isSilent = silent;
    },
  };
}

export interface Http2Peer {
  readonly member: string;
  readonly sessions: Set<ServerHttp2Session>;
  readonly stop: () => Promise<void>;
}

/** A backend on node:http2 itself, for what grpc-js cannot be made to do. */
export async function startHttp2Peer(
  onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
): Promise<Http2Peer> {
  const server = createHttp2Server({ maxSendHeaderBlockLength: 1024 * 1024 } as ServerOptions);
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => undefined);
    session.on("close", () => sessions.delete(session));
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    onStream(stream, headers);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    member: `127.0.0.1:${address.port}`,
    sessions,
    stop: async () => {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

/** Answers when `holds` does. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
