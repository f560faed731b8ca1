/** Backends of OTLP/HTTP on node:http, in a test's hand. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions as TlsServerOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  /** As it came, compressed perhaps. */
  readonly body: Buffer;
}

/** Called when a request has come whole. */
export type Respond = (request: HttpRequest, response: ServerResponse) => unknown;

export interface HttpBackend {
  readonly member: string;
  readonly port: number;
  /** Every request that came whole, in order. */
  readonly requests: HttpRequest[];
  /** Those that are open. */
  readonly sockets: Set<Socket>;
  /** All that were ever made. */
  connections(): number;
  readonly stop: () => Promise<void>;
}

export const accept: Respond = (_request, response) => {
  response.setHeader("content-type", "application/x-protobuf");
  response.end();
};

/** A response with this status, body and content type. */
export function answering(status: number, contentType?: string, body: string | Buffer = ""): Respond {
  return (_request, response) => {
    response.statusCode = status;
    if (contentType !== undefined) response.setHeader("content-type", contentType);
    response.end(body);
  };
}

export interface HttpBackendOptions {
  readonly port?: number;
  readonly tls?: TlsServerOptions;
  readonly server?: ServerOptions;
  /** Called with a request's head, in place of waiting for its body. */
  readonly onHead?: (request: IncomingMessage, response: ServerResponse) => void;
}

export async function startHttpBackend(
  respond: Respond = accept,
  { port = 0, tls, server: serverOptions = {}, onHead }: HttpBackendOptions = {},
): Promise<HttpBackend> {
  const requests: HttpRequest[] = [];
  const onRequest = (incoming: IncomingMessage, response: ServerResponse): void => {
    if (onHead !== undefined) {
      onHead(incoming, response);
      return;
    }
    const chunks: Buffer[] = [];
    incoming.on("error", () => undefined);
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const { method = "", url: path = "", headers } = incoming;
      const request = { method, path, headers, body: Buffer.concat(chunks) };
      requests.push(request);
      respond(request, response);
    });
  };
  const server =
    tls === undefined
      ? createServer(serverOptions, onRequest)
      : createTlsServer({ ...serverOptions, ...tls }, onRequest);
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on("connection", (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", () => undefined);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address() as AddressInfo;
  return {
    member: `127.0.0.1:${bound.port}`,
    port: bound.port,
    requests,
    sockets,
    connections: () => connections,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, "close");
    },
  };
}
