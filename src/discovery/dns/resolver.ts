/**
 * Resolves configured hostnames: addresses as they are, /etc/hosts and `localhost`, then DNS with
 * the system's nameservers, search list and options.
 *
 * Names are tried in the order of the search list, and a later one only when the one before
 * certainly does not exist: a server's failure must not turn `tier2.obs` into a stranger's name.
 */
import { isIPv4 } from "node:net";
import { monotonicMs } from "../../base/clock.ts";
import { aliasesMax, type Finding, findingOf, tooManyAliases, type WantedRecord } from "./answers.ts";
import { DnsError } from "./dns-error.ts";
import { exchange } from "./exchange.ts";
import { FileCache } from "./file-cache.ts";
import { type Hosts, localAddresses, parseHosts } from "./hosts-file.ts";
import type { DnsResponse, Question, RecordType } from "./message.ts";
import { defaultResolvConf, type Nameserver, parseResolvConf, type ResolvConf } from "./resolv-conf.ts";
import { candidateNames } from "./search-list.ts";
import { staggered } from "./staggered.ts";

export interface DnsResolverOptions {
  /** Default /etc/resolv.conf; read again whenever it has changed. */
  readonly resolvConfPath?: string;
  /** Default /etc/hosts; read again whenever it has changed. */
  readonly hostsPath?: string;
  /** Asked in place of resolv.conf's. */
  readonly nameservers?: readonly Nameserver[];
}

export interface ResolveLimits {
  /** For the whole resolution: every name of the search list, every server, every alias. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface Resolution {
  /** Who said so: this machine's own files and the address itself, or a nameserver. */
  readonly origin: "local" | "dns";
  /** The full name that had the records. */
  readonly name: string;
  /** At least one. */
  readonly records: readonly WantedRecord[];
  /** How long the answer may be kept; Infinity for local names. */
  readonly ttlS: number;
}

/** What discovery needs of a resolver. */
export interface NameResolver {
  /** All records of these types, of the first name of the search list that has any. Rejects with a DnsError. */
  resolve(hostname: string, types: readonly RecordType[], limits: ResolveLimits): Promise<Resolution>;
}

/** No two attempts begin closer together, however little time there is. */
const staggerMinMs = 50;

interface Search {
  readonly conf: ResolvConf;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

export class DnsResolver implements NameResolver {
  readonly #resolvConf: FileCache<ResolvConf>;
  readonly #hosts: FileCache<Hosts>;
  readonly #nameservers: readonly Nameserver[] | undefined;
  /** Which server is asked first: the one that answered last or, with `rotate`, the next one. */
  #firstServer = 0;

  constructor(options: DnsResolverOptions = {}) {
    const { resolvConfPath = "/etc/resolv.conf", hostsPath = "/etc/hosts", nameservers } = options;
    this.#resolvConf = new FileCache(resolvConfPath, parseResolvConf, defaultResolvConf);
    this.#hosts = new FileCache<Hosts>(hostsPath, parseHosts, new Map());
    this.#nameservers = nameservers;
  }

  async resolve(
    hostname: string,
    types: readonly RecordType[],
    { timeoutMs, signal }: ResolveLimits,
  ): Promise<Resolution> {
    const deadlineMs = monotonicMs() + timeoutMs;
    const local = localRecords(hostname, types, await this.#hosts.read());
    if (local !== undefined) return { origin: "local", name: hostname, records: local, ttlS: Infinity };

    const inFile = await this.#resolvConf.read();
    const conf = { ...inFile, nameservers: this.#nameservers ?? inFile.nameservers };
    return this.#searchNames(hostname, types, { conf, deadlineMs, signal });
  }

  async #searchNames(hostname: string, types: readonly RecordType[], search: Search): Promise<Resolution> {
    const names = candidateNames(hostname, search.conf);
    let exists = false;
    for (const name of names) {
      // All types or nothing: half a dual-stack answer would look like half the members had left.
      const findings = await Promise.all(types.map((type) => this.#lookUp({ name, type }, search)));
      const found = findings.filter((finding) => finding.kind === "records");
      if (found.length > 0) {
        return {
          origin: "dns",
          name,
          records: found.flatMap((finding) => finding.records),
          ttlS: Math.min(...found.map((finding) => finding.ttlS)),
        };
      }
      if (findings.some((finding) => finding.kind !== "nonexistent")) exists = true;
    }
    const tried = names.length > 1 ? ` (tried ${names.join(", ")})` : "";
    throw exists
      ? new DnsError("dns_empty", `${hostname} has no ${types.join(" or ")} record${tried}`)
      : new DnsError("dns_not_found", `${hostname} does not exist${tried}`);
  }

  /** One name and type, its aliases followed from answer to answer. */
  async #lookUp(question: Question, search: Search): Promise<Finding> {
    let { name } = question;
    let ttlS = Infinity;
    for (let aliases = 0; aliases <= aliasesMax; aliases += 1) {
      const finding = findingOf(await this.#ask({ name, type: question.type }, search), name, question.type);
      if (finding.kind === "records") return { ...finding, ttlS: Math.min(ttlS, finding.ttlS) };
      if (finding.kind !== "alias") return finding;
      name = finding.target;
      ttlS = Math.min(ttlS, finding.ttlS);
    }
    throw tooManyAliases(question.name);
  }

  /** The first answer of any server that knows one; each is asked `attempts` times, within the deadline. */
  #ask(question: Question, { conf, deadlineMs, signal }: Search): Promise<DnsResponse> {
    const { nameservers, rotate } = conf;
    const first = this.#firstServer;
    if (rotate) this.#firstServer = (first + 1) % nameservers.length;
    const attempts = nameservers.length * conf.attempts;
    const shareMs = (deadlineMs - monotonicMs()) / attempts;
    const staggerMs = Math.max(staggerMinMs, Math.min(conf.timeoutMs, shareMs));
    return staggered({ attempts, staggerMs, signal }, async (attempt, attemptSignal) => {
      const serverIndex = (first + attempt) % nameservers.length;
      const server = nameservers[serverIndex]!;
      const response = await exchange(server, question, { deadlineMs, signal: attemptSignal });
      if (response.rcode !== "NOERROR" && response.rcode !== "NXDOMAIN") {
        const asked = `${question.type} of ${question.name}`;
        throw new DnsError(
          "dns_server_failure",
          `nameserver ${server.address}#${server.port} answered ${response.rcode} (${asked})`,
        );
      }
      if (!rotate) this.#firstServer = serverIndex;
      return response;
    });
  }
}

/** Records of a name that needs no nameserver; undefined where one must be asked. */
function localRecords(
  hostname: string,
  types: readonly RecordType[],
  hosts: Hosts,
): readonly WantedRecord[] | undefined {
  const records = localAddresses(hostname, hosts)?.map(
    (address): WantedRecord => ({
      type: isIPv4(address) ? "A" : "AAAA",
      name: hostname,
      ttlS: Infinity,
      address,
    }),
  );
  const wanted = records?.filter((record) => types.includes(record.type));
  return wanted === undefined || wanted.length === 0 ? undefined : wanted;
}
