/**
 * How a member's name becomes the address that is dialled: by our own resolver and under the same
 * guard as discovered addresses, since the name of an SRV target proves nothing about where it leads.
 */
import { isIP, type LookupFunction } from "node:net";
import { OtlpRingError } from "../base/errors.ts";
import type { AddressGuard } from "./address-guard.ts";
import type { RecordType } from "./dns/message.ts";
import type { NameResolver } from "./dns/resolver.ts";

export interface DialLookupOptions {
  readonly timeoutMs: number;
  /** A refused address is left out here, other than in discovery: it takes no member away from another. */
  readonly guard: AddressGuard;
}

/** A `lookup` for `net.connect` and `tls.connect`. */
export function createDialLookup(
  { timeoutMs, guard }: DialLookupOptions,
  { resolver }: { readonly resolver: NameResolver },
): LookupFunction {
  const addressesOf = async (hostname: string, types: readonly RecordType[]) => {
    const { signal } = new AbortController();
    const { origin, records } = await resolver.resolve(hostname, types, { timeoutMs, signal });
    const addresses = records.flatMap((record) => (record.type === "SRV" ? [] : [record.address]));
    const allowed = addresses.filter((address) => origin === "local" || guard.allows(address));
    if (allowed.length === 0) {
      throw new OtlpRingError(
        "address_refused",
        `${hostname} resolves to ${addresses.slice(0, 3).join(", ")}, which allowed_cidrs does not allow`,
      );
    }
    return allowed.map((address) => ({ address, family: isIP(address) }));
  };
  return (hostname, options, callback) => {
    addressesOf(hostname, recordTypes(options.family)).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all === true) callback(null, addresses);
        else callback(null, first!.address, first!.family);
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, ""),
    );
  };
}

function recordTypes(family: number | "IPv4" | "IPv6" | undefined): readonly RecordType[] {
  if (family === 4 || family === "IPv4") return ["A"];
  if (family === 6 || family === "IPv6") return ["AAAA"];
  return ["A", "AAAA"];
}
