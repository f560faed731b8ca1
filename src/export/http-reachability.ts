/**
 * Whether a backend of OTLP/HTTP can be reached, and the sockets to it. HTTP's connections come and go as they
 * are needed; what stays is what the last attempt to make one came to.
 */
import type { Socket } from "node:net";
import { Backoff } from "../base/backoff.ts";
import { monotonicMs } from "../base/clock.ts";
import { errorMessage } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { ClientTls } from "../base/tls.ts";
import { openSocket, type Target } from "./socket.ts";

export interface HttpReachabilityOptions {
  readonly target: Target;
  /** Absent: plain text. */
  readonly tls: ClientTls | undefined;
  readonly connectTimeoutMs: number;
  /** How long the socket that was opened to look stays open for the first call. */
  readonly idleTimeoutMs: number;
}

/**
 * | state        | means                           | a call that comes     | goes to                                     |
 * |--------------|---------------------------------|-----------------------|---------------------------------------------|
 * | `connecting` | opening a socket to look        | waits, if `isPatient` | `ready`, or `backoff` when it failed        |
 * | `ready`      | the last socket could be opened | is sent               | `backoff` when one cannot be, or calls break |
 * | `backoff`    | waits to look again             | fails at once         | `connecting`                                |
 * | `closed`     | by `close`                      | fails at once         | nothing                                     |
 *
 * `connecting` is patient at the start alone: nobody should wait again and again for a backend that is away.
 */
type Reachability =
  | { readonly kind: "connecting"; readonly isPatient: boolean; readonly exit: () => void }
  | { readonly kind: "ready"; readonly exit: () => void }
  | { readonly kind: "backoff"; readonly reason: string; readonly exit: () => void }
  | { readonly kind: "closed"; readonly exit: () => void };

/** Why no call can be made. */
export interface NotReachable {
  readonly reason: string;
}

type Waiter = (unreachable: NotReachable | undefined) => void;

/** A collector that restarts is back within seconds; gateways that lost it together come back apart. */
const lookBackoff = { initialMs: 100, maxMs: 5000, factor: 1.6, jitter: 0.5 } as const;

/** One call may be lost with an idle connection that the peer just closed; with two in a row something is wrong. */
const brokenCallsMax = 2;

const nothingToRelease = (): void => undefined;

export class HttpReachability {
  readonly #options: HttpReachabilityOptions;
  readonly #logger: Logger;
  readonly #backoff = new Backoff(lookBackoff);
  readonly #waiters = new Set<Waiter>();
  readonly #closing = new AbortController();
  /** Opened to look, and not yet taken for a call. */
  #spare: { readonly socket: Socket; readonly timer: NodeJS.Timeout } | undefined;
  /** Calls that broke one after another, since one was answered. */
  #brokenCalls = 0;
  #state: Reachability;

  constructor(options: HttpReachabilityOptions, modules: { readonly logger: Logger }) {
    this.#options = options;
    this.#logger = modules.logger;
    this.#state = this.#connecting(true);
  }

  get stateKind(): Reachability["kind"] {
    return this.#state.kind;
  }

  /** Answers undefined as soon as calls can be made, or why they cannot; never later than `deadlineMs` (monotonic). */
  whenReachable(deadlineMs: number): Promise<NotReachable | undefined> {
    const isWorthWaiting = this.#state.kind === "connecting" && this.#state.isPatient;
    return isWorthWaiting ? this.#wait(deadlineMs) : Promise.resolve(notReachable(this.#state));
  }

  /** A socket to the backend. Rejects where there is none, at once unless `ready`, and then calls fail for a while. */
  async openSocket(): Promise<Socket> {
    const unreachable = notReachable(this.#state);
    if (unreachable !== undefined) throw new Error(unreachable.reason);
    const spare = this.#takeSpare();
    if (spare !== undefined && !spare.destroyed && spare.writable) return spare;
    try {
      return await this.#open(this.#closing.signal);
    } catch (error) {
      if (this.#state.kind === "ready") this.#onFailed(cannotConnect(error), true);
      throw error;
    }
  }

  /** A call was answered, whatever the answer. */
  callAnswered(): void {
    this.#brokenCalls = 0;
    if (this.#state.kind === "ready") this.#backoff.reset();
  }

  /** A connection broke under a call before there was an answer. */
  callBroken(detail: string): void {
    this.#brokenCalls += 1;
    if (this.#brokenCalls >= brokenCallsMax && this.#state.kind === "ready") {
      this.#onFailed(`connections break before an answer: ${detail}`, true);
    }
  }

  close(): void {
    if (this.#state.kind === "closed") return;
    this.#setState({ kind: "closed", exit: nothingToRelease });
    this.#closing.abort();
    this.#takeSpare()?.destroy();
  }

  #setState(state: Reachability): void {
    this.#state.exit();
    this.#state = state;
    if (state.kind === "connecting") return;
    for (const waiter of this.#waiters) waiter(notReachable(state));
  }

  #connecting(isPatient: boolean): Reachability {
    const abort = new AbortController();
    this.#open(abort.signal).then(
      (socket) => this.#onFound(socket, isPatient),
      (error: unknown) => {
        if (!abort.signal.aborted) this.#onFailed(cannotConnect(error), isPatient);
      },
    );
    return { kind: "connecting", isPatient, exit: () => abort.abort() };
  }

  #open(signal: AbortSignal): Promise<Socket> {
    const { target, tls, connectTimeoutMs } = this.#options;
    return openSocket(target, { tls, alpnProtocol: "http/1.1", timeoutMs: connectTimeoutMs }, signal);
  }

  #onFound(socket: Socket, isPatient: boolean): void {
    if (this.#state.kind !== "connecting") {
      socket.destroy();
      return;
    }
    if (!isPatient) this.#logger.info({ backend: this.#options.target.authority }, "reachable again");
    this.#brokenCalls = 0;
    const timer = setTimeout(() => this.#takeSpare()?.destroy(), this.#options.idleTimeoutMs);
    timer.unref();
    this.#spare = { socket, timer };
    this.#setState({ kind: "ready", exit: nothingToRelease });
  }

  #onFailed(reason: string, isFirst: boolean): void {
    const fields = { backend: this.#options.target.authority, reason };
    // Said once an outage; each further attempt is for those who look closely.
    if (isFirst) this.#logger.warn(fields, "not reachable; trying again until it works");
    else this.#logger.debug(fields, "still not reachable");
    this.#takeSpare()?.destroy();
    const timer = setTimeout(() => this.#setState(this.#connecting(false)), this.#backoff.nextDelayMs());
    timer.unref();
    const exit = (): void => clearTimeout(timer);
    this.#setState({ kind: "backoff", reason, exit });
  }

  #takeSpare(): Socket | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    clearTimeout(spare?.timer);
    return spare?.socket;
  }

  #wait(deadlineMs: number): Promise<NotReachable | undefined> {
    return new Promise((resolve) => {
      const waiter: Waiter = (unreachable) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve(unreachable);
      };
      const timer = setTimeout(
        () => waiter({ reason: "not connected in time" }),
        Math.max(0, deadlineMs - monotonicMs()),
      );
      this.#waiters.add(waiter);
    });
  }
}

/** Why no connection can be made now; undefined: one can. */
function notReachable(state: Reachability): NotReachable | undefined {
  switch (state.kind) {
    case "ready":
      return undefined;
    case "connecting":
      return { reason: "connecting again" };
    case "backoff":
      return { reason: state.reason };
    case "closed":
      return { reason: "the lane is closed" };
  }
}

function cannotConnect(error: unknown): string {
  return `cannot connect: ${errorMessage(error)}`;
}
