import { once } from "node:events";
import { connect, createServer } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLogger } from "../../../src/base/logger.ts";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import { AddressGuard } from "../../../src/discovery/address-guard.ts";
import { createDialLookup } from "../../../src/discovery/dial-lookup.ts";
import { DnsResolver } from "../../../src/discovery/dns/resolver.ts";
import { DnsSource, type DnsSourceOptions } from "../../../src/discovery/dns-source.ts";
import { type MemberSourceStatus, membersOf } from "../../../src/discovery/member-source.ts";
import { aRecords, rcode, TestDnsServer } from "../../support/dns-server.ts";

let server: TestDnsServer;
let source: DnsSource | undefined;

beforeEach(async () => {
  server = await TestDnsServer.start();
});

afterEach(async () => {
  source?.close();
  await server.close();
});

function resolver(): DnsResolver {
  return new DnsResolver({
    nameservers: [server],
    resolvConfPath: "/nonexistent",
    hostsPath: "/nonexistent",
  });
}

async function started(options: Partial<DnsSourceOptions>, onMembers: (members: readonly string[]) => void) {
  source = new DnsSource(
    {
      name: "load_balancing",
      hostname: "tier2.obs",
      record: "A",
      intervalMs: 20,
      timeoutMs: 500,
      allowedCidrs: [],
      ...options,
    },
    { resolver: resolver(), logger: silentLogger, metrics: new MetricRegistry() },
  );
  await source.start(onMembers);
  return source;
}

async function until(
  status: () => MemberSourceStatus,
  holds: (status: MemberSourceStatus) => boolean,
): Promise<void> {
  while (!holds(status())) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("members follow a real nameserver: 3, 4, NXDOMAIN, SERVFAIL, empty, then 3 again", async () => {
  const addresses = (count: number) => Array.from({ length: count }, (_, n) => `10.0.0.${n + 1}`);
  const lists: number[] = [];
  server.script("tier2.obs", "A", { records: aRecords("tier2.obs", addresses(3)) });
  const following = await started({}, (members) => lists.push(members.length));
  server.script("tier2.obs", "A", { records: aRecords("tier2.obs", addresses(4)) });
  await until(
    () => following.status,
    () => lists.length === 2,
  );
  for (const [reply, code] of [
    [{ rcode: rcode.NXDOMAIN }, "dns_not_found"],
    [{ rcode: rcode.SERVFAIL }, "dns_server_failure"],
    [{ records: [] }, "dns_empty"],
  ] as const) {
    server.script("tier2.obs", "A", reply);
    await until(
      () => following.status,
      (status) => status.kind === "held" && status.failure.code === code,
    );
    expect(membersOf(following)).toHaveLength(4);
  }
  server.script("tier2.obs", "A", { records: aRecords("tier2.obs", addresses(3)) });
  await until(
    () => following.status,
    () => lists.length === 3,
  );
  expect(lists).toEqual([3, 4, 3]);
});

test("one SERVFAIL in six is never seen: another attempt makes it good", async () => {
  let questions = 0;
  server.script("tier2.obs", "A", () => {
    questions += 1;
    return questions % 6 === 0 ? { rcode: rcode.SERVFAIL } : { records: aRecords("tier2.obs", ["10.0.0.1"]) };
  });
  const kinds = new Set<string>();
  const following = await started({ intervalMs: 5 }, () => undefined);
  await until(
    () => following.status,
    ({ kind }) => {
      kinds.add(kind);
      return questions > 40;
    },
  );
  expect([...kinds]).toEqual(["current"]);
});

test("localhost works on a laptop without a nameserver", async () => {
  const lists: (readonly string[])[] = [];
  await started({ hostname: "localhost", port: 14_317 }, (members) => lists.push(members));
  expect(lists).toEqual([["127.0.0.1:14317"]]);
  expect(server.asked).toEqual([]);
});

test("an SRV target is dialled through the same resolver, and refused where its address is", async () => {
  const listener = createServer((socket) => socket.end("hello"));
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as { port: number };
  server.script("pod-0.tier2.obs", "A", {
    records: aRecords("pod-0.tier2.obs", ["127.0.0.1", "169.254.169.254"]),
  });
  server.script("pod-0.tier2.obs", "AAAA", { rcode: rcode.SERVFAIL });
  const lookupUnder = (cidrs: readonly string[]) =>
    createDialLookup({ timeoutMs: 2000, guard: new AddressGuard(cidrs) }, { resolver: resolver() });

  const socket = connect({ host: "pod-0.tier2.obs", port, lookup: lookupUnder(["127.0.0.0/8"]) });
  const [greeting] = await once(socket, "data");
  expect(String(greeting)).toBe("hello");
  expect(socket.remoteAddress).toBe("127.0.0.1");
  socket.destroy();

  const refused = connect({ host: "pod-0.tier2.obs", port, lookup: lookupUnder([]) });
  const [error] = await once(refused, "error");
  expect(error).toMatchObject({ code: "address_refused" });
  listener.close();
});
