import { expect, test } from "vitest";
import { defaultResolvConf, parseResolvConf } from "../../../src/discovery/dns/resolv-conf.ts";

const server = (address: string) => ({ address, port: 53 });

test("a Kubernetes pod's file is read whole", () => {
  const conf = parseResolvConf(
    "search obs.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n",
  );
  expect(conf).toEqual({
    ...defaultResolvConf,
    nameservers: [server("10.96.0.10")],
    search: ["obs.svc.cluster.local", "svc.cluster.local", "cluster.local"],
    ndots: 5,
  });
});

test("all options, IPv6 nameservers, zones, comments and odd spacing are read", () => {
  const conf = parseResolvConf(
    [
      "# made by hand",
      "; and so is this",
      "\tnameserver  2001:db8::1 \t",
      "nameserver fe80::1%eth0",
      "nameserver 10.0.0.2 trailing words",
      "options rotate timeout:2 attempts:3",
      "options ndots:2 edns0 single-request\r",
    ].join("\n"),
  );
  expect(conf).toEqual({
    nameservers: [server("2001:db8::1"), server("fe80::1%eth0"), server("10.0.0.2")],
    search: [],
    ndots: 2,
    timeoutMs: 2000,
    attempts: 3,
    rotate: true,
  });
});

test("the last of several domain and search lines holds", () => {
  expect(parseResolvConf("search a.example b.example\ndomain c.example").search).toEqual(["c.example"]);
  expect(parseResolvConf("domain c.example\nsearch a.example. .").search).toEqual(["a.example"]);
});

test("values outside their bounds are brought within them", () => {
  const conf = parseResolvConf("options ndots:99 timeout:0 attempts:1000");
  expect([conf.ndots, conf.timeoutMs, conf.attempts]).toEqual([15, 1000, 5]);
  expect(parseResolvConf("options timeout:3600").timeoutMs).toBe(30_000);
});

test("only so many nameservers and domains are taken", () => {
  const text = Array.from({ length: 100 }, (_, n) => `nameserver 10.0.0.${n}`).join("\n");
  expect(parseResolvConf(text).nameservers).toHaveLength(8);
  const domains = Array.from({ length: 100 }, (_, n) => `d${n}.example`).join(" ");
  expect(parseResolvConf(`search ${domains}`).search).toHaveLength(32);
});

test.each([
  ["an empty file", ""],
  ["a nameserver that is a name", "nameserver dns.example"],
  ["keywords without values", "nameserver\nsearch\noptions\ndomain"],
  ["options that mean nothing", "options ndots: timeout:x attempts ndots:-1 ndots:1e3 :5"],
  ["noise", "\0\0\n\u{1f4a5} !!\n========"],
])("%s leaves the defaults: a nameserver on this machine", (_, text) => {
  expect(parseResolvConf(text)).toEqual(defaultResolvConf);
});
