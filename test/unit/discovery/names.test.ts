import { describe, expect, test } from "vitest";
import { isLocalhost, localAddresses, parseHosts } from "../../../src/discovery/dns/hosts-file.ts";
import { candidateNames } from "../../../src/discovery/dns/search-list.ts";
import { parseEndpoint } from "../../../src/discovery/endpoint.ts";

describe("the search list", () => {
  const search = ["obs.svc.cluster.local", "svc.cluster.local", "cluster.local"];

  test("a name with fewer dots than ndots is tried in each domain first", () => {
    expect(candidateNames("tier2-headless.obs", { search, ndots: 5 })).toEqual([
      "tier2-headless.obs.obs.svc.cluster.local",
      "tier2-headless.obs.svc.cluster.local",
      "tier2-headless.obs.cluster.local",
      "tier2-headless.obs",
    ]);
  });

  test("a name with ndots dots is tried as it is first", () => {
    expect(candidateNames("tier2.obs", { search: ["example"], ndots: 1 })).toEqual([
      "tier2.obs",
      "tier2.obs.example",
    ]);
  });

  test("a name that ends with a dot is meant as it is", () => {
    expect(candidateNames("Tier2.obs.", { search, ndots: 5 })).toEqual(["tier2.obs"]);
  });

  test("names that would be too long are left out", () => {
    const long = `${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}`;
    expect(candidateNames(long, { search: ["example.example"], ndots: 9 })).toEqual([long]);
  });
});

describe("names that need no nameserver", () => {
  const hosts = parseHosts(
    "127.0.0.1 localhost\n::1\tlocalhost ip6-localhost # loopback\n10.1.2.3 Tier2 tier2.lan.\nnonsense tier9\n#10.9.9.9 tier2\n",
  );

  test("an address is its own answer", () => {
    expect(localAddresses("10.0.0.1", hosts)).toEqual(["10.0.0.1"]);
    expect(localAddresses("fd00::1", hosts)).toEqual(["fd00::1"]);
  });

  test("names of the hosts file are found in any case, with or without the root's dot", () => {
    expect(localAddresses("TIER2", hosts)).toEqual(["10.1.2.3"]);
    expect(localAddresses("tier2.lan", hosts)).toEqual(["10.1.2.3"]);
    expect(localAddresses("localhost", hosts)).toEqual(["127.0.0.1", "::1"]);
  });

  test("localhost is loopback even where the hosts file does not say so", () => {
    expect(localAddresses("localhost", new Map())).toEqual(["127.0.0.1", "::1"]);
    expect(localAddresses("tier2.localhost.", new Map())).toEqual(["127.0.0.1", "::1"]);
    expect(isLocalhost("notlocalhost")).toBe(false);
  });

  test("all others are left to DNS", () => {
    expect(localAddresses("tier9", hosts)).toBeUndefined();
    expect(localAddresses("", hosts)).toBeUndefined();
  });
});

describe("endpoints", () => {
  test.each([
    ["10.0.0.1", "10.0.0.1:4317"],
    ["10.0.0.1:14317", "10.0.0.1:14317"],
    ["tier2-0.tier2", "tier2-0.tier2:4317"],
    ["localhost:1", "localhost:1"],
    ["[fd00::1]:4318", "[fd00::1]:4318"],
    ["[fd00::1]", "[fd00::1]:4317"],
    ["fd00::1", "[fd00::1]:4317"],
  ])("%s is the member %s", (endpoint, member) => {
    expect(parseEndpoint(endpoint)).toBe(member);
  });

  test.each([
    "",
    ":4317",
    "http://tier2:4317",
    "tier2:4317/v1",
    "tier2:0",
    "tier2:65536",
    "tier2:port",
    "[tier2]:4317",
    "[fd00::1",
    "a b",
    "-tier2",
    `${"a".repeat(64)}.example`,
    "tier2:4317:4317",
    "tier2\n",
  ])("%j is refused, and the message says what is expected", (endpoint) => {
    expect(() => parseEndpoint(endpoint)).toThrow(/is no endpoint: expected host/);
  });
});
