/** What becomes of data by what a backend answers (C1-C6). */
import type { ServerHttp2Stream } from "node:http2";
import { gzipSync } from "node:zlib";
import { status as grpcStatus, Metadata } from "@grpc/grpc-js";
import { expect, onTestFinished, vi } from "vitest";
import { monotonicMs } from "../../src/base/clock.ts";
import { encodeExportResponse, messageCodec } from "../../src/tools/otlp-proto.ts";
import { startHttp2Peer, startRawPeer, until } from "../integration/export/backends.ts";
import { accept, answering } from "../integration/export/http-backends.ts";
import { type ClientTransport, laneTo, type Script, startHttp, startLane } from "./support/client-rig.ts";
import { conforms } from "./support/conforms.ts";

const protobufType = "application/x-protobuf";
const accepting: Script = { grpc: () => ({ response: Buffer.alloc(0) }), http: accept };

const ofCode = (code: number, metadata = new Metadata()): Script => ({
  ...accepting,
  grpc: () => ({ code, message: "because", metadata }),
});
const ofStatus = (status: number, headers: Readonly<Record<string, string>> = {}): Script => ({
  ...accepting,
  http: (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const body = messageCodec("google.rpc.Status").encode({ message: "because" });
    answering(status, protobufType, body)(request, response);
  },
});

/** `grpc-status-details-bin` that asks for a pause. */
function retryInfo(seconds: number): Metadata {
  const metadata = new Metadata();
  const type_url = "type.googleapis.com/google.rpc.RetryInfo";
  const value = messageCodec("google.rpc.RetryInfo").encode({ retryDelay: { seconds } });
  const details = messageCodec("google.rpc.Status").encode({ details: [{ type_url, value }] });
  metadata.set("grpc-status-details-bin", details);
  return metadata;
}

/** What a lane makes of each of these answers to one span: how it ended, the calls that it took, what was counted as failed. */
async function outcomesOf<Of>(
  transport: ClientTransport,
  answers: readonly Of[],
  scriptOf: (answer: Of) => Script,
): Promise<unknown[]> {
  const outcomes = [];
  for (const answer of answers) {
    const lane = await laneTo(transport, scriptOf(answer));
    const { kind } = await lane.send();
    outcomes.push([answer, kind, lane.requests().length, lane.count("send_failed_spans")]);
  }
  return outcomes;
}

const { CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS } = grpcStatus;
const { PERMISSION_DENIED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE } = grpcStatus;
const { UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS, UNAUTHENTICATED } = grpcStatus;

conforms("C1 · retryable codes leave the data to be sent again", async (transport) => {
  const codes = [CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS];
  expect(await outcomesOf(transport, codes, ofCode)).toEqual(
    codes.map((code) => [code, "undelivered", 1, 1]),
  );
});

conforms("C1 · RESOURCE_EXHAUSTED is retried with RetryInfo, and not without", async (transport) => {
  const asked = await laneTo(transport, ofCode(RESOURCE_EXHAUSTED, retryInfo(30)));
  expect(await asked.send()).toMatchObject({ kind: "undelivered", status: { retryDelayMs: 30_000 } });
  const final = await laneTo(transport, ofCode(RESOURCE_EXHAUSTED));
  expect(await final.send()).toMatchObject({ kind: "rejected", status: { code: RESOURCE_EXHAUSTED } });
  expect([asked.requests().length, final.requests().length]).toEqual([1, 1]);
  expect(final.count("send_failed_spans")).toBe(1);
});

conforms("C1 · INVALID_ARGUMENT and INTERNAL drop the data, and count it", async (transport) => {
  const codes = [INVALID_ARGUMENT, INTERNAL];
  expect(await outcomesOf(transport, codes, ofCode)).toEqual(codes.map((code) => [code, "rejected", 1, 1]));
});

conforms("C1 · all other codes keep the data", async (transport) => {
  const codes = [
    UNKNOWN,
    NOT_FOUND,
    ALREADY_EXISTS,
    PERMISSION_DENIED,
    FAILED_PRECONDITION,
    UNIMPLEMENTED,
    UNAUTHENTICATED,
  ];
  expect(await outcomesOf(transport, codes, ofCode)).toEqual(
    codes.map((code) => [code, "undelivered", 1, 1]),
  );
});

conforms("C2 · 429, 502, 503 and 504 leave the data to be sent again", async (transport) => {
  const statuses = [429, 502, 503, 504];
  const expected = statuses.map((status) => [status, "undelivered", 1, 1]);
  expect(await outcomesOf(transport, statuses, ofStatus)).toEqual(expected);
});

conforms("C2 · 400, 413 and 422 drop the data, and count it", async (transport) => {
  const statuses = [400, 413, 422];
  const expected = statuses.map((status) => [status, "rejected", 1, 1]);
  expect(await outcomesOf(transport, statuses, ofStatus)).toEqual(expected);
});

conforms("C2 · all other statuses keep the data", async (transport) => {
  const statuses = [301, 308, 401, 403, 404, 405, 406, 408, 409, 415, 418, 431, 500, 501, 505, 507];
  const expected = statuses.map((status) => [status, "undelivered", 1, 1]);
  expect(await outcomesOf(transport, statuses, ofStatus)).toEqual(expected);
});

conforms("C3 · RetryInfo and Retry-After are honoured", async (transport) => {
  const inAMinute = new Date(Date.now() + 60_000).toUTCString();
  const pushbacks: readonly Script[] =
    transport === "grpc"
      ? [ofCode(UNAVAILABLE, retryInfo(60)), ofCode(RESOURCE_EXHAUSTED, retryInfo(60))]
      : [
          ofStatus(429, { "retry-after": "60" }),
          ofStatus(503, { "retry-after": "60" }),
          ofStatus(503, { "retry-after": inAMinute }),
        ];
  for (const pushback of pushbacks) {
    const lane = await laneTo(transport, pushback);
    const startMs = monotonicMs();
    expect(await lane.send()).toMatchObject({ kind: "undelivered" });
    const next = await lane.send();
    expect(next).toMatchObject({ kind: "undelivered" });
    // What is left of the minute; a date of HTTP has no milliseconds.
    const leftMs = next.kind === "undelivered" ? (next.status.retryDelayMs ?? 0) : 0;
    expect(leftMs + (monotonicMs() - startMs)).toBeGreaterThanOrEqual(58_000);
    expect(leftMs).toBeLessThanOrEqual(60_000);
    expect(lane.requests()).toHaveLength(1);
  }
});

conforms("C3 · connections are retried with exponential backoff and jitter", async (transport) => {
  const peer = await startRawPeer((socket) => socket.destroy());
  onTestFinished(peer.stop);
  const random = vi.spyOn(Math, "random");
  const timers = vi.spyOn(globalThis, "setTimeout");
  onTestFinished(() => void vi.restoreAllMocks());
  const askedDelays = (): (number | undefined)[] => timers.mock.calls.map(([, delayMs]) => delayMs);
  // 100 ms, and 1.6 times as long each time, of which jitter makes from the half to half as much again.
  for (const [drawn, expected] of [
    [0, [50, 80, 128]],
    [0.75, [125]],
  ] as const) {
    random.mockReturnValue(drawn);
    timers.mockClear();
    const lane = startLane(transport, peer.member);
    const placeOf = (delayMs: number): number => askedDelays().indexOf(delayMs);
    const provoking = setInterval(() => void lane.send(), 10);
    await until(() => expected.every((delayMs) => placeOf(delayMs) >= 0));
    clearInterval(provoking);
    expect(expected.map(placeOf)).toEqual(expected.map(placeOf).toSorted((one, other) => one - other));
  }
});

conforms("C4 · a populated partial_success is never sent again", async (transport) => {
  for (const partialSuccess of [
    { rejectedItems: 2, message: "too old" },
    { rejectedItems: 0, message: "deprecated" },
  ]) {
    const response = encodeExportResponse("traces", { partialSuccess });
    const lane = await laneTo(transport, {
      grpc: () => ({ response }),
      http: answering(200, protobufType, response),
    });
    expect(await lane.send(5)).toMatchObject({ kind: "delivered", ...partialSuccess });
    expect(lane.requests()).toHaveLength(1);
    expect(lane.count("send_failed_spans")).toBe(partialSuccess.rejectedItems);
    expect(lane.count("sent_spans")).toBe(5 - partialSuccess.rejectedItems);
  }
});

conforms("C5 · a connection lost before its answer leaves the data to be sent again", async (transport) => {
  let calls = 0;
  const member =
    transport === "grpc"
      ? await http2Peer((stream) => {
          calls += 1;
          stream.session?.destroy();
        })
      : (
          await startHttp((_request, response) => {
            calls += 1;
            response.socket?.destroy();
          })
        ).member;
  const lane = startLane(transport, member);
  expect(await lane.send()).toMatchObject({ kind: "undelivered", mayHaveArrived: true });
  expect(calls).toBe(1);
  expect(lane.count("unconfirmed_items")).toBe(1);
});

const tooMuch = encodeExportResponse("traces", {
  partialSuccess: { rejectedItems: 0, message: "a".repeat(4 * 1024 * 1024) },
});

conforms("C6 · a response over 4 MiB is a failure that is not retried", async (transport) => {
  const lane = await laneTo(transport, {
    grpc: () => ({ response: tooMuch }),
    http: answering(200, protobufType, tooMuch),
  });
  expect(await lane.send()).toMatchObject({
    kind: "rejected",
    status: { message: expect.stringContaining("larger than") },
  });
  expect(lane.requests()).toHaveLength(1);
  expect(lane.count("send_failed_spans")).toBe(1);
});

conforms(
  "C6 · a response over 4 MiB when decompressed is a failure that is not retried",
  async (transport) => {
    const compressed = gzipSync(tooMuch);
    let calls = 0;
    const member =
      transport === "grpc"
        ? await http2Peer((stream) => {
            calls += 1;
            answerGzip(stream, compressed);
          })
        : (
            await startHttp((request, response) => {
              calls += 1;
              response.setHeader("content-encoding", "gzip");
              answering(200, protobufType, compressed)(request, response);
            })
          ).member;
    const lane = startLane(transport, member);
    expect(await lane.send()).toMatchObject({
      kind: "rejected",
      status: { message: expect.stringContaining("larger than") },
    });
    expect(calls).toBe(1);
    expect(lane.count("send_failed_spans")).toBe(1);
  },
);

/** One message of gRPC, compressed, with the status OK. */
function answerGzip(stream: ServerHttp2Stream, compressed: Buffer): void {
  const prefix = Buffer.from([1, 0, 0, 0, 0]);
  prefix.writeUInt32BE(compressed.length, 1);
  stream.respond(
    { ":status": 200, "content-type": "application/grpc", "grpc-encoding": "gzip" },
    { waitForTrailers: true },
  );
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.resume().end(Buffer.concat([prefix, compressed]));
}

async function http2Peer(onStream: (stream: ServerHttp2Stream) => void): Promise<string> {
  const { member, stop } = await startHttp2Peer(onStream);
  onTestFinished(stop);
  return member;
}
