/**
 * How the target of an SRV record becomes the address that is dialled: by our own resolver and under
 * the same guard as discovered addresses, since a target's name proves nothing about where it leads.
 */
import { isIP, type LookupFunction } from "node:net";
import { OtlpRingError } from "../base/errors.ts";
import type { AddressGuard } from "./address-guard.ts";
import type { RecordType } from "./dns/message.ts";
import type { NameResolver, Resolution } from "./dns/resolver.ts";

export interface DialLookupOptions {
  readonly timeoutMs: number;
  /** A refused address is left out here, other than in discovery: it takes no member away from another. */
  readonly guard: AddressGuard;
}

/**
 * A `lookup` for `net.connect` and `tls.connect`. Names are taken as they are, without the search
 * list: an SRV record tells full names (RFC 2782).
 */
export function createDialLookup(
  options: DialLookupOptions,
  modules: { readonly resolver: NameResolver },
): LookupFunction {
  return (hostname, { all, family }, callback) => {
    allowedAddresses(hostname, recordTypes(family), options, modules.resolver).then(
      (addresses) => {
        const found = addresses.map((address) => ({ address, family: isIP(address) }));
        if (all === true) callback(null, found);
        else callback(null, found[0]!.address, found[0]!.family);
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, ""),
    );
  };
}

/** At least one; rejects where there is none. */
async function allowedAddresses(
  hostname: string,
  types: readonly RecordType[],
  { timeoutMs, guard }: DialLookupOptions,
  resolver: NameResolver,
): Promise<string[]> {
  const { signal } = new AbortController();
  const fullName = `${hostname.replace(/\.$/, "")}.`;
  // Other than in discovery one family is enough: a server that stumbles over AAAA must not stop IPv4.
  const looks = await Promise.allSettled(
    types.map((type) => resolver.resolve(fullName, [type], { timeoutMs, signal })),
  );
  const resolutions = looks.flatMap((look) => (look.status === "fulfilled" ? [look.value] : []));
  if (resolutions.length === 0) throw looks.find((look) => look.status === "rejected")?.reason;
  const allowed = resolutions.flatMap((resolution) =>
    addressesIn(resolution).filter((address) => resolution.origin === "local" || guard.allows(address)),
  );
  if (allowed.length > 0) return allowed;
  const refused = resolutions.flatMap(addressesIn).slice(0, 3).join(", ");
  throw new OtlpRingError(
    "address_refused",
    `${hostname} resolves to ${refused}, which allowed_cidrs does not allow`,
  );
}

function addressesIn({ records }: Resolution): string[] {
  return records.flatMap((record) => (record.type === "SRV" ? [] : [record.address]));
}

function recordTypes(family: number | "IPv4" | "IPv6" | undefined): readonly RecordType[] {
  if (family === 4 || family === "IPv4") return ["A"];
  if (family === 6 || family === "IPv6") return ["AAAA"];
  return ["A", "AAAA"];
}
