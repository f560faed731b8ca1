/** What a server says to a request that it takes, whole or in part (S5-S8, S13, S16). */
import { expect } from "vitest";
import type { ExportResult } from "../../src/otlp/export-request.ts";
import { encodeExportResponse, type Signal, signals } from "../../src/tools/otlp-proto.ts";
import type { AnswerCall } from "../integration/export/backends.ts";
import { startReceiver } from "../integration/receive/grpc-harness.ts";
import { startHttpReceiver } from "../integration/receive/http-harness.ts";
import { failureOf, successOf } from "./support/answers.ts";
import { type Answer, contentTypeOf, formatOf, send } from "./support/clients.ts";
import { conforms } from "./support/conforms.ts";
import { requestOf } from "./support/messages.ts";
import type { Transport } from "./support/requirement.ts";
import { signalOf, startServer } from "./support/server.ts";

const responseBytesMax = 4 * 1024 * 1024;

/** A backend that takes all but `rejectedItems` of every request. */
function rejecting(rejectedItems: number, message: string): AnswerCall {
  return (_request, _metadata, path) => ({
    response: encodeExportResponse(signalOf(path), { partialSuccess: { rejectedItems, message } }),
  });
}

/** Receivers alone, since no backend can make a whole gateway say so much. */
async function answerTo(transport: Transport, result: ExportResult): Promise<Answer> {
  const [overGrpc, overHttp] = [await startReceiver(), await startHttpReceiver()];
  overGrpc.sink.answer = () => result;
  overHttp.sink.answer = () => result;
  const endpoints = { grpc: `127.0.0.1:${overGrpc.port}`, http: `127.0.0.1:${overHttp.port}` };
  return send(endpoints, transport, { message: requestOf("traces", 1) });
}

const verbose = 'é "\u0001" '.repeat(1_000_000);

conforms("S5 · no response is larger than 4 MiB", async (transport) => {
  const success = await answerTo(transport, { kind: "partial", rejectedItems: 7, message: verbose });
  expect(success.body.length).toBeLessThanOrEqual(responseBytesMax);
  const failure = await answerTo(transport, { kind: "failure", status: { code: 3, message: verbose } });
  expect(failure.body.length).toBeLessThanOrEqual(responseBytesMax);
  expect(failureOf(failure).message.length).toBeLessThan(responseBytesMax);
});

conforms(
  "S5 · a partial success that would be too large keeps its count and shortens its message",
  async (transport) => {
    const answer = await answerTo(transport, { kind: "partial", rejectedItems: 7, message: verbose });
    const { partialSuccess } = successOf(answer);
    expect(partialSuccess?.rejectedItems).toBe(7);
    expect(partialSuccess?.message.length).toBeGreaterThan(1000);
    expect(verbose.startsWith(partialSuccess!.message)).toBe(true);
  },
);

conforms(
  "S6 · a full success is Export<Signal>ServiceResponse without partial_success",
  async (transport) => {
    const server = await startServer();
    for (const signal of signals) {
      const answer = await server.send(transport, { signal, message: requestOf(signal, 2) });
      expect(successOf(answer, signal)).toEqual({});
      expect(String(answer.body)).not.toContain("partialSuccess");
      expect(answer.body).toHaveLength(formatOf(transport) === "json" ? 2 : 0);
    }
  },
);

conforms(
  "S6 · a full success over HTTP is 200 with no bytes of protobuf, or {} in JSON",
  async (transport) => {
    const server = await startServer();
    for (const signal of signals) {
      const answer = await server.send(transport, { signal, message: requestOf(signal, 2) });
      expect(answer).toMatchObject({ status: 200 });
      expect(String(answer.body)).toBe(formatOf(transport) === "json" ? "{}" : "");
    }
  },
);

conforms("S7 · a request without telemetry is a success", async (transport) => {
  const server = await startServer();
  const envelopes: Record<Signal, object> = {
    traces: { resourceSpans: [{ scopeSpans: [{ spans: [] }] }, {}] },
    metrics: { resourceMetrics: [{ scopeMetrics: [{ metrics: [] }] }, {}] },
    logs: { resourceLogs: [{ scopeLogs: [{ logRecords: [] }] }, {}] },
  };
  for (const signal of signals) {
    for (const message of [{}, envelopes[signal]]) {
      const answer = await server.send(transport, { signal, message: { ...message } });
      expect(successOf(answer, signal)).toEqual({});
    }
  }
});

conforms("S8 · a partial success counts exactly what was rejected", async (transport) => {
  const server = await startServer({ backends: [rejecting(2, "too old"), rejecting(3, "too new")] });
  for (const signal of signals) {
    const answer = await server.send(transport, { signal, message: requestOf(signal, 64) });
    expect(successOf(answer, signal).partialSuccess?.rejectedItems).toBe(5);
  }
  expect(server.backends.map(({ requests }) => requests.length)).toEqual([3, 3]);
});

conforms("S8 · a partial success says why", async (transport) => {
  const server = await startServer({ backends: [rejecting(1, "too old")] });
  for (const signal of signals) {
    const answer = await server.send(transport, { signal, message: requestOf(signal, 2) });
    expect(successOf(answer, signal).partialSuccess?.message).toBe("too old");
  }
});

conforms("S8 · a warning has a message and rejects nothing", async (transport) => {
  const server = await startServer({ backends: [rejecting(0, "deprecated")] });
  for (const signal of signals) {
    const answer = await server.send(transport, { signal, message: requestOf(signal, 2) });
    const expected = { partialSuccess: { rejectedItems: 0, message: "deprecated" } };
    expect(successOf(answer, signal)).toEqual(expected);
  }
});

conforms("S13 · a response has the Content-Type of its request", async (transport) => {
  const full = await startServer();
  const partial = await startServer({ backends: [rejecting(1, "too old")] });
  const refused = await startServer({ backends: [() => ({ code: 3, message: "no" })] });
  for (const [server, status] of [
    [full, 200],
    [partial, 200],
    [refused, 400],
  ] as const) {
    const answer = await server.send(transport, { message: requestOf("traces", 2) });
    expect(answer).toMatchObject({ status, headers: { "content-type": contentTypeOf(transport) } });
  }
});

conforms("S16 · a response is compressed with gzip only where Accept-Encoding has it", async (transport) => {
  const server = await startServer({ backends: [() => ({ code: 3, message: "no ".repeat(1000) })] });
  const encodings = [undefined, "identity", "zstd", "gzip;q=0", "gzip", "deflate, gzip;q=0.5", "*"];
  const answered = [];
  for (const encoding of encodings) {
    const headers: Record<string, string> = encoding === undefined ? {} : { "accept-encoding": encoding };
    const answer = await server.send(transport, { message: requestOf("traces", 1), headers });
    expect(failureOf(answer).message).toContain("no no no");
    answered.push(answer.protocol === "http" && answer.headers["content-encoding"]);
  }
  expect(answered).toEqual([undefined, undefined, undefined, undefined, "gzip", "gzip", "gzip"]);
});
