/** Backends of OTLP/HTTP and OTLP/gRPC behind one gateway: what clients hear of them, and whose headers go where. */
import { randomBytes } from "node:crypto";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { decompress } from "../../../src/base/compression.ts";
import { encodeStatus } from "../../../src/grpc/status-details.ts";
import { accountMetrics } from "../../../src/pipeline/account.ts";
import {
  decodeExportResponse,
  encodeExportResponse,
  signalFacts,
  tracesRequest,
} from "../../../src/tools/otlp-proto.ts";
import { startGateway } from "../../support/gateway.ts";
import { accepted, startCollector, until } from "../export/backends.ts";
import {
  accept,
  answering,
  type HttpRequest,
  type Respond,
  startHttpBackend,
} from "../export/http-backends.ts";

const clients: Client[] = [];
afterAll(() => {
  for (const client of clients) client.close();
});
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function configuration(members: readonly string[], protocol: string, rest = ""): string {
  return `
receivers:
  otlp: { protocols: { grpc: { endpoint: "127.0.0.1:0" }, http: { endpoint: "127.0.0.1:0" } } }
exporters:
  load_balancing:
    resolver: { static: { hostnames: ${JSON.stringify(members)} } }
    protocol: ${protocol}
    forward_headers: [x-scope-orgid]
    ${rest}
service:
  pipelines: { traces: { receivers: [otlp], exporters: [load_balancing] } }
`;
}

const overHttp = "{ otlp_http: { tls: { insecure: true }, compression: gzip } }";
const overGrpc = "{ otlp: { tls: { insecure: true }, compression: none } }";

interface TestSpan {
  readonly traceId: Buffer;
  readonly name: string;
}

function requestOf(spans: readonly TestSpan[]): Buffer {
  return tracesRequest().encode({
    resourceSpans: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] },
        scopeSpans: [{ spans: spans.map((span) => ({ ...span, spanId: randomBytes(8) })) }],
      },
    ],
  });
}

function spansIn(payload: Buffer): TestSpan[] {
  return (tracesRequest().decode(payload).resourceSpans ?? []).flatMap(({ scopeSpans = [] }) =>
    scopeSpans.flatMap(({ spans = [] }) =>
      spans.map(({ traceId, name }) => ({ traceId: Buffer.from(traceId ?? []), name: name ?? "" })),
    ),
  );
}

function spansInHttp({ body, headers }: HttpRequest): TestSpan[] {
  return spansIn(headers["content-encoding"] === "gzip" ? decompress("gzip", body, 10_000_000) : body);
}

type Send = (payload: Buffer, headers?: Readonly<Record<string, string>>) => Promise<Buffer>;

/** A client of OTLP/gRPC; rejects with a ServiceError. */
function grpcClient(endpoint: string): Send {
  const client = new Client(endpoint, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  clients.push(client);
  const identity = (bytes: Buffer): Buffer => bytes;
  return (payload, headers = {}) =>
    new Promise((resolve, reject) => {
      const metadata = new Metadata();
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
      const { grpcPath } = signalFacts.traces;
      client.makeUnaryRequest(grpcPath, identity, identity, payload, metadata, (error, response) => {
        if (error !== null) reject(error);
        else resolve(response ?? Buffer.alloc(0));
      });
    });
}

/** A client of OTLP/HTTP in protobuf; rejects with anything but 200. */
function httpClient(endpoint: string): Send {
  return async (payload, headers = {}) => {
    const response = await fetch(`http://${endpoint}/v1/traces`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/x-protobuf" },
      body: payload,
    });
    const body = Buffer.from(await response.arrayBuffer());
    if (response.status !== 200) throw new Error(`HTTP ${response.status}: ${String(body)}`);
    return body;
  };
}

function failureOf(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => Promise.reject(new Error("the call succeeded")),
    (error: unknown) => error as ServiceError,
  );
}

async function httpBackend(respond?: Respond, port = 0) {
  const backend = await startHttpBackend(respond, { port });
  cleanups.push(backend.stop);
  return backend;
}

function traces(count: number): TestSpan[] {
  return Array.from({ length: count }, (_, index) => ({ traceId: randomBytes(16), name: `${index}` }));
}

describe("backends that speak OTLP/HTTP", () => {
  test("share the traces, each of them whole, and have every span once", async () => {
    const backends = [await httpBackend(), await httpBackend()];
    const { endpoints } = await startGateway(
      configuration(
        backends.map(({ member }) => member),
        overHttp,
      ),
    );
    const send = grpcClient(endpoints["otlp/grpc"]!);
    const owners = traces(200);
    const requests = ["a", "b", "c"].map((name) => owners.map(({ traceId }) => ({ traceId, name })));
    await Promise.all(requests.map((spans) => send(requestOf(spans))));
    const taken = backends.map(({ requests: received }) =>
      received.flatMap(spansInHttp).map(({ traceId, name }) => `${traceId.toString("hex")} ${name}`),
    );
    const sent = requests.flat().map(({ traceId, name }) => `${traceId.toString("hex")} ${name}`);
    expect(taken.flat().toSorted()).toEqual(sent.toSorted());
    const [first, second] = taken.map((spans) => new Set(spans.map((span) => span.split(" ")[0])));
    expect(first!.size).toBeGreaterThan(0);
    expect(second!.size).toBeGreaterThan(0);
    expect([...first!].filter((trace) => second!.has(trace))).toEqual([]);
    for (const { path, headers } of backends.flatMap(({ requests: received }) => received)) {
      expect(path).toBe("/v1/traces");
      expect(headers["user-agent"]).toBe("otlp-ring/0.0.0");
    }
  });

  test("tell clients how many items they rejected", async () => {
    const partialSuccess = { rejectedItems: 2, message: "too old" };
    const body = encodeExportResponse("traces", { partialSuccess });
    const { member } = await httpBackend(answering(200, "application/x-protobuf", body));
    const { endpoints } = await startGateway(configuration([member], overHttp));
    const response = await grpcClient(endpoints["otlp/grpc"]!)(requestOf(traces(5)));
    expect(decodeExportResponse("traces", response)).toEqual({ partialSuccess });
  });

  test("tell clients of a verdict on the data as such, and of anything else that it may be sent again", async () => {
    const statuses = [400, 422, 429, 503, 500, 401, 404];
    const body = encodeStatus({ code: 3, message: "because" });
    let answers = 0;
    const { member } = await httpBackend((request, response) => {
      answering(statuses[answers++]!, "application/x-protobuf", body)(request, response);
    });
    const { endpoints } = await startGateway(configuration([member], overHttp));
    const send = grpcClient(endpoints["otlp/grpc"]!);
    const heard: unknown[] = [];
    for (const _status of statuses) {
      const { code, details, metadata } = await failureOf(send(requestOf(traces(1))));
      heard.push([code, details, metadata.get("grpc-status-details-bin").length > 0]);
    }
    expect(heard).toEqual(
      statuses.map((status) => {
        const isVerdict = status === 400 || status === 422;
        return [isVerdict ? 3 : 14, `${member}: HTTP ${status} from /v1/traces: because`, !isVerdict];
      }),
    );
  });

  test("take what they could not, when they are back", async () => {
    const gone = await startHttpBackend();
    await gone.stop();
    const { endpoints } = await startGateway(configuration([gone.member], overHttp));
    const send = grpcClient(endpoints["otlp/grpc"]!);
    const payload = requestOf(traces(1));
    await expect(send(payload)).rejects.toMatchObject({ code: 14 });
    const back = await httpBackend(accept, gone.port);
    await expect
      .poll(
        () =>
          send(payload).then(
            () => "taken",
            () => "refused",
          ),
        { timeout: 10_000 },
      )
      .toBe("taken");
    expect(back.requests.flatMap(spansInHttp)).toHaveLength(1);
  });

  test("are spoken to on their own path, with the exporter's credentials and headers", async () => {
    const backend = await httpBackend();
    const protocol = `{ otlp_http: { tls: { insecure: true }, compression: zstd, endpoint: /api/v1/otlp,
      headers: { x-api-key: hunter2 }, auth: { authenticator: bearertokenauth } } }`;
    const text = `${configuration([backend.member], protocol)}
  extensions: [bearertokenauth]
extensions: { bearertokenauth: { token: t0ken } }
`;
    const { endpoints } = await startGateway(text);
    await grpcClient(endpoints["otlp/grpc"]!)(requestOf(traces(100)));
    expect(backend.requests).toMatchObject([
      {
        path: "/api/v1/otlp/v1/traces",
        headers: { authorization: "Bearer t0ken", "x-api-key": "hunter2", "content-encoding": "zstd" },
      },
    ]);
  });
});

/** A backend that takes nothing until `release`, and then everything, with the tenant of each request. */
interface TenantBackend {
  readonly member: string;
  readonly requests: { readonly tenant: string | undefined; readonly spans: TestSpan[] }[];
  release(): void;
}

async function httpTenants(): Promise<TenantBackend> {
  const gate = Promise.withResolvers<void>();
  const requests: TenantBackend["requests"] = [];
  const { member } = await httpBackend(async (request, response) => {
    requests.push({ tenant: request.headers["x-scope-orgid"]?.toString(), spans: spansInHttp(request) });
    await gate.promise;
    accept(request, response);
  });
  return { member, requests, release: gate.resolve };
}

async function grpcTenants(): Promise<TenantBackend> {
  const gate = Promise.withResolvers<void>();
  const requests: TenantBackend["requests"] = [];
  const collector = await startCollector({
    answer: async (request, metadata) => {
      requests.push({ tenant: metadata.get("x-scope-orgid")[0]?.toString(), spans: spansIn(request) });
      await gate.promise;
      return accepted;
    },
  });
  cleanups.push(collector.stop);
  return { member: collector.member, requests, release: gate.resolve };
}

describe("forwarded headers", () => {
  test.each([
    ["gRPC", "gRPC", "otlp/grpc", grpcClient, overGrpc, grpcTenants],
    ["gRPC", "HTTP", "otlp/grpc", grpcClient, overHttp, httpTenants],
    ["HTTP", "gRPC", "otlp/http", httpClient, overGrpc, grpcTenants],
    ["HTTP", "HTTP", "otlp/http", httpClient, overHttp, httpTenants],
  ])("go from %s to %s, and shards with different values are never joined", async (...row) => {
    const [, , receiver, client, protocol, startTenants] = row;
    const backend = await startTenants();
    const text = configuration([backend.member], protocol, "delivery: { max_in_flight: 1, timeout: 20s }");
    const { gateway, endpoints } = await startGateway(text);
    const send = client(endpoints[receiver]!);
    const tenants = ["red", "green", "blue", undefined];
    const first = send(requestOf([{ traceId: randomBytes(16), name: "red" }]), { "x-scope-orgid": "red" });
    await until(() => backend.requests.length === 1);
    // While one call is open everything else waits, and could be joined.
    const sent = Array.from({ length: 40 }, (_, index) => {
      const tenant = tenants[index % tenants.length];
      const spans = [{ traceId: randomBytes(16), name: String(tenant) }];
      const headers = {
        "x-not-forwarded": "secret",
        ...(tenant !== undefined && { "x-scope-orgid": tenant }),
      };
      return send(requestOf(spans), headers);
    });
    const waiting = Promise.all([first, ...sent]);
    const received = gateway.metrics.counter(accountMetrics.received, "load_balancing", "traces");
    await until(() => received.value === 41);
    backend.release();
    await waiting;
    for (const { tenant, spans } of backend.requests) {
      expect(new Set(spans.map(({ name }) => name))).toEqual(new Set([String(tenant)]));
    }
    const counts = tenants.map(
      (tenant) =>
        backend.requests.filter((request) => request.tenant === tenant).flatMap(({ spans }) => spans).length,
    );
    expect(counts).toEqual([11, 10, 10, 10]);
    expect(backend.requests.length).toBeLessThan(41);
  });
});
