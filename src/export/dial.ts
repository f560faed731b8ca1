/** Makes one HTTP/2 connection to one address, and hands it over when both sides have spoken. */
import { type ClientHttp2Session, connect } from "node:http2";
import { isIP, connect as tcpConnect } from "node:net";
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import { errorMessage, OtlpRingError } from "../base/errors.ts";
import type { ClientTls } from "../base/tls.ts";

export interface Target {
  /** A name, which the operating system resolves at each dial, or an address (IPv6 without brackets). */
  readonly host: string;
  readonly port: number;
  /** `host:port` as it was given; the HTTP/2 `:authority`. */
  readonly authority: string;
}

export interface DialOptions {
  /** Absent: plain text. */
  readonly tls: ClientTls | undefined;
  /** For everything: name resolution, TCP, TLS and the peer's first frame. */
  readonly timeoutMs: number;
}

export interface DialledSession {
  readonly session: ClientHttp2Session;
  /** Beneath the session. Only its count of received bytes may be looked at. */
  readonly socket: { readonly bytesRead: number };
}

/**
 * Response windows: HTTP/2's own default. Answers are a few bytes, and a peer that sends more must wait
 * until it was read.
 */
const responseWindowBytes = 65_535;

/** Bounds what a peer may send as headers or trailers, grpc-status-details-bin included. */
const headerListBytesMax = 64 * 1024;

/**
 * In MB, for all of a session. Node resets streams when a session holds more, requests that wait to be
 * sent included; 10 MB, its default, is less than a few joined requests. The lane bounds those by its own
 * limits, so this one must never be what strikes.
 */
const sessionMemoryMegabytes = 4096;

/** @throws {OtlpRingError} `invalid_endpoint` for anything but `name:port`, `1.2.3.4:port` or `[v6]:port`. */
export function parseTarget(authority: string): Target {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^\s:[\]/@]+)):(\d{1,5})$/.exec(authority);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    throw new OtlpRingError(
      "invalid_endpoint",
      `"${authority}": expected host:port, such as 10.0.0.1:4317, collector.obs:4317 or [::1]:4317`,
    );
  }
  return { host, port, authority };
}

/**
 * Connects; answers when the peer's SETTINGS have arrived, which shows that it speaks HTTP/2 (the session may be
 * closed again by then). Rejects with an Error whose message says what failed; aborting `signal` rejects too.
 */
export function dial(target: Target, options: DialOptions, signal: AbortSignal): Promise<DialledSession> {
  return new Promise((resolve, reject) => {
    const { host, port, authority } = target;
    const socket =
      options.tls === undefined
        ? tcpConnect({ host, port, noDelay: true })
        : tlsConnect({
            servername: isIP(host) === 0 ? host : "",
            ...options.tls.connectOptions(),
            host,
            port,
            ALPNProtocols: ["h2"],
          }).setNoDelay(true);
    let session: ClientHttp2Session | undefined;

    const fail = (problem: string): void => {
      release();
      // What else the sockets have to say is of no interest, but must not go unheard.
      session?.destroy();
      socket.on("error", ignore);
      socket.destroy();
      reject(new Error(problem));
    };
    const onSocketError = (error: Error): void => fail(errorMessage(error));
    const onSocketClose = (): void => fail("the connection was closed before HTTP/2 began");
    const onAbort = (): void => fail("closed while connecting");
    const onConnect = (): void => {
      if (options.tls !== undefined && (socket as TLSSocket).alpnProtocol !== "h2") {
        fail("the peer did not agree on HTTP/2 by ALPN; is this a gRPC endpoint?");
        return;
      }
      socket.off("error", onSocketError);
      socket.off("close", onSocketClose);
      session = openSession(authority, socket, options.tls !== undefined);
      session.once("error", onSessionError);
      session.once("close", onSocketClose);
      session.once("remoteSettings", onSettings);
    };
    const onSessionError = (error: Error): void =>
      fail(`the peer does not speak HTTP/2: ${errorMessage(error)}`);
    const onSettings = (): void => {
      release();
      if (session !== undefined) resolve({ session, socket });
    };
    const timer = setTimeout(() => fail(`no connection within ${options.timeoutMs} ms`), options.timeoutMs);
    const release = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onSocketError);
      socket.off("close", onSocketClose);
      session?.off("error", onSessionError);
      session?.off("close", onSocketClose);
      session?.off("remoteSettings", onSettings);
    };

    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", onSocketError);
    socket.once("close", onSocketClose);
    socket.once(options.tls === undefined ? "connect" : "secureConnect", onConnect);
    if (signal.aborted) onAbort();
  });
}

function openSession(
  authority: string,
  socket: ReturnType<typeof tcpConnect>,
  isSecure: boolean,
): ClientHttp2Session {
  const session = connect(`${isSecure ? "https" : "http"}://${authority}`, {
    createConnection: () => socket,
    maxSessionMemory: sessionMemoryMegabytes,
    settings: {
      enablePush: false,
      initialWindowSize: responseWindowBytes,
      maxHeaderListSize: headerListBytesMax,
    },
  });
  // Whoever owns the session listens too; but it may fail before anybody could.
  session.on("error", ignore);
  return session;
}

function ignore(): void {}
