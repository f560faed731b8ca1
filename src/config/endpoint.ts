/** Addresses as Go's net package takes them: `host:port`, `:port`, `[v6]:port`. */

import { isIPv6 } from "node:net";

export interface Endpoint {
  /** A name or an address without brackets; empty for every address of the machine. */
  readonly host: string;
  /** 0 leaves the choice to the operating system. */
  readonly port: number;
}

const endpointPattern = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([\w.-]{0,254}))(?::(\d{1,5}))?$/;
/** Labels of letters, digits, hyphens and underscores, as discovery takes them: what is valid here can be dialled. */
const namePattern = /^(?:\w(?:[\w-]{0,61}\w)?\.)*\w(?:[\w-]{0,61}\w)?\.?$/;

/** Undefined where the text is no address, or has no port and there is no default. */
export function parseEndpoint(text: string, defaultPort?: number): Endpoint | undefined {
  // An IPv6 address without brackets can only stand alone.
  if (defaultPort !== undefined && isIPv6(text)) return { host: text, port: defaultPort };
  const match = endpointPattern.exec(text);
  if (match === null) return undefined;
  const [, v6, name = "", portText] = match;
  if (v6 === undefined ? name !== "" && !namePattern.test(name) : !isIPv6(v6)) return undefined;
  const port = portText === undefined ? defaultPort : Number(portText);
  return port === undefined || port > 65_535 ? undefined : { host: v6 ?? name, port };
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
