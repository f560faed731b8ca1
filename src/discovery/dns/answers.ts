/** What an answer says about a name, its aliases followed. */
import { DnsError } from "./dns-error.ts";
import type { DnsRecord, DnsResponse, RecordType } from "./message.ts";

export type WantedRecord = Exclude<DnsRecord, { type: "CNAME" }>;

export type Finding =
  | { readonly kind: "records"; readonly records: readonly WantedRecord[]; readonly ttlS: number }
  /** The answer ends at an alias whose target it does not tell: that name is to be asked for. */
  | { readonly kind: "alias"; readonly target: string; readonly ttlS: number }
  | { readonly kind: "nonexistent" }
  | { readonly kind: "empty" };

/** Longer chains are loops or mischief; BIND and Unbound draw the line at 16 and 11. */
export const aliasesMax = 16;

/**
 * Only records of `name`, or of the name that its aliases lead to, count: whatever else a server
 * adds is none of its business. Throws a DnsError for a chain without end.
 */
export function findingOf(response: DnsResponse, name: string, type: RecordType): Finding {
  let current = name;
  let ttlS = Infinity;
  for (let aliases = 0; aliases <= aliasesMax; aliases += 1) {
    const ofName = response.records.filter((record) => record.name === current);
    const records = ofName.filter((record): record is WantedRecord => record.type === type);
    if (records.length > 0) {
      return { kind: "records", records, ttlS: Math.min(ttlS, ...records.map((record) => record.ttlS)) };
    }
    const alias = ofName.find((record) => record.type === "CNAME");
    if (alias === undefined) {
      // With aliases in the answer, NXDOMAIN speaks of the last one's target (RFC 6604, 3).
      if (response.rcode === "NXDOMAIN") return { kind: "nonexistent" };
      return current === name ? { kind: "empty" } : { kind: "alias", target: current, ttlS };
    }
    current = alias.target;
    ttlS = Math.min(ttlS, alias.ttlS);
  }
  throw tooManyAliases(name);
}

export function tooManyAliases(name: string): DnsError {
  return new DnsError("dns_bad_answer", `${name} has more than ${aliasesMax} aliases after one another`);
}
