/** Receivers that stop while clients of HTTP/2 leave by themselves. */
import { connect } from "node:http2";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { startReceiver } from "./grpc-harness.ts";
import { http2Session, request2, startHttpReceiver } from "./http-harness.ts";

test.each(Array.from({ length: 12 }, (_, turns) => turns))(
  "a receiver stops %i turns of the event loop after its client has left",
  async (turns) => {
    const harness = await startHttpReceiver();
    const session = http2Session(harness);
    expect(await request2(session)).toMatchObject({ status: 200 });
    session.destroy();
    for (let turn = 0; turn < turns; turn += 1) await setImmediate();
    await harness.receiver.close(1000);
    expect(harness.metric("otlpring_receiver_open_connections", "http")).toBe(0);
  },
);

test("many clients leave while a receiver stops", async () => {
  const harness = await startReceiver();
  const sessions = Array.from({ length: 50 }, () => connect(`http://127.0.0.1:${harness.port}`));
  await Promise.all(
    sessions.map(
      (session) => new Promise<void>((resolve) => session.once("remoteSettings", () => resolve())),
    ),
  );
  for (const [index, session] of sessions.entries()) {
    session.on("error", () => undefined);
    session.destroy();
    if (index % 10 === 0) await setImmediate();
  }
  await harness.receiver.close(1000);
  expect(harness.metric("otlpring_receiver_open_connections", "grpc")).toBe(0);
});
