/** Makes one HTTP/2 connection to one address, and hands it over when both sides have spoken. */
import { type ClientHttp2Session, connect } from "node:http2";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { monotonicMs } from "../base/clock.ts";
import { errorMessage } from "../base/errors.ts";
import type { ClientTls } from "../base/tls.ts";
import { openSocket, type Target } from "./socket.ts";

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

/**
 * Connects; answers when the peer's SETTINGS have arrived, which shows that it speaks HTTP/2 (the session may be
 * closed again by then). Rejects with an Error whose message says what failed; aborting `signal` rejects too.
 */
export async function dial(
  target: Target,
  { tls, timeoutMs }: DialOptions,
  signal: AbortSignal,
): Promise<DialledSession> {
  const deadlineMs = monotonicMs() + timeoutMs;
  const socket = await openSocket(target, { tls, alpnProtocol: "h2", timeoutMs }, signal);
  if (tls !== undefined && (socket as TLSSocket).alpnProtocol !== "h2") {
    socket.destroy();
    throw new Error("the peer did not agree on HTTP/2 by ALPN; is this a gRPC endpoint?");
  }
  const session = openSession(target.authority, socket, tls !== undefined);
  const problem = await firstWord(session, deadlineMs - monotonicMs(), signal);
  if (problem === undefined) return { session, socket };
  session.destroy();
  socket.destroy();
  throw new Error(problem === "late" ? `no connection within ${timeoutMs} ms` : problem);
}

/** Answers when the peer's SETTINGS have arrived; otherwise with what came in their place, or "late". */
function firstWord(
  session: ClientHttp2Session,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const end = (problem: string | undefined): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      session.off("error", onError).off("close", onClose).off("remoteSettings", onSettings);
      resolve(problem);
    };
    const onSettings = (): void => end(undefined);
    const onError = (error: Error): void => end(`the peer does not speak HTTP/2: ${errorMessage(error)}`);
    const onClose = (): void => end("the connection was closed before HTTP/2 began");
    const onAbort = (): void => end("closed while connecting");
    const timer = setTimeout(() => end("late"), Math.max(0, timeoutMs));
    signal.addEventListener("abort", onAbort, { once: true });
    session.once("error", onError).once("close", onClose).once("remoteSettings", onSettings);
    if (signal.aborted) onAbort();
    else if (session.destroyed) onClose();
  });
}

function openSession(authority: string, socket: Socket, isSecure: boolean): ClientHttp2Session {
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
