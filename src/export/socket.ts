/** Opens one TCP or TLS connection to one backend. */
import { isIP, type LookupFunction, type Socket, connect as tcpConnect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { errorMessage, OtlpRingError } from "../base/errors.ts";
import type { ClientTls } from "../base/tls.ts";

export interface Target {
  /** A name, which is resolved at each dial, or an address (IPv6 without brackets). */
  readonly host: string;
  readonly port: number;
  /** `host:port` as it was given; the HTTP/2 `:authority`. */
  readonly authority: string;
  /** Resolves a name; absent: the operating system does. */
  readonly lookup?: LookupFunction | undefined;
}

export interface SocketOptions {
  /** Absent: plain text. */
  readonly tls: ClientTls | undefined;
  /** What is asked for by ALPN (RFC 7301); whether the peer agreed is for the caller to see. */
  readonly alpnProtocol: "h2" | "http/1.1";
  /** For name resolution, TCP and TLS. */
  readonly timeoutMs: number;
}

/** @throws {OtlpRingError} `invalid_endpoint` for anything but `name:port`, `1.2.3.4:port` or `[v6]:port`. */
export function parseTarget(authority: string, lookup?: LookupFunction): Target {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^\s:[\]/@]+)):(\d{1,5})$/.exec(authority);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    throw new OtlpRingError(
      "invalid_endpoint",
      `"${authority}": expected host:port, such as 10.0.0.1:4317, collector.obs:4317 or [::1]:4317`,
    );
  }
  return { host, port, authority, lookup };
}

/**
 * Connects; over TLS the answer is a TLSSocket whose peer has been verified. Rejects with an Error whose message
 * says what failed; aborting `signal` rejects too. Errors of the socket are heard by nobody until the caller listens.
 */
export function openSocket(target: Target, options: SocketOptions, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { host, port, lookup } = target;
    const { tls, alpnProtocol, timeoutMs } = options;
    const socket =
      tls === undefined
        ? tcpConnect({ host, port, noDelay: true, ...(lookup && { lookup }) })
        : tlsConnect({
            servername: isIP(host) === 0 ? host : "",
            ...tls.connectOptions(),
            host,
            port,
            ...(lookup && { lookup }),
            ALPNProtocols: [alpnProtocol],
          }).setNoDelay(true);

    const fail = (problem: string): void => {
      release();
      socket.destroy();
      reject(new Error(problem));
    };
    const onConnect = (): void => {
      release();
      resolve(socket);
    };
    const onError = (error: Error): void => fail(errorMessage(error));
    const onClose = (): void => fail("the connection was closed before it was made");
    const onAbort = (): void => fail("closed while connecting");
    const timer = setTimeout(() => fail(`no connection within ${timeoutMs} ms`), timeoutMs);
    const release = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onError);
      socket.off("close", onClose);
    };

    signal.addEventListener("abort", onAbort, { once: true });
    // Whoever owns the socket listens too; but it may fail before anybody could.
    socket.on("error", ignore);
    socket.on("error", onError);
    socket.once("close", onClose);
    socket.once(tls === undefined ? "connect" : "secureConnect", onConnect);
    if (signal.aborted) onAbort();
  });
}

function ignore(): void {}
