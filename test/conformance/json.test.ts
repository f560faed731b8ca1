/** OTLP's JSON, as a backend sees what became of it (J1-J5). */
import { expect } from "vitest";
import { encodeExportResponse, type Signal, signals } from "../../src/tools/otlp-proto.ts";
import { failureOf, successOf } from "./support/answers.ts";
import { conforms } from "./support/conforms.ts";
import type { Message } from "./support/messages.ts";
import type { Transport } from "./support/requirement.ts";
import { type Server, signalOf, startServer } from "./support/server.ts";

const traceId = "5B8EFFF798038103D269B633813FC60C";
const spanId = "EEE19B7EC3C1B174";

const sendText = (server: Server, transport: Transport, text: string, signal: Signal = "traces") =>
  server.send(transport, { signal, body: Buffer.from(text) });

/** The JSON of a request with one span, whose members are given as text. */
const spanOf = (members: string): string => `{"resourceSpans":[{"scopeSpans":[{"spans":[{${members}}]}]}]}`;

/** What arrived of one span. */
async function arrivedSpan(transport: Transport, members: string): Promise<Message> {
  const server = await startServer();
  expect(successOf(await sendText(server, transport, spanOf(members)))).toEqual({});
  const [request] = server.received() as unknown as {
    resourceSpans: { scopeSpans: { spans: Message[] }[] }[];
  }[];
  return request!.resourceSpans[0]!.scopeSpans[0]!.spans[0]!;
}

const base64 = (hex: string): string => Buffer.from(hex, "hex").toString("base64");

conforms("J1 · traceId, spanId and parentSpanId are hexadecimal, in either case", async (transport) => {
  const ids = { traceId: base64(traceId), spanId: base64(spanId) };
  for (const text of [
    `"traceId":"${traceId}","spanId":"${spanId}"`,
    `"traceId":"${traceId.toLowerCase()}","spanId":"${spanId.toLowerCase()}"`,
  ]) {
    const members = `${text},"parentSpanId":"${spanId}","links":[{${text}}]`;
    expect(await arrivedSpan(transport, members)).toEqual({
      ...ids,
      parentSpanId: base64(spanId),
      links: [ids],
    });
  }
});

conforms("J1 · an id that is not hexadecimal is bad data", async (transport) => {
  const server = await startServer();
  for (const id of [base64(traceId), traceId.slice(1), `${traceId}00`, "g".repeat(32)]) {
    const failure = failureOf(await sendText(server, transport, spanOf(`"traceId":"${id}"`)));
    expect(failure).toMatchObject({
      status: 400,
      fieldViolations: [{ field: "resourceSpans[0].scopeSpans[0].spans[0].traceId" }],
    });
  }
  expect(server.received()).toEqual([]);
});

conforms("J1 · all other bytes are base64", async (transport) => {
  const bytes = "+/+/AP8=";
  const members = `"attributes":[{"key":"a","value":{"bytesValue":"${bytes}"}}]`;
  const attributes = [{ key: "a", value: { bytesValue: bytes } }];
  expect(await arrivedSpan(transport, members)).toEqual({ attributes });
});

conforms("J2 · enums are integers", async (transport) => {
  expect(await arrivedSpan(transport, '"kind":3,"status":{"code":2}')).toEqual({
    kind: 3,
    status: { code: 2 },
  });
});

conforms("J2 · the name of an enum's value is bad data", async (transport) => {
  const server = await startServer();
  for (const members of ['"kind":"SPAN_KIND_SERVER"', '"status":{"code":"STATUS_CODE_ERROR"}']) {
    expect(failureOf(await sendText(server, transport, spanOf(members))).status).toBe(400);
  }
  expect(server.received()).toEqual([]);
});

conforms("J3 · unknown names are ignored, whatever they hold", async (transport) => {
  const unknown = '"unknown":{"a":[1,-2.5e-3,{"b":"}]"}],"traceId":7},"__proto__":[null,true],"":{}';
  expect(await arrivedSpan(transport, `${unknown},"name":"GET /","constructor":{}`)).toEqual({
    name: "GET /",
  });
});

conforms("J4 · names in snake_case are unknown names", async (transport) => {
  const members = '"dropped_attributes_count":7,"trace_id":"no id","droppedEventsCount":3';
  expect(await arrivedSpan(transport, members)).toEqual({ droppedEventsCount: 3 });
  const server = await startServer();
  expect(successOf(await sendText(server, transport, '{"resource_spans":[{"scope_spans":1}]}'))).toEqual({});
  expect(server.received()).toEqual([]);
});

conforms("J5 · 64-bit integers are taken as numbers and as strings, exactly", async (transport) => {
  const [time, most, least] = ["18446744073709551615", "9223372036854775807", "-9223372036854775808"];
  for (const quote of ["", '"']) {
    const members = `"startTimeUnixNano":${quote}${time}${quote},"attributes":[
      {"key":"most","value":{"intValue":${quote}${most}${quote}}},
      {"key":"least","value":{"intValue":${quote}${least}${quote}}},
      {"key":"2^53 + 1","value":{"intValue":${quote}9007199254740993${quote}}}]`;
    expect(await arrivedSpan(transport, members)).toEqual({
      startTimeUnixNano: time,
      attributes: [
        { key: "most", value: { intValue: most } },
        { key: "least", value: { intValue: least } },
        { key: "2^53 + 1", value: { intValue: "9007199254740993" } },
      ],
    });
  }
});

conforms("J5 · 64-bit integers are written as decimal strings", async (transport) => {
  const partialSuccess = { rejectedItems: 1, message: "too old" };
  const server = await startServer({
    backends: [
      (_request, _metadata, path) => ({ response: encodeExportResponse(signalOf(path), { partialSuccess }) }),
    ],
  });
  const requests: Readonly<Record<Signal, readonly [request: string, rejected: string]>> = {
    traces: [spanOf('"name":"GET /"'), "rejectedSpans"],
    metrics: [
      '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asInt":1}]}}]}]}]}',
      "rejectedDataPoints",
    ],
    logs: ['{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":9}]}]}]}', "rejectedLogRecords"],
  };
  for (const signal of signals) {
    const [text, rejected] = requests[signal];
    const { body } = await sendText(server, transport, text, signal);
    expect(JSON.parse(String(body))).toEqual({
      partialSuccess: { [rejected]: "1", errorMessage: "too old" },
    });
  }
});
