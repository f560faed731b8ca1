/** The commands of docs/http.md do what it says that they do. */
import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { startGateway, startSink } from "../../support/gateway.ts";

const document = readFileSync(new URL("../../../docs/http.md", import.meta.url), "utf8");
const examples = [...document.matchAll(/```console\n\$ (.*?)\n```/gs)].map(([, text]) => {
  const lines = text!.split("\n");
  const printed = lines.pop()!;
  return { command: lines.join("\n"), printed };
});

const curlSpeaksHttp2 = spawnSync("curl", ["--version"], { encoding: "utf8" }).stdout?.includes("HTTP2");

it.runIf(curlSpeaksHttp2)("prints what the document says, and delivers it", async () => {
  const sink = await startSink();
  const { endpoints } = await startGateway(`
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:0 } } } }
exporters:
  load_balancing:
    resolver: { static: { hostnames: ["${sink.endpoint}"] } }
    protocol: { otlp: { tls: { insecure: true } } }
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [load_balancing] }
    metrics: { receivers: [otlp], exporters: [load_balancing] }
    logs: { receivers: [otlp], exporters: [load_balancing] }
`);
  for (const { command, printed } of examples) {
    const here = command.replaceAll("localhost:4318", endpoints["otlp/http"]!);
    const { stdout } = await promisify(execFile)("sh", ["-c", here]);
    expect(stdout.trimEnd()).toBe(printed);
  }
  expect(examples).toHaveLength(5);
  const { traces, metrics, logs } = sink.report().signals;
  expect([traces.items, metrics.items, logs.items]).toEqual([2, 1, 1]);
  expect([...(sink.spanIds("5b8efff798038103d269b633813fc60c") ?? [])]).toEqual(["eee19b7ec3c1b174"]);
});
