/** How a gateway sends: how large, how many at a time, over how many connections, to several backends (C3, C7-C11). */
import { expect } from "vitest";
import { accountMetrics } from "../../src/pipeline/account.ts";
import { until } from "../integration/export/backends.ts";
import { accept } from "../integration/export/http-backends.ts";
import { failureOf, successOf } from "./support/answers.ts";
import { type Script, startHttp, startLane } from "./support/client-rig.ts";
import { conforms } from "./support/conforms.ts";
import { emptyEnvelopesIn, spansAt, spansIn, startRig } from "./support/gateway-rig.ts";
import { type Message, requestOf, span, tracesOf } from "./support/messages.ts";

const taken = { response: Buffer.alloc(0) };
const accepting: Script = { grpc: () => taken, http: accept };

/** Accepts everything once `ready` allows it, and tells `onOpen` of each request before. */
function gated(onOpen: (request: Buffer) => Promise<unknown>): Script {
  return {
    grpc: async (request) => {
      await onOpen(request);
      return taken;
    },
    http: async (request, response) => {
      await onOpen(request.body);
      accept(request, response);
    },
  };
}

const kibibyte = 1024;
const spanOfSize = (sizeBytes: number): Message => span({ name: "a".repeat(sizeBytes) });

conforms(
  "C3 · without a time to wait, the gateway's own client is asked to come again",
  async (transport) => {
    const refusing: Script = {
      grpc: () => ({ code: 14, message: "restarting" }),
      http: (_request, response) => {
        response.statusCode = 503;
        response.end();
      },
    };
    const { send, backends } = await startRig({ transport, backends: [refusing] });
    expect(failureOf(await send())).toMatchObject({ status: 503, retryAfter: "1", retryDelayMs: 1000 });
    expect(backends[0]!.requests()).toHaveLength(1);
  },
);

conforms("C7 · no request of several items is larger than max_batch_size", async (transport) => {
  const delivery = "max_batch_size: 64KiB";
  const { send, backends } = await startRig({ transport, backends: [accepting], delivery });
  const spans = Array.from({ length: 100 }, () => spanOfSize(5 * kibibyte));
  expect(successOf(await send(tracesOf(spans)))).toEqual({});
  const [backend] = backends;
  expect(spansAt(backend!)).toHaveLength(spans.length);
  const sizes = backend!.requests().map(({ length }) => length);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(64 * kibibyte);
});

conforms("C7 · a single item larger than max_batch_size is sent alone", async (transport) => {
  const delivery = "max_batch_size: 64KiB";
  const { send, backends } = await startRig({ transport, backends: [accepting], delivery });
  const spans = [spanOfSize(10), spanOfSize(100 * kibibyte), spanOfSize(10)];
  expect(successOf(await send(tracesOf(spans)))).toEqual({});
  const large = backends[0]!.requests().filter(({ length }) => length > 64 * kibibyte);
  expect(large.map((request) => spansIn(request).length)).toEqual([1]);
  expect(spansAt(backends[0]!)).toHaveLength(3);
});

conforms("C7 · what receivers refuse for its size is never sent, and counted", async (transport) => {
  const options = { transport, backends: [accepting], http: ", max_request_body_size: 64KiB" };
  const { send, backends, gateway } = await startRig(options);
  expect(failureOf(await send(tracesOf([spanOfSize(65 * kibibyte)]))).status).toBe(413);
  expect(backends[0]!.requests()).toEqual([]);
  const refused = gateway.metrics
    .families()
    .filter(({ definition }) => definition.name === "otlpring_receiver_refused_requests_total")
    .flatMap(({ series }) => series)
    .map(({ labelValues, instrument }) => [...labelValues, (instrument as { value: number }).value]);
  expect(refused).toEqual([["http", "too_large", 1]]);
});

conforms("C8 · as many requests as configured are open to a backend at a time", async (transport) => {
  const gate = Promise.withResolvers<void>();
  let [open, mostOpen] = [0, 0];
  const holding = gated(async () => {
    open += 1;
    mostOpen = Math.max(mostOpen, open);
    await gate.promise;
    open -= 1;
  });
  const rig = await startRig({ transport, backends: [holding], delivery: "max_in_flight: 3" });
  // Large enough for none to wait for others to be joined with.
  const answers = Array.from({ length: 8 }, () => rig.send(tracesOf([spanOfSize(300 * kibibyte)])));
  const received = rig.gateway.metrics.counter(accountMetrics.received, "load_balancing", "traces");
  await until(() => received.value === 8 && open === 3);
  gate.resolve();
  for (const answer of await Promise.all(answers)) expect(successOf(answer)).toEqual({});
  expect(mostOpen).toBe(3);
  expect(spansAt(rig.backends[0]!)).toHaveLength(8);
});

conforms("C9 · a connection is kept for the next request", async (transport) => {
  const backend = await startHttp(accept);
  const { send } = startLane(transport, backend.member);
  for (let request = 0; request < 5; request += 1) expect(await send()).toMatchObject({ kind: "delivered" });
  expect(backend.requests).toHaveLength(5);
  expect(backend.connections()).toBe(1);
});

conforms("C10 · a backend that does not answer holds up no other", async (transport) => {
  const gate = Promise.withResolvers<void>();
  let isHolding = false;
  const holding = gated(async () => {
    if (isHolding) await gate.promise;
  });
  const { send, backends } = await startRig({ transport, backends: [holding, accepting] });
  const spans = Array.from({ length: 40 }, () => span());
  for (const each of spans) expect(successOf(await send(tracesOf([each])))).toEqual({});
  const [held, free] = backends.map((backend) => new Set(spansAt(backend).map(({ traceId }) => traceId)));
  const ownedBy = (traces: Set<unknown>): Message[] =>
    spans.filter(({ traceId }) => traces.has((traceId as Buffer).toString("base64")));
  expect([ownedBy(held!).length > 0, ownedBy(free!).length > 0]).toEqual([true, true]);
  isHolding = true;
  let heldAnswers = 0;
  const waiting = ownedBy(held!).map((each) => send(tracesOf([each])).finally(() => (heldAnswers += 1)));
  for (const each of ownedBy(free!)) expect(successOf(await send(tracesOf([each])))).toEqual({});
  expect(heldAnswers).toBe(0);
  gate.resolve();
  for (const answer of await Promise.all(waiting)) expect(successOf(answer)).toEqual({});
});

conforms("C11 · splitting makes no empty envelopes", async (transport) => {
  const scripts = [accepting, accepting, accepting];
  const { send, backends } = await startRig({ transport, backends: scripts });
  const [resourceSpans] = requestOf("traces", 1)["resourceSpans"] as Message[];
  // Of most envelopes, most backends get nothing.
  const scopeSpans = () => [{ spans: [span(), span()] }, { spans: [span()] }];
  const full = Array.from({ length: 20 }, () => ({ ...resourceSpans, scopeSpans: scopeSpans() }));
  expect(successOf(await send({ resourceSpans: full }))).toEqual({});
  const received = () => backends.flatMap((backend) => backend.requests());
  expect(backends.map((backend) => spansAt(backend).length > 0)).toEqual([true, true, true]);
  expect(backends.flatMap(spansAt)).toHaveLength(60);
  expect(received().reduce((sum, request) => sum + emptyEnvelopesIn(request), 0)).toBe(0);
  // What a client leaves empty is its own.
  const withEmpty = [...full, { scopeSpans: [] }, { scopeSpans: [{ spans: [span()] }, {}] }];
  expect(successOf(await send({ resourceSpans: withEmpty }))).toEqual({});
  expect(received().reduce((sum, request) => sum + emptyEnvelopesIn(request), 0)).toBe(2);
});
