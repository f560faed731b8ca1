import { expect, test } from "vitest";
import { AddressGuard } from "../../../src/discovery/address-guard.ts";

const specialAddresses = [
  "0.0.0.0",
  "127.0.0.1",
  "127.255.255.254",
  "169.254.169.254",
  "224.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "fe80::1",
  "ff02::1",
  "::ffff:127.0.0.1",
  "::ffff:169.254.169.254",
];

test.each(specialAddresses)(
  "%s is refused when no range is given, and when everything is allowed",
  (address) => {
    expect(new AddressGuard([]).allows(address)).toBe(false);
    expect(new AddressGuard(["0.0.0.0/0", "::/0"]).allows(address)).toBe(false);
  },
);

test.each(["10.0.0.1", "192.0.2.1", "8.8.8.8", "fd00::1", "2001:db8::1", "::ffff:10.0.0.1"])(
  "%s is allowed when no range is given",
  (address) => {
    expect(new AddressGuard([]).allows(address)).toBe(true);
  },
);

test("with ranges given, an address must lie in one of them", () => {
  const guard = new AddressGuard(["10.0.0.0/8", "fd00::/8", "192.0.2.7"]);
  expect(["10.255.0.1", "fdff::1", "192.0.2.7"].filter((address) => !guard.allows(address))).toEqual([]);
  expect(["11.0.0.1", "fe00::1", "192.0.2.8", "::1"].filter((address) => guard.allows(address))).toEqual([]);
});

test("loopback and link-local are opened by a range that lies within them", () => {
  expect(new AddressGuard(["127.0.0.0/8"]).allows("127.0.0.1")).toBe(true);
  expect(new AddressGuard(["127.0.0.0/30"]).allows("127.0.0.5")).toBe(false);
  expect(new AddressGuard(["127.0.0.0/8"]).allows("::ffff:127.0.0.1")).toBe(true);
  expect(new AddressGuard(["::1"]).allows("::1")).toBe(true);
  expect(new AddressGuard(["126.0.0.0/7"]).allows("127.0.0.1")).toBe(false);
});

test.each([
  "",
  "10.0.0.0/33",
  "10.0.0/8",
  "fd00::/129",
  "10.0.0.0/",
  "tier2/8",
  "10.0.0.0/8/8",
  "fe80::1%eth0/64",
])("%j is refused as a range", (cidr) => {
  expect(() => new AddressGuard([cidr])).toThrow(/is no range of addresses/);
});

test("what is no address is never allowed", () => {
  expect(new AddressGuard([]).allows("tier2")).toBe(false);
});
