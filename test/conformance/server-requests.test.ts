/** What a server takes: compressions, sizes, paths, ports, Content-Types, attributes (S1-S4, S14, S15, S17). */

import { Agent, request as httpRequest } from "node:http";
import { connect } from "node:http2";
import { gzipSync } from "node:zlib";
import protobuf from "protobufjs";
import { expect } from "vitest";
import { loadSettings } from "../../src/config/load.ts";
import { signalFacts, signals } from "../../src/tools/otlp-proto.ts";
import { failureOf, successOf } from "./support/answers.ts";
import { contentTypeOf, encode, formatOf, type HttpRequest } from "./support/clients.ts";
import { conforms } from "./support/conforms.ts";
import { fromProtobuf, requestOf, requestOfSize, span, toProtobuf, tracesOf } from "./support/messages.ts";
import type { Transport } from "./support/requirement.ts";
import { startServer } from "./support/server.ts";

const mebibyte = 1024 * 1024;
const limitOfOne = { grpc: ", max_recv_msg_size_mib: 1", http: ", max_request_body_size: 1MiB" };
const tooLarge = { grpc: 8, http: 413 };
const byProtocol = <T>(transport: Transport, { grpc, http }: { grpc: T; http: T }): T =>
  transport === "grpc" ? grpc : http;
/** A request of this size before compression. */
const sized = (transport: Transport, sizeBytes: number): HttpRequest => ({
  body: requestOfSize(formatOf(transport), sizeBytes),
});

conforms("S1 · takes requests that are not compressed", async (transport) => {
  const server = await startServer();
  const message = requestOf("traces", 3);
  expect(successOf(await server.send(transport, { message }))).toEqual({});
  expect(server.received()).toEqual([fromProtobuf("traces", toProtobuf("traces", message))]);
});

conforms("S1 · takes requests that are compressed with gzip", async (transport) => {
  const server = await startServer();
  const message = requestOf("traces", 3);
  expect(successOf(await server.send(transport, { message, isGzipped: true }))).toEqual({});
  expect(server.received()).toEqual([fromProtobuf("traces", toProtobuf("traces", message))]);
});

conforms(
  "S2 · takes a request of exactly the size limit and refuses one that is a byte larger",
  async (transport) => {
    const server = await startServer(limitOfOne);
    expect(successOf(await server.send(transport, sized(transport, mebibyte)))).toEqual({});
    const { status } = failureOf(await server.send(transport, sized(transport, mebibyte + 1)));
    expect(status).toBe(byProtocol(transport, tooLarge));
    expect(server.received()).toHaveLength(1);
  },
);

conforms("S2 · refuses a request that is over the limit only when decompressed", async (transport) => {
  const server = await startServer(limitOfOne);
  const atLimit = { ...sized(transport, mebibyte), isGzipped: true };
  const overLimit = { ...sized(transport, mebibyte + 1), isGzipped: true };
  expect(gzipSync(overLimit.body!).length).toBeLessThan(mebibyte / 10);
  expect(successOf(await server.send(transport, atLimit))).toEqual({});
  const { status } = failureOf(await server.send(transport, overLimit));
  expect(status).toBe(byProtocol(transport, tooLarge));
  expect(server.received()).toHaveLength(1);
});

conforms("S2 · has the limit that the configuration sets", async (transport) => {
  const small = await startServer(limitOfOne);
  const large = await startServer({
    grpc: ", max_recv_msg_size_mib: 2",
    http: ", max_request_body_size: 2MiB",
  });
  const request = sized(transport, 2 * mebibyte);
  expect(failureOf(await small.send(transport, request)).status).toBe(byProtocol(transport, tooLarge));
  expect(successOf(await large.send(transport, request))).toEqual({});
});

/** Zeros, which are no request: whether they are found to be none, or too many, tells the limit. */
const zeros = (sizeBytes: number): HttpRequest => ({ body: Buffer.alloc(sizeBytes), isGzipped: true });
const roomForBoth = { service: "memory: { in_flight: 256MiB }" };

conforms("S2 · limits gRPC requests to 64 MiB by default", async (transport) => {
  const server = await startServer(roomForBoth);
  expect(failureOf(await server.send(transport, zeros(64 * mebibyte))).status).toBe(3);
  expect(failureOf(await server.send(transport, zeros(64 * mebibyte + 1))).status).toBe(8);
});

conforms("S2 · limits HTTP requests to 20 MiB by default", async (transport) => {
  const server = await startServer(roomForBoth);
  expect(failureOf(await server.send(transport, zeros(20 * mebibyte))).status).toBe(400);
  expect(failureOf(await server.send(transport, zeros(20 * mebibyte + 1))).status).toBe(413);
});

conforms(
  "S3 · a gRPC request over the size limit is RESOURCE_EXHAUSTED without RetryInfo",
  async (transport) => {
    const server = await startServer(limitOfOne);
    for (const isGzipped of [false, true]) {
      const request = { ...sized(transport, mebibyte + 1), isGzipped };
      expect(failureOf(await server.send(transport, request))).toMatchObject({
        status: 8,
        retryDelayMs: undefined,
        message: expect.stringContaining("max_recv_msg_size"),
      });
    }
    expect(server.received()).toEqual([]);
  },
);

conforms(
  "S4 · an HTTP request over the size limit is 413, whether its length is told or not",
  async (transport) => {
    const server = await startServer(limitOfOne);
    const request = sized(transport, mebibyte + 1);
    const told = { ...request, isUnfinished: true };
    for (const each of [request, { ...request, isChunked: true }, { ...request, isGzipped: true }, told]) {
      expect(failureOf(await server.send(transport, each))).toMatchObject({
        status: 413,
        retryAfter: undefined,
        retryDelayMs: undefined,
        message: expect.stringContaining("max_request_body_size"),
      });
    }
    expect(server.received()).toEqual([]);
  },
);

conforms("S14 · protobuf and JSON share one port, and one connection", async (transport) => {
  const server = await startServer();
  const formats = ["http/protobuf", "http/json", "http/protobuf", "http/json"] as const;
  const post = transport === "http/protobuf" ? postOnOneAgent : postOnOneSession;
  const requests = formats.map((format) => ({
    contentType: contentTypeOf(format),
    body: encode(format, "traces", requestOf("traces", 1)),
  }));
  expect(await post(server.endpoints.http, requests)).toEqual({
    connections: 1,
    answers: formats.map((format) => ({ status: 200, contentType: contentTypeOf(format) })),
  });
  expect(server.received().flatMap(({ resourceSpans }) => resourceSpans)).toHaveLength(formats.length);
});

interface Post {
  readonly contentType: string;
  readonly body: Buffer;
}

interface Posted {
  readonly connections: number;
  readonly answers: { readonly status: number; readonly contentType: unknown }[];
}

/** By node:http, one after another. */
async function postOnOneAgent(endpoint: string, posts: readonly Post[]): Promise<Posted> {
  const agent = new Agent({ keepAlive: true });
  const ports = new Set<number | undefined>();
  const answers: Posted["answers"] = [];
  for (const { contentType, body } of posts) {
    answers.push(
      await new Promise((resolve, reject) => {
        const headers = { "content-type": contentType };
        const sent = httpRequest(`http://${endpoint}/v1/traces`, { method: "POST", headers, agent });
        sent.on("error", reject);
        sent.on("response", (response) => {
          ports.add(response.socket.localPort);
          const answer = { status: response.statusCode!, contentType: response.headers["content-type"] };
          response.resume().on("end", () => resolve(answer));
        });
        sent.end(body);
      }),
    );
  }
  agent.destroy();
  return { connections: ports.size, answers };
}

/** By node:http2, all at once. */
async function postOnOneSession(endpoint: string, posts: readonly Post[]): Promise<Posted> {
  const session = connect(`http://${endpoint}`);
  const answers = await Promise.all(
    posts.map(
      ({ contentType, body }) =>
        new Promise<Posted["answers"][number]>((resolve, reject) => {
          const stream = session.request({
            ":method": "POST",
            ":path": "/v1/traces",
            "content-type": contentType,
          });
          stream.on("error", reject);
          stream.on("response", (headers) => {
            const answer = { status: headers[":status"]!, contentType: headers["content-type"] };
            stream.resume().on("end", () => resolve(answer));
          });
          stream.end(body);
        }),
    ),
  );
  session.close();
  return { connections: 1, answers };
}

conforms("S14 · parameters of the Content-Type are no obstacle", async (transport) => {
  const server = await startServer();
  for (const contentType of [
    `${contentTypeOf(transport)}; charset=utf-8`,
    `${contentTypeOf(transport).toUpperCase()};charset=UTF-8`,
  ]) {
    const answer = await server.send(transport, { contentType, message: requestOf("traces", 1) });
    expect(successOf(answer)).toEqual({});
  }
  expect(server.received()).toHaveLength(2);
});

conforms(
  "S15 · traces, metrics and logs are posted to /v1/traces, /v1/metrics and /v1/logs",
  async (transport) => {
    const server = await startServer();
    for (const signal of signals) {
      const message = requestOf(signal, 2);
      const answer = await server.send(transport, { path: `/v1/${signal}`, signal, message });
      expect(successOf(answer, signal)).toEqual({});
      expect(server.received(signal)).toEqual([fromProtobuf(signal, toProtobuf(signal, message))]);
    }
  },
);

conforms("S15 · traces, metrics and logs are exported to OTLP's gRPC services", async (transport) => {
  const server = await startServer();
  expect(signals.map((signal) => signalFacts[signal].grpcPath)).toEqual([
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
  ]);
  for (const signal of signals) {
    const message = requestOf(signal, 2);
    expect(successOf(await server.send(transport, { signal, message }), signal)).toEqual({});
    expect(server.received(signal)).toEqual([fromProtobuf(signal, toProtobuf(signal, message))]);
  }
});

conforms("S15 · other paths can be configured", async (transport) => {
  const server = await startServer({ http: ", traces_url_path: /otlp/spans" });
  const message = requestOf("traces", 1);
  expect(successOf(await server.send(transport, { path: "/otlp/spans", message }))).toEqual({});
  expect(failureOf(await server.send(transport, { path: "/v1/traces", message })).status).toBe(404);
});

conforms("S15 · the default ports are 4317 for gRPC and 4318 for HTTP", async (transport) => {
  const text = `
receivers: { otlp: { protocols: { grpc: {}, http: {} } } }
exporters: { load_balancing: { resolver: { static: { hostnames: [tier2] } } } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [load_balancing] } } }
`;
  const { settings } = loadSettings({ files: [{ name: "test.yaml", text }], sets: [], env: {} });
  const [receiver] = settings.receivers;
  const listener = byProtocol(transport, { grpc: receiver?.grpc?.port, http: receiver?.http?.port });
  expect(listener).toBe(byProtocol(transport, { grpc: 4317, http: 4318 }));
});

const profiles = {
  path: "/v1development/profiles",
  grpcPath: "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
};

/** ExportProfilesServiceRequest: a dictionary of one string, then a profile with nothing but an original payload. */
function profilesRequest(): Buffer {
  const writer = protobuf.Writer.create();
  writer
    .uint32((2 << 3) | 2)
    .fork()
    .uint32((5 << 3) | 2)
    .string("samples")
    .ldelim();
  writer
    .uint32((1 << 3) | 2)
    .fork()
    .uint32((2 << 3) | 2)
    .fork()
    .uint32((2 << 3) | 2)
    .fork();
  writer
    .uint32((9 << 3) | 2)
    .string("payload")
    .ldelim()
    .ldelim()
    .ldelim();
  return Buffer.from(writer.finish());
}

conforms(
  "S15 · profiles are posted to /v1development/profiles, and exported to their service in development",
  async (transport) => {
    const server = await startServer();
    const body = profilesRequest();
    expect(successOf(await server.send(transport, { ...profiles, body }))).toEqual({});
    expect(server.backends[0]!.requests).toEqual([body]);
  },
);

conforms("S15 · profiles in JSON are refused", async (transport) => {
  const server = await startServer();
  const answer = await server.send(transport, { ...profiles, body: Buffer.from('{"resourceProfiles":[]}') });
  expect(failureOf(answer)).toMatchObject({
    status: 415,
    message: expect.stringContaining("application/x-protobuf"),
  });
});

conforms(
  "S17 · attributes that are empty, bytes, arrays and key-value lists pass unchanged",
  async (transport) => {
    const server = await startServer();
    const nested = { kvlistValue: { values: [{ key: "a", value: { arrayValue: { values: [{}] } } }] } };
    const attributes = [
      { key: "no value" },
      { key: "an empty value", value: {} },
      { key: "an empty text", value: { stringValue: "" } },
      { key: "", value: { boolValue: false } },
      { key: "bytes", value: { bytesValue: Buffer.from([0, 255, 251, 62]) } },
      { key: "no bytes", value: { bytesValue: Buffer.alloc(0) } },
      {
        key: "a mixed array",
        value: { arrayValue: { values: [{ intValue: "1" }, { stringValue: "1" }, {}] } },
      },
      { key: "an empty array", value: { arrayValue: { values: [] } } },
      { key: "a list", value: nested },
      { key: "an empty list", value: { kvlistValue: { values: [] } } },
    ];
    const message = tracesOf([
      span({ attributes, events: [{ name: "event", attributes }], links: [{ attributes }] }),
    ]);
    expect(successOf(await server.send(transport, { message }))).toEqual({});
    expect(server.received()).toEqual([fromProtobuf("traces", toProtobuf("traces", message))]);
  },
);
