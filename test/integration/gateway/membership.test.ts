/** Members come and go in DNS while requests are under way. */
import type { Answer } from "dns-packet";
import { afterEach, describe, expect, it } from "vitest";
import { DnsResolver } from "../../../src/discovery/dns/resolver.ts";
import { compare } from "../../../src/tools/generate/comparison.ts";
import { Generator } from "../../../src/tools/generate/generator.ts";
import { sinkViews } from "../../../src/tools/generate/sink-views.ts";
import type { Sink } from "../../../src/tools/sink/sink.ts";
import { aRecords, TestDnsServer } from "../../support/dns-server.ts";
import { startGateway, startSink } from "../../support/gateway.ts";

const hostname = "tier2-headless.obs.svc.cluster.local";

let dns: TestDnsServer | undefined;
afterEach(async () => {
  await dns?.close();
});

function configuration(resolver: string): string {
  return `
receivers: { otlp: { protocols: { grpc: { endpoint: "127.0.0.1:0" } } } }
exporters:
  load_balancing:
    resolver: { dns: { ${resolver}, interval: 100ms, timeout: 90ms } }
    protocol: { otlp: { tls: { insecure: true }, compression: none } }
    allowed_cidrs: [127.0.0.0/8]
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [load_balancing] }
    metrics: { receivers: [otlp], exporters: [load_balancing] }
    logs: { receivers: [otlp], exporters: [load_balancing] }
`;
}

const itemsOf = (sink: Sink): number =>
  Object.values(sink.report().signals).reduce((sum, { items }) => sum + items, 0);

/** Sends load until `change` is through, without any retry of the client's, and compares. */
async function underLoad(
  endpoint: string,
  sinks: readonly Sink[],
  change: () => Promise<void>,
): Promise<void> {
  const generator = new Generator({
    endpoints: [endpoint],
    itemsPerSecond: 3000,
    batchSize: 50,
    seed: 7,
    retry: { attemptsMax: 1, initialBackoffMs: 1, maxBackoffMs: 1 },
  });
  const enough = new AbortController();
  const generating = generator.generate(enough.signal);
  try {
    await change();
  } finally {
    enough.abort();
    await generating;
  }
  const reports = sinks.map((sink) => sink.report({ run: generator.run }));
  const comparison = compare(generator.accounts, sinkViews(reports, generator.run));
  for (const signal of ["traces", "metrics", "logs"] as const) {
    const account = generator.accounts[signal];
    expect(account.acknowledged, signal).toBeGreaterThan(0);
    expect(account.failed, signal).toBe(0);
    expect(comparison.signals[signal], signal).toMatchObject({ lost: 0, duplicated: 0, invented: 0 });
  }
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
};

describe("a gateway whose backends are found by DNS", () => {
  it("follows A records without dropping a request: scale up, then down", async () => {
    const addresses = ["127.0.0.11", "127.0.0.12", "127.0.0.13", "127.0.0.14"];
    const first = await startSink({ endpoint: `${addresses[0]}:0` });
    const port = Number(first.endpoint.split(":")[1]);
    const others = await Promise.all(
      addresses.slice(1).map((address) => startSink({ endpoint: `${address}:${port}` })),
    );
    const sinks = [first, ...others];
    dns = await TestDnsServer.start();
    const publish = (count: number): void =>
      dns!.script(hostname, "A", { records: aRecords(hostname, addresses.slice(0, count)) });
    publish(3);
    const resolver = new DnsResolver({ nameservers: [{ address: dns.address, port: dns.port }] });
    const { endpoints } = await startGateway(
      configuration(`hostname: ${hostname}., port: ${port}, record: A`),
      { resolver },
    );
    await underLoad(endpoints["otlp/grpc"]!, sinks, async () => {
      await until(() => sinks.slice(0, 3).every((sink) => itemsOf(sink) > 0));
      expect(itemsOf(sinks[3]!)).toBe(0);
      publish(4);
      await until(() => itemsOf(sinks[3]!) > 0);
      publish(2);
      const before = sinks.slice(2).map(itemsOf);
      // What was routed before the change still arrives; then the leavers hear nothing more.
      await until(() => {
        const now = sinks.slice(2).map(itemsOf);
        const isQuiet = now.every((items, index) => items === before[index]);
        before.splice(0, before.length, ...now);
        return isQuiet;
      });
    });
  });

  it("follows SRV records, whose targets' names stay members when their addresses change", async () => {
    const sinks = [
      await startSink({ endpoint: "127.0.0.21:0" }),
      await startSink({ endpoint: "127.0.0.22:0" }),
    ];
    const ports = sinks.map((sink) => Number(sink.endpoint.split(":")[1]));
    dns = await TestDnsServer.start();
    const targets = ["tier2-0.tier2.obs.svc", "tier2-1.tier2.obs.svc"];
    const records = targets.map(
      (target, index): Answer => ({
        type: "SRV",
        name: hostname,
        ttl: 5,
        data: { target, port: ports[index]!, priority: 0, weight: 0 },
      }),
    );
    dns.script(hostname, "SRV", { records });
    for (const [index, target] of targets.entries()) {
      dns.script(target, "A", { records: aRecords(target, [`127.0.0.2${index + 1}`]) });
    }
    const resolver = new DnsResolver({ nameservers: [{ address: dns.address, port: dns.port }] });
    const { endpoints, gateway } = await startGateway(configuration(`hostname: ${hostname}., record: SRV`), {
      resolver,
    });
    await underLoad(endpoints["otlp/grpc"]!, sinks, () =>
      until(() => sinks.every((sink) => itemsOf(sink) > 0)),
    );
    const members = gateway.metrics
      .families()
      .find(({ definition }) => definition.name === "otlpring_ring_ownership_ratio")
      ?.series.map(({ labelValues }) => labelValues[1]);
    expect(members).toEqual(targets.map((target, index) => `${target}:${ports[index]}`));
  });
});
