/** Members as text: `host:port`, with IPv6 addresses in brackets. */
import { isIPv6 } from "node:net";
import { OtlpRingError } from "../base/errors.ts";

/** The port of OTLP/gRPC, where none is given. */
export const defaultPort = 4317;

const hostnameLengthMax = 253;
/** Labels of letters, digits, hyphens and underscores; Kubernetes and SRV names need no more. */
const hostnamePattern =
  /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i;
/** A host in brackets or without colons, and perhaps a port. */
const endpointPattern = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/;

export function isHostname(text: string): boolean {
  return text.length <= hostnameLengthMax + 1 && hostnamePattern.test(text);
}

export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

/** `host:port`, as it is dialled and as the ring hashes it. */
export function formatEndpoint(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The member that a configured endpoint names; `host`, `host:port`, `1.2.3.4`, `fd00::1`, `[fd00::1]:4317`.
 * @throws OtlpRingError `endpoint_invalid`.
 */
export function parseEndpoint(endpoint: string, portIfNone = defaultPort): string {
  if (isIPv6(endpoint)) return formatEndpoint(endpoint, portIfNone);
  const [, bracketed, plain, portText] = endpointPattern.exec(endpoint) ?? [];
  const port = portText === undefined ? portIfNone : Number(portText);
  const hostIsValid = bracketed === undefined ? isHostname(plain ?? "") : isIPv6(bracketed);
  if (!hostIsValid || !isPort(port)) {
    throw new OtlpRingError(
      "endpoint_invalid",
      `"${endpoint}" is no endpoint: expected host, host:port or [IPv6 address]:port, without scheme or path`,
    );
  }
  return formatEndpoint(bracketed ?? plain!, port);
}
