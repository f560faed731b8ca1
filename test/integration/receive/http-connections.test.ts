import * as http from "node:http";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { ExportResult } from "../../../src/otlp/export-request.ts";
import {
  expectHealthy,
  http2Session,
  protobufType,
  rawConnection,
  request,
  request2,
  startHttpReceiver,
} from "./http-harness.ts";
import { expectNothingHeld } from "./receiver-harness.ts";

const payload = Buffer.from("opaque to the receiver ".repeat(2000));
const requestsTotal = "otlpring_receiver_requests_total";

describe("connections", () => {
  it("carry one request after the other, and several at a time over HTTP/2", async () => {
    const harness = await startHttpReceiver();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    for (let round = 0; round < 5; round += 1) {
      const answer = await request(harness, { agent, body: payload });
      expect(answer).toMatchObject({
        status: 200,
        headers: { connection: "keep-alive", "keep-alive": "timeout=60" },
      });
    }
    const session = http2Session(harness);
    const answers = await Promise.all(Array.from({ length: 20 }, () => request2(session, { body: payload })));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(harness.metric("otlpring_receiver_open_connections", "http")).toBe(2);
  });

  it("go on after a request that was refused, where little of it is left to read", async () => {
    const harness = await startHttpReceiver();
    const connection = rawConnection(harness);
    const head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-type: ";
    connection.socket.write(`${head}text/plain\r\n\r\n`);
    await vi.waitFor(() => expect(connection.received()).toMatch(/^HTTP\/1.1 415 .*"code":3/s));
    connection.socket.write(
      "wordsPOST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-type: application/x-protobuf\r\n\r\ngood",
    );
    await vi.waitFor(() => expect(connection.received()).toContain("HTTP/1.1 200 OK"));
    expect(harness.sink.requests[0]?.payload.toString()).toBe("good");
    await expectNothingHeld(harness);
  });

  it("carry one request only, where they are not to be kept", async () => {
    const harness = await startHttpReceiver({ keepAlivesEnabled: false });
    const answer = await request(harness, { headers: { connection: "keep-alive" } });
    expect(answer).toMatchObject({ status: 200, headers: { connection: "close" } });
  });

  it("answer requests in their order, although those that come later are done earlier", async () => {
    const harness = await startHttpReceiver();
    const results: ((result: ExportResult) => void)[] = [];
    harness.sink.answer = () => new Promise((resolve) => results.push(resolve));
    const connection = rawConnection(harness);
    const post =
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    connection.socket.write(post + post);
    await vi.waitFor(() => expect(results).toHaveLength(2));
    results[1]!({ kind: "partial", rejectedItems: 0, message: "second" });
    results[0]!({ kind: "partial", rejectedItems: 0, message: "first" });
    await vi.waitFor(() => expect(connection.received()).toContain("second"));
    expect(connection.received()).toMatch(/first.*second/s);
    await expectNothingHeld(harness);
  });

  it("that say one byte at a time are understood", async () => {
    const harness = await startHttpReceiver();
    const connection = rawConnection(harness);
    connection.socket.setNoDelay(true);
    const text =
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    for (const character of text) {
      await new Promise<void>((resolve) => {
        connection.socket.write(character, () => resolve());
      });
    }
    await vi.waitFor(() => expect(connection.received()).toMatch(/^HTTP\/1.1 200 OK/));
  });

  it("whose client closes its half after the request get their answer", async () => {
    const harness = await startHttpReceiver();
    const connection = rawConnection(harness);
    connection.socket.end(
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    );
    expect(await connection.closed).toMatch(/^HTTP\/1.1 200 OK/);
    await vi.waitFor(() => expect(harness.metric("otlpring_receiver_open_connections", "http")).toBe(0));
  });

  it("whose client waits to be told get 100 Continue, or why not", async () => {
    const harness = await startHttpReceiver();
    const head = (length: number): string =>
      `POST /v1/traces HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
    const good = rawConnection(harness);
    good.socket.write(head(2));
    await vi.waitFor(() => expect(good.received()).toBe("HTTP/1.1 100 Continue\r\n\r\n"));
    good.socket.write("{}");
    await vi.waitFor(() => expect(good.received()).toContain("HTTP/1.1 200 OK"));
    const tooLarge = rawConnection(harness);
    tooLarge.socket.write(head(5_000_000));
    expect(await tooLarge.closed).toMatch(/^HTTP\/1.1 413 /);
    await expectNothingHeld(harness);
  });
});

describe("clients that go away", () => {
  it("in the middle of a request, over either version, leave nothing behind", async () => {
    const harness = await startHttpReceiver();
    const connection = rawConnection(harness);
    connection.socket.write(
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 100000\r\n\r\nhalf",
    );
    const session = http2Session(harness);
    const stream = session.request({
      ":method": "POST",
      ":path": "/v1/traces",
      "content-type": protobufType,
    });
    stream.on("error", () => undefined);
    stream.write("half");
    await vi.waitFor(() => expect(harness.budget.usedBytes).toBeGreaterThan(170_000));
    connection.socket.destroy();
    stream.destroy();
    await expectNothingHeld(harness);
    expect(harness.metric(requestsTotal, "http", "traces", "CANCELLED")).toBe(2);
    expect(harness.sink.requests).toEqual([]);
    await expectHealthy(harness);
  });

  it("while they wait give back what they held when the sink is done with it", async () => {
    const harness = await startHttpReceiver();
    let finish: (result: ExportResult) => void = () => undefined;
    harness.sink.answer = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const connection = rawConnection(harness);
    connection.socket.write(
      "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 5\r\n\r\nwhole",
    );
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(1));
    connection.socket.destroy();
    await vi.waitFor(() => expect(harness.metric(requestsTotal, "http", "traces", "CANCELLED")).toBe(1));
    expect(harness.budget.usedBytes).toBeGreaterThan(0);
    finish({ kind: "success" });
    await expectNothingHeld(harness);
  });

  it("with requests in a queue behind the one that is dealt with leave nothing of those", async () => {
    const harness = await startHttpReceiver();
    const results: ((result: ExportResult) => void)[] = [];
    harness.sink.answer = () => new Promise((resolve) => results.push(resolve));
    const connection = rawConnection(harness);
    const post =
      "POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 2\r\n\r\nab";
    connection.socket.write(post.repeat(3));
    await vi.waitFor(() => expect(results).toHaveLength(3));
    connection.socket.destroy();
    for (const finish of results) finish({ kind: "success" });
    await expectHealthy(harness);
  });
});

describe("an end", () => {
  it("lets what is in flight finish, tells its client to go, and closes idle connections", async () => {
    const harness = await startHttpReceiver();
    let finish: (result: ExportResult) => void = () => undefined;
    harness.sink.answer = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const agent = new http.Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const idle = rawConnection(harness);
    idle.socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    await vi.waitFor(() => expect(idle.received()).toContain("HTTP/1.1 404"));
    const silent = rawConnection(harness);
    const answer = request(harness, { agent, body: payload });
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(1));
    const session = http2Session(harness);
    const wentAway = new Promise((resolve) => {
      session.on("goaway", resolve);
    });
    await new Promise((resolve) => {
      session.on("remoteSettings", resolve);
    });
    const closed = harness.receiver.close(20_000);
    await Promise.all([idle.closed, silent.closed, wentAway]);
    finish({ kind: "success" });
    expect(await answer).toMatchObject({ status: 200, headers: { connection: "close" } });
    await closed;
    await expect(request(harness)).rejects.toThrow();
    await expectNothingHeld(harness);
  });

  it("comes when its time is over, whatever is in flight", async () => {
    const harness = await startHttpReceiver();
    harness.sink.answer = () => new Promise(() => undefined);
    const lost = expect(request(harness, { body: payload })).rejects.toThrow();
    const lostToo = request2(http2Session(harness), { body: payload });
    await vi.waitFor(() => expect(harness.sink.requests).toHaveLength(2));
    await harness.receiver.close(50);
    await lost;
    expect((await lostToo).status).toBe(0);
  });

  it("without a beginning is one too", async () => {
    const { receiver } = await startHttpReceiver();
    await receiver.close(0);
    await receiver.close(0);
    await expect(receiver.listen()).rejects.toThrow("closed");
  });
});

it("a port that is taken is told with what to do", async () => {
  const { port } = await startHttpReceiver();
  await expect(startHttpReceiver({ port })).rejects.toThrow(`cannot listen on 127.0.0.1:${port}`);
});
