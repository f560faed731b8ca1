import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RecordType } from "../../../src/discovery/dns/message.ts";
import type { Nameserver } from "../../../src/discovery/dns/resolv-conf.ts";
import { DnsResolver } from "../../../src/discovery/dns/resolver.ts";
import { aRecords, forgedAddress, forgeries, rcode, TestDnsServer } from "../../support/dns-server.ts";

let server: TestDnsServer;
let second: TestDnsServer;
const folder = mkdtempSync(join(tmpdir(), "resolver-"));
const resolvConfPath = join(folder, "resolv.conf");
const hostsPath = join(folder, "hosts");
const never = new AbortController().signal;

beforeEach(async () => {
  server = await TestDnsServer.start();
  second = await TestDnsServer.start();
  writeFileSync(resolvConfPath, "options attempts:2\n");
  writeFileSync(hostsPath, "127.0.0.1 localhost\n");
});

afterEach(async () => {
  await server.close();
  await second.close();
});

function resolverOver(...nameservers: Nameserver[]): DnsResolver {
  return new DnsResolver({ resolvConfPath, hostsPath, nameservers });
}

/** What a name resolves to, as sorted text. */
async function resolved(
  hostname: string,
  {
    types = ["A"],
    timeoutMs = 5000,
    resolver = resolverOver(server),
  }: { types?: RecordType[]; timeoutMs?: number; resolver?: DnsResolver } = {},
): Promise<string[]> {
  const { records } = await resolver.resolve(hostname, types, { timeoutMs, signal: never });
  return records
    .map((record) => (record.type === "SRV" ? `${record.target}:${record.port}` : record.address))
    .sort();
}

function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `10.0.${n >>> 8}.${n & 255}`).sort();
}

describe("what is resolved", () => {
  test("A, AAAA and SRV records, IPv6 addresses in their one canonical form", async () => {
    server.script("tier2.obs", "A", { records: aRecords("tier2.obs", ["10.0.0.2", "10.0.0.1"]) });
    server.script("tier2.obs", "AAAA", {
      records: [{ type: "AAAA", name: "tier2.obs", data: "fd00:0:0:0:0:0:0:1" }],
    });
    server.script("_otlp._tcp.tier2.obs", "SRV", {
      records: [
        { type: "SRV", name: "_otlp._tcp.tier2.obs", data: { target: "Pod-0.tier2.obs", port: 4317 } },
        { type: "SRV", name: "_otlp._tcp.tier2.obs", data: { target: "pod-1.tier2.obs", port: 4318 } },
      ],
    });
    expect(await resolved("tier2.obs")).toEqual(["10.0.0.1", "10.0.0.2"]);
    expect(await resolved("tier2.obs", { types: ["A", "AAAA"] })).toEqual([
      "10.0.0.1",
      "10.0.0.2",
      "fd00::1",
    ]);
    expect(await resolved("_otlp._tcp.tier2.obs", { types: ["SRV"] })).toEqual([
      "pod-0.tier2.obs:4317",
      "pod-1.tier2.obs:4318",
    ]);
  });

  test("three hundred records, over TCP, since UDP cannot carry them", async () => {
    server.script("tier2.obs", "A", { records: aRecords("tier2.obs", addresses(300)) });
    expect(await resolved("tier2.obs")).toEqual(addresses(300));
    expect(server.asked.map(({ transport }) => transport)).toEqual(["udp", "tcp"]);
  });

  test("an answer that was cut off within a record, over TCP", async () => {
    server.script("tier2.obs", "A", { records: aRecords("tier2.obs", addresses(3)), cutOff: true });
    expect(await resolved("tier2.obs")).toEqual(addresses(3));
    expect(server.asked.map(({ transport }) => transport)).toEqual(["udp", "tcp"]);
  });

  test("aliases within one answer, the shortest TTL holding for all", async () => {
    server.script("tier2.obs", "A", {
      records: [
        { type: "CNAME", name: "TIER2.obs", ttl: 3, data: "a.example" },
        { type: "CNAME", name: "a.example", ttl: 60, data: "B.example" },
        ...aRecords("b.example", ["10.0.0.1"], 30),
        ...aRecords("unasked.example", [forgedAddress]),
      ],
    });
    const resolution = await resolverOver(server).resolve("Tier2.obs", ["A"], {
      timeoutMs: 5000,
      signal: never,
    });
    expect(resolution.records).toHaveLength(1);
    expect(resolution).toMatchObject({ origin: "dns", name: "tier2.obs", ttlS: 3 });
    expect(server.asked).toHaveLength(1);
  });

  test("an alias whose target the answer does not tell, by asking for it", async () => {
    server.script("tier2.obs", "A", { records: [{ type: "CNAME", name: "tier2.obs", data: "a.example" }] });
    server.script("a.example", "A", { records: aRecords("a.example", ["10.0.0.1"]) });
    expect(await resolved("tier2.obs")).toEqual(["10.0.0.1"]);
  });

  test("a loop of aliases is given up, within one answer and across many", async () => {
    server.script("a.example", "A", {
      records: [
        { type: "CNAME", name: "a.example", data: "b.example" },
        { type: "CNAME", name: "b.example", data: "a.example" },
      ],
    });
    server.script("c.example", "A", { records: [{ type: "CNAME", name: "c.example", data: "d.example" }] });
    server.script("d.example", "A", { records: [{ type: "CNAME", name: "d.example", data: "c.example" }] });
    await expect(resolved("a.example.")).rejects.toMatchObject({ code: "dns_bad_answer" });
    await expect(resolved("c.example.")).rejects.toMatchObject({ code: "dns_bad_answer" });
    expect(server.asked.length).toBeLessThan(50);
  });

  test("a nameserver that knows no EDNS is asked without", async () => {
    server.script("tier2.obs", "A", ({ edns }) =>
      edns ? { rcode: rcode.FORMERR } : { records: aRecords("tier2.obs", ["10.0.0.1"]) },
    );
    expect(await resolved("tier2.obs")).toEqual(["10.0.0.1"]);
  });

  test("names and addresses that need no nameserver are not asked for", async () => {
    writeFileSync(hostsPath, "10.1.1.1 tier2\n");
    expect(await resolved("tier2")).toEqual(["10.1.1.1"]);
    expect(await resolved("10.9.9.9")).toEqual(["10.9.9.9"]);
    expect(await resolved("localhost")).toEqual(["127.0.0.1"]);
    expect(await resolved("fd00::1", { types: ["AAAA"] })).toEqual(["fd00::1"]);
    expect(server.asked).toEqual([]);
  });
});

describe("the search list", () => {
  test("finds tier2-headless.obs as a pod's resolv.conf means it", async () => {
    writeFileSync(
      resolvConfPath,
      "search obs.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n",
    );
    const full = "tier2-headless.obs.svc.cluster.local";
    server.script(full, "A", { records: aRecords(full, ["10.0.0.1"]) });
    expect(await resolved("tier2-headless.obs")).toEqual(["10.0.0.1"]);
    expect(server.askedNames()).toEqual(["tier2-headless.obs.obs.svc.cluster.local", full]);
  });

  test("is read again when the file has changed", async () => {
    const resolver = resolverOver(server);
    server.script("tier2.new.example", "A", { records: aRecords("tier2.new.example", ["10.0.0.1"]) });
    writeFileSync(resolvConfPath, "search old.example\n");
    await expect(resolved("tier2", { resolver })).rejects.toMatchObject({ code: "dns_not_found" });
    writeFileSync(resolvConfPath, "search new.example\n");
    expect(await resolved("tier2", { resolver })).toEqual(["10.0.0.1"]);
  });

  test("does not go on to a stranger's name when a server fails to tell", async () => {
    writeFileSync(resolvConfPath, "search svc.cluster.local\noptions ndots:5 attempts:1\n");
    server.script("tier2.obs.svc.cluster.local", "A", { rcode: rcode.SERVFAIL });
    server.script("tier2.obs", "A", { records: aRecords("tier2.obs", [forgedAddress]) });
    await expect(resolved("tier2.obs")).rejects.toMatchObject({ code: "dns_server_failure" });
    expect(server.askedNames()).toEqual(["tier2.obs.svc.cluster.local"]);
  });

  test("takes the first name that has any of the wanted types", async () => {
    writeFileSync(resolvConfPath, "search a.example b.example\n");
    server.script("tier2.a.example", "A", { records: [] });
    server.script("tier2.a.example", "AAAA", {
      records: [{ type: "AAAA", name: "tier2.a.example", data: "fd00::1" }],
    });
    server.script("tier2.b.example", "A", { records: aRecords("tier2.b.example", ["10.0.0.9"]) });
    expect(await resolved("tier2", { types: ["A", "AAAA"] })).toEqual(["fd00::1"]);
  });
});

describe("what goes wrong", () => {
  test("a name that does not exist, and one without such records, are told apart", async () => {
    server.script("empty.obs", "A", { records: [] });
    await expect(resolved("missing.obs")).rejects.toMatchObject({ code: "dns_not_found" });
    await expect(resolved("empty.obs")).rejects.toMatchObject({ code: "dns_empty" });
  });

  test("half of a dual-stack answer is no answer", async () => {
    writeFileSync(resolvConfPath, "options attempts:1\n");
    server.script("tier2.obs", "A", { records: aRecords("tier2.obs", ["10.0.0.1"]) });
    server.script("tier2.obs", "AAAA", { rcode: rcode.SERVFAIL });
    await expect(resolved("tier2.obs", { types: ["A", "AAAA"] })).rejects.toMatchObject({
      code: "dns_server_failure",
    });
  });

  test("a failure now and then is made good by asking again", async () => {
    let question = 0;
    server.script("tier2.obs", "A", () => {
      question += 1;
      return question % 2 === 1
        ? { rcode: rcode.SERVFAIL }
        : { records: aRecords("tier2.obs", ["10.0.0.1"]) };
    });
    expect(await resolved("tier2.obs")).toEqual(["10.0.0.1"]);
  });

  test("silence is a time-out, and names the server and the question", async () => {
    server.script("tier2.obs", "A", { silent: true });
    await expect(resolved("tier2.obs", { timeoutMs: 150 })).rejects.toMatchObject({
      code: "dns_timeout",
      message: expect.stringMatching(
        /nameserver 127\.0\.0\.1#\d+ over UDP did not answer in time \(A of tier2\.obs\)/,
      ),
    });
  });

  test("an answer over TCP that stays away is a time-out", async () => {
    server.script("tier2.obs", "A", ({ transport }) =>
      transport === "udp" ? { records: aRecords("tier2.obs", addresses(3)), cutOff: true } : { silent: true },
    );
    await expect(resolved("tier2.obs", { timeoutMs: 150 })).rejects.toMatchObject({ code: "dns_timeout" });
  });

  test.each([
    ["noise", { raw: Buffer.alloc(40, 0xff) }, "dns_bad_answer"],
    ["a message of no bytes", { raw: Buffer.alloc(0) }, "dns_bad_answer"],
    ["a connection that is closed unanswered", { hangUp: true }, "dns_unreachable"],
  ])("%s over TCP is an error", async (_, reply, code) => {
    server.script("tier2.obs", "A", ({ transport }) => (transport === "udp" ? { cutOff: true } : reply));
    await expect(resolved("tier2.obs")).rejects.toMatchObject({ code });
  });

  test("a port that nobody listens on is told at once", async () => {
    const { port } = second;
    await second.close();
    second = await TestDnsServer.start();
    const resolver = resolverOver({ address: "127.0.0.1", port });
    await expect(resolved("tier2.obs", { resolver, timeoutMs: 20_000 })).rejects.toMatchObject({
      code: "dns_unreachable",
    });
  });

  test("a caller that gives up is heard", async () => {
    server.script("tier2.obs", "A", { silent: true });
    const giveUp = new AbortController();
    const resolving = resolverOver(server).resolve("tier2.obs", ["A"], {
      timeoutMs: 60_000,
      signal: giveUp.signal,
    });
    giveUp.abort();
    await expect(resolving).rejects.toMatchObject({ code: "dns_cancelled" });
  });
});

describe("several nameservers", () => {
  test("one that is silent costs a part of the time, and is not asked first again", async () => {
    server.script("tier2.obs", "A", { silent: true });
    second.script("tier2.obs", "A", { records: aRecords("tier2.obs", ["10.0.0.2"]) });
    const resolver = resolverOver(server, second);
    expect(await resolved("tier2.obs", { resolver, timeoutMs: 1000 })).toEqual(["10.0.0.2"]);
    expect(await resolved("tier2.obs", { resolver, timeoutMs: 1000 })).toEqual(["10.0.0.2"]);
    expect([server.asked.length, second.asked.length]).toEqual([1, 2]);
  });

  test("an answer that comes late still counts, while the next server is already asked", async () => {
    server.script("tier2.obs", "A", { delayMs: 400, records: aRecords("tier2.obs", ["10.0.0.1"]) });
    second.script("tier2.obs", "A", { silent: true });
    const resolver = resolverOver(server, second);
    expect(await resolved("tier2.obs", { resolver, timeoutMs: 1000 })).toEqual(["10.0.0.1"]);
    expect(second.asked.length).toBeGreaterThan(0);
  });

  test("one that fails or refuses is followed by the next at once", async () => {
    server.script("tier2.obs", "A", { rcode: rcode.REFUSED });
    second.script("tier2.obs", "A", { records: aRecords("tier2.obs", ["10.0.0.2"]) });
    const resolver = resolverOver(server, second);
    expect(await resolved("tier2.obs", { resolver, timeoutMs: 20_000 })).toEqual(["10.0.0.2"]);
  });

  test("with rotate they take turns", async () => {
    writeFileSync(resolvConfPath, "options rotate\n");
    for (const one of [server, second]) {
      one.script("tier2.obs", "A", { records: aRecords("tier2.obs", ["10.0.0.1"]) });
    }
    const resolver = resolverOver(server, second);
    for (let n = 0; n < 4; n += 1) await resolved("tier2.obs", { resolver });
    expect([server.asked.length, second.asked.length]).toEqual([2, 2]);
  });

  test("they may have IPv6 addresses", async () => {
    const six = await TestDnsServer.start("::1");
    six.script("tier2.obs", "A", { records: aRecords("tier2.obs", addresses(200)) });
    expect(await resolved("tier2.obs", { resolver: resolverOver(six) })).toEqual(addresses(200));
    await six.close();
  });
});

describe("forgeries", () => {
  test.each(forgeries)("%s is passed over, and the true answer counts", async (forgery) => {
    server.script("tier2.obs", "A", {
      forged: [forgery, forgery],
      delayMs: 20,
      records: aRecords("tier2.obs", ["10.0.0.1"]),
    });
    expect(await resolved("tier2.obs")).toEqual(["10.0.0.1"]);
    expect(server.asked).toHaveLength(1);
  });

  test("without a true answer they are a time-out", async () => {
    server.script("tier2.obs", "A", { forged: forgeries, silent: true });
    await expect(resolved("tier2.obs", { timeoutMs: 200 })).rejects.toMatchObject({ code: "dns_timeout" });
  });

  test("a flood of guesses ends the question", async () => {
    writeFileSync(resolvConfPath, "options attempts:1\n");
    server.script("tier2.obs", "A", {
      forged: Array.from({ length: 100 }, () => "wrong id" as const),
      silent: true,
    });
    await expect(resolved("tier2.obs")).rejects.toMatchObject({ code: "dns_bad_answer" });
  });

  test("every question has a random id and a source port of its own", async () => {
    server.script("tier2.obs", "A", { records: aRecords("tier2.obs", ["10.0.0.1"]) });
    for (let n = 0; n < 20; n += 1) await resolved("tier2.obs");
    expect(new Set(server.asked.map(({ id }) => id)).size).toBeGreaterThan(15);
    expect(new Set(server.asked.map(({ sourcePort }) => sourcePort)).size).toBeGreaterThan(10);
  });

  test("records of other names in an answer are not believed", async () => {
    server.script("tier2.obs", "A", { records: aRecords("other.obs", [forgedAddress]) });
    await expect(resolved("tier2.obs")).rejects.toMatchObject({ code: "dns_empty" });
  });
});
