/** Profiles through a whole gateway: the development service of gRPC, and its path of HTTP. */
import { Client, credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { signalFacts } from "../../../src/otlp/signal.ts";
import { lengthDelimitedField as field } from "../../../src/wire/writer.ts";
import { startGateway } from "../../support/gateway.ts";

const { grpcPath, httpPath } = signalFacts.profiles;
const asIs = (bytes: Buffer): Buffer => bytes;

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A backend that keeps the requests it gets, each a call of its own. */
async function startBackend(): Promise<{ endpoint: string; requests: Buffer[] }> {
  const server = new Server();
  const requests: Buffer[] = [];
  const Export = {
    path: grpcPath,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  server.addService(
    { Export },
    {
      Export: (call: { request: Buffer }, answer: (error: null, response: Buffer) => void) => {
        requests.push(call.request);
        answer(null, Buffer.alloc(0));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  closers.push(() => server.forceShutdown());
  return { endpoint: `127.0.0.1:${port}`, requests };
}

const text = (number: number, value: string): Buffer => field(number, Buffer.from(value));
const ofService = (name: string): Buffer => {
  const attribute = Buffer.concat([text(1, "service.name"), field(2, text(1, name))]);
  return field(1, Buffer.concat([field(1, field(1, attribute)), field(2, field(2, text(9, name)))]));
};
const dictionary = field(2, text(5, "shared"));

describe("profiles", () => {
  it("reach the backend of their service with their dictionary, never joined, by gRPC and by HTTP", async () => {
    const backends = [await startBackend(), await startBackend()];
    const { endpoints, gateway } = await startGateway(`
receivers: { otlp: { protocols: { grpc: { endpoint: "127.0.0.1:0" }, http: { endpoint: "127.0.0.1:0" } } } }
exporters:
  load_balancing:
    resolver: { static: { hostnames: [${backends.map(({ endpoint }) => `"${endpoint}"`).join(", ")}] } }
    protocol: { otlp: { tls: { insecure: true }, compression: none } }
service: { pipelines: { profiles: { receivers: [otlp], exporters: [load_balancing] } } }
`);
    const services = Array.from({ length: 16 }, (_, index) => `service-${index}`);
    const request = Buffer.concat([...services.map(ofService), dictionary]);
    const client = new Client(endpoints["otlp/grpc"]!, credentials.createInsecure());
    closers.push(() => client.close());
    const call = (): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(grpcPath, asIs, asIs, request, (error, response) =>
          error ? reject(error) : resolve(response!),
        );
      });
    await Promise.all(Array.from({ length: 5 }, call));
    const response = await fetch(`http://${endpoints["otlp/http"]}${httpPath}`, {
      method: "POST",
      headers: { "content-type": "application/x-protobuf" },
      body: request,
    });
    expect(response.status).toBe(200);

    const arrived = backends.map(({ requests }) => requests);
    expect(arrived.map(({ length }) => length)).toEqual([6, 6]);
    for (const requests of arrived) {
      for (const each of requests) expect(each.subarray(0, dictionary.length)).toEqual(dictionary);
    }
    const of = (index: number): string[] =>
      services.filter((name) => arrived[index]!.some((each) => each.includes(ofService(name))));
    expect([...of(0), ...of(1)].sort()).toEqual([...services].sort());
    const delivered = gateway.metrics
      .families()
      .find(({ definition }) => definition.name === "otelcol_receiver_accepted_profiles_total");
    expect(delivered?.series.map(({ instrument }) => (instrument as { value: number }).value)).toEqual([
      80, 16,
    ]);
  });

  it("in JSON are refused with what to send instead", async () => {
    const backend = await startBackend();
    const { endpoints } = await startGateway(`
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters:
  load_balancing: { resolver: { static: { hostnames: ["${backend.endpoint}"] } }, protocol: { otlp: { tls: { insecure: true } } } }
service: { pipelines: { profiles: { receivers: [otlp], exporters: [load_balancing] } } }
`);
    const response = await fetch(`http://${endpoints["otlp/http"]}${httpPath}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({
      message: expect.stringContaining("application/x-protobuf"),
    });
  });
});
