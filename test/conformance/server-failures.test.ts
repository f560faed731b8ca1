/** How a server says no (S9-S13). */
import { connect } from "node:net";
import { expect } from "vitest";
import { failureOf } from "./support/answers.ts";
import { contentTypeOf, formatOf, type HttpRequest } from "./support/clients.ts";
import { conforms } from "./support/conforms.ts";
import { requestOf, requestOfSize } from "./support/messages.ts";
import type { Transport } from "./support/requirement.ts";
import { type Server, startServer } from "./support/server.ts";

const message = requestOf("traces", 1);

/** Bodies that are no ExportTraceServiceRequest. */
const malformed: Readonly<Record<"protobuf" | "json", readonly string[]>> = {
  // A length beyond the end, a varint without one, the field number 0, a group that nobody opened.
  protobuf: ["\u000a\u007f", "\u000a", "\u0002\u0000", "\u000a\u0001\u000c"],
  json: [
    "",
    "{",
    "[]",
    '{"resourceSpans":1}',
    '{"resourceSpans":[{"resource":"x"}]}',
    "{}{}",
    "\u000a\u0000",
  ],
};

conforms(
  "S9 · what may succeed later is UNAVAILABLE with RetryInfo, or 503 with Retry-After",
  async (transport) => {
    const server = await startServer({ backends: [() => ({ code: 14, message: "restarting" })] });
    const failure = failureOf(await server.send(transport, { message }));
    expect(failure.retryDelayMs).toBe(1000);
    expect(failure).toMatchObject(transport === "grpc" ? { status: 14 } : { status: 503, retryAfter: "1" });
  },
);

conforms("S9 · bad data over gRPC is INVALID_ARGUMENT with BadRequest", async (transport) => {
  const server = await startServer();
  for (const body of malformed.protobuf) {
    expect(failureOf(await server.send(transport, { body: Buffer.from(body, "latin1") }))).toMatchObject({
      status: 3,
      retryDelayMs: undefined,
      fieldViolations: [{ field: "body", description: expect.stringMatching(/\w/) }],
    });
  }
  expect(server.received()).toEqual([]);
});

conforms("S9 · what a backend refuses for good is no status that clients try again", async (transport) => {
  const codes = [3, 13];
  let calls = 0;
  const server = await startServer({ backends: [() => ({ code: codes[calls++]!, message: "no" })] });
  const statuses = [];
  for (const _code of codes) {
    const failure = failureOf(await server.send(transport, { message }));
    expect(failure).toMatchObject({ retryDelayMs: undefined, retryAfter: undefined });
    statuses.push(failure.status);
  }
  expect(statuses).toEqual(transport === "grpc" ? [3, 13] : [400, 500]);
  expect(calls).toBe(2);
});

const overloaded = { service: "memory: { in_flight: 1MiB }" };
const overload = (transport: Transport): HttpRequest => ({
  body: requestOfSize(formatOf(transport), 2 * 1024 * 1024),
});

conforms("S10 · overload is UNAVAILABLE with RetryInfo, or 503 with Retry-After", async (transport) => {
  const server = await startServer(overloaded);
  const failure = failureOf(await server.send(transport, overload(transport)));
  expect(failure.retryDelayMs).toBe(1000);
  expect(failure).toMatchObject(transport === "grpc" ? { status: 14 } : { status: 503, retryAfter: "1" });
});

conforms("S11 · a body that cannot be decoded is 400", async (transport) => {
  const server = await startServer();
  for (const body of malformed[formatOf(transport)]) {
    expect(failureOf(await server.send(transport, { body: Buffer.from(body, "latin1") })).status).toBe(400);
  }
  const headers = { "content-encoding": "gzip" };
  expect(failureOf(await server.send(transport, { message, headers })).status).toBe(400);
  expect(server.received()).toEqual([]);
});

conforms("S11 · a 400 says in BadRequest what is wrong", async (transport) => {
  const server = await startServer();
  const headers = { "content-encoding": "gzip" };
  const bodies = malformed[formatOf(transport)].map((body) => ({ body: Buffer.from(body, "latin1") }));
  for (const request of [...bodies, { message, headers }]) {
    expect(failureOf(await server.send(transport, request)).fieldViolations).toEqual([
      { field: expect.any(String), description: expect.stringMatching(/\w/) },
    ]);
  }
});

/** One request for each status that a server has, and the gateway that it takes. */
const refused: readonly {
  readonly status: number;
  readonly start: () => Promise<Server>;
  readonly request: (transport: Transport) => HttpRequest;
}[] = [
  {
    status: 400,
    start: startServer,
    request: (transport) => ({ body: Buffer.from(malformed[formatOf(transport)][1]!) }),
  },
  {
    status: 401,
    start: () =>
      startServer({
        http: ", auth: { authenticator: bearertokenauth }",
        service: "extensions: [bearertokenauth]",
        rest: "extensions: { bearertokenauth: { token: t0ken } }",
      }),
    request: () => ({ message, headers: { authorization: "Bearer wrong" } }),
  },
  { status: 404, start: startServer, request: () => ({ message, path: "/v2/traces" }) },
  { status: 405, start: startServer, request: () => ({ method: "GET" }) },
  { status: 405, start: startServer, request: () => ({ message, method: "PUT" }) },
  {
    status: 408,
    start: () => startServer({ http: ", read_timeout: 100ms" }),
    request: () => ({ message, isUnfinished: true }),
  },
  {
    status: 413,
    start: () => startServer({ http: ", max_request_body_size: 16B" }),
    request: () => ({ message }),
  },
  {
    status: 415,
    start: startServer,
    request: () => ({ message, headers: { "content-encoding": "br" } }),
  },
  {
    status: 500,
    start: () => startServer({ backends: [() => ({ code: 13, message: "no" })] }),
    request: () => ({ message }),
  },
  { status: 503, start: () => startServer(overloaded), request: overload },
];

conforms("S12 · every 4xx and 5xx has a Status for its body", async (transport) => {
  for (const { status, start, request } of refused) {
    const server = await start();
    const answer = await server.send(transport, request(transport));
    const { message: words, status: answered } = failureOf(answer);
    expect(answered).toBe(status);
    expect(words).toMatch(/\w/);
    expect(answer).toMatchObject({ headers: { "content-type": contentTypeOf(transport) } });
  }
});

conforms("S13 · a 415 is answered in JSON", async (transport) => {
  const server = await startServer();
  for (const contentType of ["text/plain", "application/x-www-form-urlencoded", "application/grpc", ""]) {
    const answer = await server.send(transport, { message, contentType });
    expect(answer).toMatchObject({ status: 415, headers: { "content-type": "application/json" } });
    expect(failureOf(answer).message).toContain("application/x-protobuf");
  }
});

conforms("S12 · what is no HTTP request is answered with a Status in JSON", async (_transport) => {
  const { endpoints } = await startServer({ http: ", read_header_timeout: 100ms" });
  const head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n";
  for (const [status, bytes] of [
    [400, "no request at all\r\n\r\n"],
    [431, `${head}x: ${"a".repeat(20_000)}\r\n\r\n`],
    [408, head],
  ] as const) {
    const answer = await exchange(endpoints.http, bytes);
    const [answerHead = "", body = ""] = answer.split("\r\n\r\n");
    expect(answerHead).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answerHead).toContain("content-type: application/json");
    expect(JSON.parse(body)).toMatchObject({ message: expect.stringMatching(/\w/) });
  }
});

/** What a server answers to these bytes, up to the end of the connection. */
function exchange(endpoint: string, bytes: string): Promise<string> {
  const [host = "", port] = endpoint.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host);
    let answer = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      answer += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
    socket.write(bytes);
  });
}
