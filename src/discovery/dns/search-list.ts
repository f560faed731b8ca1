/** Which full names a configured hostname may mean, in the order in which they are tried. */
import { canonicalName } from "./message.ts";

const nameLengthMax = 253;

export interface SearchRules {
  readonly search: readonly string[];
  readonly ndots: number;
}

/**
 * A name with a dot at its end is meant as it is. Another is tried as it is and in each search
 * domain: as it is first when it has `ndots` dots, last when it has fewer (resolv.conf(5)).
 */
export function candidateNames(hostname: string, { search, ndots }: SearchRules): readonly string[] {
  const asItIs = canonicalName(hostname);
  if (hostname.endsWith(".")) return [asItIs];
  const inDomains = search.map((domain) => canonicalName(`${asItIs}.${domain}`));
  const dots = asItIs.split(".").length - 1;
  const candidates = dots >= ndots ? [asItIs, ...inDomains] : [...inDomains, asItIs];
  return [...new Set(candidates)].filter((name) => name.length <= nameLengthMax);
}
