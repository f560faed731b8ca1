/** An HTTP receiver on a free port, and clients for it. */
import * as http from "node:http";
import * as http2 from "node:http2";
import * as net from "node:net";
import { expect, onTestFinished } from "vitest";
import { HttpReceiver, type HttpReceiverOptions } from "../../../src/receive/http-receiver.ts";
import type { Status } from "../../../src/tools/otlp-messages.ts";
import { messageCodec } from "../../../src/tools/otlp-proto.ts";
import { expectNothingHeld, listenForTest, megabyte, type ReceiverHarness } from "./receiver-harness.ts";

export const protobufType = "application/x-protobuf";
export const jsonType = "application/json";

export interface HttpHarness extends ReceiverHarness<HttpReceiver> {
  readonly url: string;
}

/** Listens until the test is finished. */
export async function startHttpReceiver(
  options: Partial<HttpReceiverOptions> = {},
  budgetBytes = 256 * megabyte,
): Promise<HttpHarness> {
  const complete: HttpReceiverOptions = {
    host: "127.0.0.1",
    port: 0,
    maxRequestBodySizeBytes: 4 * megabyte,
    paths: {
      traces: "/v1/traces",
      metrics: "/v1/metrics",
      logs: "/v1/logs",
      profiles: "/v1development/profiles",
    },
    readHeaderTimeoutMs: 10_000,
    readTimeoutMs: 20_000,
    idleTimeoutMs: 60_000,
    keepAlivesEnabled: true,
    forwardHeaders: [],
    ...options,
  };
  const harness = await listenForTest(budgetBytes, (modules) => new HttpReceiver(complete, modules));
  return { ...harness, url: `http://127.0.0.1:${harness.port}` };
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface RequestOptions {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: Buffer | string | readonly Buffer[];
  readonly agent?: http.Agent;
}

/** One request by node:http on a connection of its own, unless an agent is given. A body of several chunks has no Content-Length. */
export function request(harness: Pick<HttpHarness, "port">, options: RequestOptions = {}): Promise<Answer> {
  const { method = "POST", path = "/v1/traces", headers = {}, body = "", agent } = options;
  return new Promise((resolve, reject) => {
    const sent = http.request(
      {
        host: "127.0.0.1",
        port: harness.port,
        method,
        path,
        agent: agent ?? false,
        headers: { "content-type": protobufType, ...headers },
      },
      (response) => void collect(response).then(resolve, reject),
    );
    // The answer may come before everything was sent.
    sent.on("error", (error) => setTimeout(() => reject(error), 100));
    if (typeof body === "string" || Buffer.isBuffer(body)) sent.end(body);
    else {
      for (const chunk of body) sent.write(chunk);
      sent.end();
    }
  });
}

async function collect(response: http.IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

/** A session of HTTP/2 with prior knowledge, or over TLS with the options given. */
export function http2Session(
  { port }: Pick<HttpHarness, "port">,
  options: http2.SecureClientSessionOptions = {},
): http2.ClientHttp2Session {
  const scheme = options.ca === undefined ? "http" : "https";
  const session = http2.connect(`${scheme}://127.0.0.1:${port}`, options);
  session.on("error", () => undefined);
  onTestFinished(() => session.destroy());
  return session;
}

/** One request on a session of HTTP/2. */
export async function request2(
  session: http2.ClientHttp2Session,
  { method = "POST", path = "/v1/traces", headers = {}, body = "" }: RequestOptions = {},
): Promise<Answer> {
  const requestHeaders = { ":method": method, ":path": path, "content-type": protobufType, ...headers };
  const stream = session.request(requestHeaders, { endStream: false });
  stream.on("error", () => undefined);
  let answered: http2.IncomingHttpHeaders = {};
  stream.on("response", (received) => {
    answered = received;
  });
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise<void>((resolve) => {
    stream.on("close", () => resolve());
  });
  for (const chunk of typeof body === "string" || Buffer.isBuffer(body) ? [body] : body) stream.write(chunk);
  stream.end();
  await closed;
  return { status: Number(answered[":status"] ?? 0), headers: answered, body: Buffer.concat(chunks) };
}

export interface RawConnection {
  readonly socket: net.Socket;
  /** Everything that came, when the other side has closed the connection. */
  readonly closed: Promise<string>;
  /** What came so far. */
  received(): string;
}

/** A TCP connection on which nothing is said that the test does not say. */
export function rawConnection({ port }: Pick<HttpHarness, "port">): RawConnection {
  const socket = net.connect({ host: "127.0.0.1", port });
  let text = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    text += chunk;
  });
  socket.on("error", () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  const closed = new Promise<string>((resolve) => {
    socket.on("close", () => resolve(text));
  });
  return { socket, closed, received: () => text };
}

/** The google.rpc.Status of an answer, by protobufjs or JSON.parse; details by their short names. */
export function statusOf({ headers, body }: Answer): { code: number; message: string; details: unknown[] } {
  if (headers["content-type"] === jsonType) {
    const { code, message, details = [] } = JSON.parse(body.toString());
    return { code, message, details };
  }
  expect(headers["content-type"]).toBe(protobufType);
  const { code, message, details } = messageCodec("google.rpc.Status").decode(body) as Required<Status>;
  const decodeDetail = (detail: { type_url?: string; value?: Uint8Array }): unknown => {
    const type = String(detail.type_url).replace("type.googleapis.com/", "") as "google.rpc.RetryInfo";
    return {
      type,
      ...JSON.parse(JSON.stringify(messageCodec(type).decode(detail.value ?? new Uint8Array(0)))),
    };
  };
  return { code: code ?? 0, message, details: (details as object[]).map(decodeDetail) };
}

/** Nothing is held, and the next request, on a connection of its own, is taken whole. */
export async function expectHealthy(
  harness: HttpHarness,
  headers: http.OutgoingHttpHeaders = {},
): Promise<void> {
  harness.sink.answer = () => ({ kind: "success" });
  const body = Buffer.from("the next good request");
  expect(await request(harness, { body, headers })).toMatchObject({ status: 200 });
  expect(harness.sink.requests.at(-1)?.payload).toEqual(body);
  await expectNothingHeld(harness);
}
