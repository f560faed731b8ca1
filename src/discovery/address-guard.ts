/**
 * Which addresses a nameserver may send us to. A DNS answer is not under the operator's control:
 * whoever forges one must not be able to point telemetry at the gateway's own loopback services,
 * the cloud's metadata address, or a stranger.
 *
 * Some blocks are refused however wide the allowed ranges are: loopback, link-local, multicast,
 * "this network" and what is reserved. One of them is opened only by a range that lies within it:
 * `127.0.0.0/8` opens loopback, `0.0.0.0/0` does not.
 */
import { BlockList, isIP } from "node:net";
import { OtlpRingError } from "../base/errors.ts";

interface Cidr {
  readonly text: string;
  readonly address: string;
  readonly family: "ipv4" | "ipv6";
  readonly prefixBits: number;
  readonly block: BlockList;
}

const specialBlocks: readonly Cidr[] = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/128",
  "::1/128",
  "fe80::/10",
  "ff00::/8",
].map(parseCidr);

export class AddressGuard {
  readonly #allowed: readonly Cidr[];

  /**
   * @param allowedCidrs ranges such as `10.0.0.0/8`; none given allows everything but the special blocks.
   * @throws OtlpRingError `cidr_invalid`.
   */
  constructor(allowedCidrs: readonly string[]) {
    this.#allowed = allowedCidrs.map(parseCidr);
  }

  /** Whether a discovered address may be dialled. */
  allows(address: string): boolean {
    if (isIP(address) === 0) return false;
    const special = specialBlocks.find((block) => contains(block, address));
    if (special === undefined) {
      return this.#allowed.length === 0 || this.#allowed.some((cidr) => contains(cidr, address));
    }
    return this.#allowed.some((cidr) => liesWithin(cidr, special) && contains(cidr, address));
  }
}

/** @throws OtlpRingError `cidr_invalid`. */
export function parseCidr(text: string): Cidr {
  const [, address = "", prefixText] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  const bits = version === 4 ? 32 : 128;
  const prefixBits = prefixText === undefined ? bits : Number(prefixText);
  if (version === 0 || address.includes("%") || prefixBits > bits) {
    throw new OtlpRingError(
      "cidr_invalid",
      `"${text}" is no range of addresses: expected one such as 10.0.0.0/8`,
    );
  }
  const family = version === 4 ? "ipv4" : "ipv6";
  const block = new BlockList();
  block.addSubnet(address, prefixBits, family);
  return { text, address, family, prefixBits, block };
}

function contains(cidr: Cidr, address: string): boolean {
  return cidr.block.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}

function liesWithin(inner: Cidr, outer: Cidr): boolean {
  return (
    inner.family === outer.family && inner.prefixBits >= outer.prefixBits && contains(outer, inner.address)
  );
}
