/** Names that are resolved without a nameserver: addresses, `localhost`, and what /etc/hosts holds (hosts(5)). */
import { isIP } from "node:net";
import { canonicalName } from "./message.ts";

/** Addresses by canonical name, in the order of the file. */
export type Hosts = ReadonlyMap<string, readonly string[]>;

/** Lines beyond this many are not read: block lists are kept in this file too, members are not. */
const linesMax = 10_000;

export function parseHosts(text: string): Hosts {
  const hosts = new Map<string, string[]>();
  for (const line of text.split("\n", linesMax)) {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names.map(canonicalName)) {
      const addresses = hosts.get(name);
      if (addresses === undefined) hosts.set(name, [address]);
      else if (!addresses.includes(address)) addresses.push(address);
    }
  }
  return hosts;
}

/** `localhost` and the names under it, which no nameserver is ever asked for (RFC 6761, 6.3). */
export function isLocalhost(hostname: string): boolean {
  return /^(?:.+\.)?localhost$/.test(canonicalName(hostname));
}

/** The addresses of a name that is known without DNS; undefined where DNS must be asked. */
export function localAddresses(hostname: string, hosts: Hosts): readonly string[] | undefined {
  if (isIP(hostname) !== 0) return [hostname];
  const inFile = hosts.get(canonicalName(hostname));
  if (inFile !== undefined) return inFile;
  return isLocalhost(hostname) ? ["127.0.0.1", "::1"] : undefined;
}
