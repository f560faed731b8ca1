/**
 * resolv.conf (https://man7.org/linux/man-pages/man5/resolv.conf.5.html): which nameservers to ask,
 * and which names. Node's own resolver reads the nameservers alone, so that `tier2-headless.obs`
 * would not resolve in a Kubernetes pod.
 */
import { isIP } from "node:net";

export interface Nameserver {
  /** IPv4 or IPv6, the latter perhaps with a zone (`fe80::1%eth0`). */
  readonly address: string;
  readonly port: number;
}

export interface ResolvConf {
  readonly nameservers: readonly Nameserver[];
  /** Domains that short names are tried in, in this order. */
  readonly search: readonly string[];
  /** Names with at least so many dots are tried as they are first. */
  readonly ndots: number;
  /** How long to wait for a server before the next one is asked too. */
  readonly timeoutMs: number;
  /** How often each server is asked. */
  readonly attempts: number;
  /** Take turns as to who is asked first. */
  readonly rotate: boolean;
}

const dnsPort = 53;
/** glibc's bounds; it takes 3 nameservers, Kubernetes' dnsConfig as many, and we some more. */
const nameserverCountMax = 8;
const searchCountMax = 32;
const ndotsMax = 15;
const timeoutMaxS = 30;
const attemptsMax = 5;

/** What holds without a file: a nameserver on this machine, and no search list. */
export const defaultResolvConf: ResolvConf = {
  nameservers: [{ address: "127.0.0.1", port: dnsPort }],
  search: [],
  ndots: 1,
  timeoutMs: 5000,
  attempts: 2,
  rotate: false,
};

/** Never throws: lines and options that are unknown or wrong are passed over, as every resolver does. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: Nameserver[] = [];
  let search: readonly string[] = [];
  let options: Partial<ResolvConf> = {};
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    const [value] = values;
    if (value === undefined) continue;
    if (keyword === "nameserver" && isIP(value) !== 0 && nameservers.length < nameserverCountMax) {
      nameservers.push({ address: value, port: dnsPort });
    }
    // The last of these lines holds.
    if (keyword === "domain") search = domains([value]);
    if (keyword === "search") search = domains(values);
    if (keyword === "options") options = { ...options, ...parseOptions(values) };
  }
  return {
    ...defaultResolvConf,
    ...options,
    search,
    nameservers: nameservers.length > 0 ? nameservers : defaultResolvConf.nameservers,
  };
}

function domains(values: readonly string[]): readonly string[] {
  const named = values.map((domain) => domain.replace(/\.$/, "")).filter((domain) => domain !== "");
  return named.slice(0, searchCountMax);
}

function parseOptions(options: readonly string[]): Partial<ResolvConf> {
  const parsed: { -readonly [Key in keyof ResolvConf]?: ResolvConf[Key] } = {};
  for (const option of options) {
    const [, name, digits] = /^([a-z]+)(?::(\d{1,6}))?$/.exec(option) ?? [];
    const value = Number(digits);
    if (name === "rotate") parsed.rotate = true;
    if (digits === undefined) continue;
    if (name === "ndots") parsed.ndots = Math.min(value, ndotsMax);
    if (name === "timeout") parsed.timeoutMs = Math.min(Math.max(value, 1), timeoutMaxS) * 1000;
    if (name === "attempts") parsed.attempts = Math.min(Math.max(value, 1), attemptsMax);
  }
  return parsed;
}
