/** Keeps one connection to one backend: dials, waits after failures, and replaces a connection that ends. */
import { Backoff } from "../base/backoff.ts";
import { monotonicMs } from "../base/clock.ts";
import { errorMessage } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { type DialledSession, type DialOptions, dial } from "./dial.ts";
import { GrpcTransport, type KeepaliveOptions } from "./grpc-transport.ts";
import type { Target } from "./socket.ts";

export interface GrpcConnectionOptions extends KeepaliveOptions {
  readonly target: Target;
  readonly tls: DialOptions["tls"];
  readonly connectTimeoutMs: number;
}

/**
 * | state        | means                                    | a call that comes        | goes to                                  |
 * |--------------|------------------------------------------|--------------------------|------------------------------------------|
 * | `connecting` | dialling                                 | waits, if `isPatient`    | `ready`, or `backoff` when it failed     |
 * | `ready`      | connected                                | is sent                  | `connecting`, or `backoff` when two in a row did not last |
 * | `backoff`    | the last attempt failed; waits to dial   | fails at once            | `connecting`                             |
 * | `closed`     | by `close`                               | fails at once            | nothing                                  |
 *
 * `connecting` is patient at the start and after a connection that worked. After a failure it is
 * not: nobody should wait again and again for a backend that is away.
 *
 * A connection that the peer asks to leave (GOAWAY) is no state: it finishes its calls by itself,
 * beside the new one.
 */
type ConnectionState =
  | { readonly kind: "connecting"; readonly isPatient: boolean; readonly exit: () => void }
  | { readonly kind: "ready"; readonly transport: GrpcTransport; readonly exit: () => void }
  | { readonly kind: "backoff"; readonly reason: string; readonly exit: () => void }
  | { readonly kind: "closed"; readonly exit: () => void };

/** Why there is no transport for a call. */
export interface NotConnected {
  readonly reason: string;
}

type Waiter = (result: GrpcTransport | NotConnected) => void;

/** A collector that restarts is back within seconds; gateways that lost it together come back apart. */
const reconnectBackoff = { initialMs: 100, maxMs: 5000, factor: 1.6, jitter: 0.5 } as const;

/** Connections that end sooner, without having answered a call, are suspect; after two in a row there is a pause. */
const lastingMs = 1000;

const nothingToRelease = (): void => undefined;

export class GrpcConnection {
  readonly #options: GrpcConnectionOptions;
  readonly #logger: Logger;
  readonly #backoff = new Backoff(reconnectBackoff);
  readonly #waiters = new Set<Waiter>();
  /** The one that is `ready`, and those that finish their calls and take no more. */
  readonly #transports = new Set<GrpcTransport>();
  /** The last connection but this one worked, or there was none: this one may end early without being suspect. */
  #isTrusted = true;
  #state: ConnectionState;

  constructor(options: GrpcConnectionOptions, modules: { readonly logger: Logger }) {
    this.#options = options;
    this.#logger = modules.logger;
    this.#state = this.#connecting(true);
  }

  get stateKind(): ConnectionState["kind"] {
    return this.#state.kind;
  }

  /** The connection, when a call can be sent right now. */
  get transport(): GrpcTransport | undefined {
    return this.#state.kind === "ready" && this.#state.transport.isUsable ? this.#state.transport : undefined;
  }

  /** The connection as soon as there is one, or why there is none; never later than `deadlineMs` (monotonic). */
  whenReady(deadlineMs: number): Promise<GrpcTransport | NotConnected> {
    const state = this.#state;
    switch (state.kind) {
      case "backoff":
        return Promise.resolve({ reason: state.reason });
      case "closed":
        return Promise.resolve({ reason: "the lane is closed" });
      case "connecting":
        return state.isPatient ? this.#wait(deadlineMs) : Promise.resolve({ reason: "connecting again" });
      case "ready":
        return state.transport.isUsable ? Promise.resolve(state.transport) : this.#wait(deadlineMs);
    }
  }

  /** Ends every call that is open, and all connections. */
  close(): void {
    if (this.#state.kind === "closed") return;
    this.#setState({ kind: "closed", exit: nothingToRelease });
    for (const transport of this.#transports) transport.destroy("the lane is closed");
  }

  #setState(state: ConnectionState): void {
    this.#state.exit();
    this.#state = state;
    switch (state.kind) {
      case "ready":
        this.#answerWaiters(state.transport);
        break;
      case "backoff":
        this.#answerWaiters({ reason: state.reason });
        break;
      case "closed":
        this.#answerWaiters({ reason: "the lane is closed" });
        break;
      case "connecting":
        break;
    }
  }

  #connecting(isPatient: boolean): ConnectionState {
    const { target, tls, connectTimeoutMs } = this.#options;
    const abort = new AbortController();
    dial(target, { tls, timeoutMs: connectTimeoutMs }, abort.signal).then(
      (dialled) => this.#onDialled(dialled, isPatient),
      (error: unknown) => {
        if (!abort.signal.aborted) this.#onFailed(errorMessage(error), isPatient);
      },
    );
    return { kind: "connecting", isPatient, exit: () => abort.abort() };
  }

  #backingOff(reason: string): ConnectionState {
    const timer = setTimeout(() => this.#setState(this.#connecting(false)), this.#backoff.nextDelayMs());
    timer.unref();
    return { kind: "backoff", reason, exit: () => clearTimeout(timer) };
  }

  #onDialled(dialled: DialledSession, isPatient: boolean): void {
    const readyMs = monotonicMs();
    const transport = new GrpcTransport(dialled, this.#options, {
      onGone: (gone, detail) => this.#onGone(gone, readyMs, detail),
      onClosed: (closed) => this.#transports.delete(closed),
    });
    if (this.#state.kind !== "connecting") {
      transport.destroy("closed while connecting");
    } else if (!transport.isUsable) {
      transport.destroy("closed at once");
      this.#onFailed("the backend closed the connection at once", isPatient);
    } else {
      if (!isPatient) this.#logger.info({ backend: this.#options.target.authority }, "connected again");
      this.#transports.add(transport);
      this.#setState({ kind: "ready", transport, exit: nothingToRelease });
    }
  }

  #onFailed(reason: string, isPatient: boolean): void {
    const fields = { backend: this.#options.target.authority, reason };
    // Said once an outage; each further attempt is for those who look closely.
    if (isPatient) this.#logger.warn(fields, "cannot connect; trying again until it works");
    else this.#logger.debug(fields, "still cannot connect");
    this.#setState(this.#backingOff(`cannot connect: ${reason}`));
  }

  #onGone(transport: GrpcTransport, readyMs: number, detail: string): void {
    if (this.#state.kind !== "ready" || this.#state.transport !== transport) return;
    this.#logger.debug({ backend: this.#options.target.authority, reason: detail }, "connection ended");
    const hasWorked = transport.answeredCalls > 0 || monotonicMs() - readyMs >= lastingMs;
    if (hasWorked) this.#backoff.reset();
    const mayDialAtOnce = hasWorked || this.#isTrusted;
    this.#isTrusted = hasWorked;
    this.#setState(mayDialAtOnce ? this.#connecting(true) : this.#backingOff(detail));
  }

  #wait(deadlineMs: number): Promise<GrpcTransport | NotConnected> {
    return new Promise((resolve) => {
      const waiter: Waiter = (result) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve(result);
      };
      const timer = setTimeout(
        () => waiter({ reason: "not connected in time" }),
        Math.max(0, deadlineMs - monotonicMs()),
      );
      this.#waiters.add(waiter);
    });
  }

  #answerWaiters(result: GrpcTransport | NotConnected): void {
    for (const waiter of this.#waiters) waiter(result);
  }
}
