/**
 * How a receiver begins and ends, whatever protocol it speaks.
 *
 *     idle -> listening -> draining -> closed
 *        \            \                  ^
 *         `------------`-----------------'   closed before it listened; could not listen
 */
import { type AddressInfo, Server } from "node:net";
import { monotonicMs } from "../base/clock.ts";
import { errorMessage, OtlpRingError } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";

export interface ReceiverLifeOptions {
  /** As people call it: gRPC, HTTP. */
  readonly protocol: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** What a receiver does itself, at the time that its life names. */
export interface ReceiverParts {
  readonly logger: Logger;
  createServer(): Server;
  /** Called once the server takes no new connections: tells those that are open to go elsewhere. */
  leave(): void;
  /** Ends what has outlasted its deadline on `monotonicMs`. */
  sweep(nowMs: number): void;
  openConnections(): number;
  destroyConnections(): void;
}

type LifeState =
  | { readonly kind: "idle" }
  | { readonly kind: "listening"; readonly server: Server }
  | { readonly kind: "draining" }
  | { readonly kind: "closed" };

/** How late deadlines of calls and connections may be. */
const sweepIntervalMs = 100;
/** How often a closing receiver looks whether its connections are gone. */
const closePollMs = 10;

export class ReceiverLife {
  readonly #options: ReceiverLifeOptions;
  readonly #parts: ReceiverParts;
  #state: LifeState = { kind: "idle" };
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: ReceiverLifeOptions, parts: ReceiverParts) {
    this.#options = options;
    this.#parts = parts;
  }

  get isListening(): boolean {
    return this.#state.kind === "listening";
  }

  /**
   * Starts to listen; answers the address in use.
   * @throws OtlpRingError `listen_failed`
   */
  async listen(): Promise<{ host: string; port: number }> {
    if (this.#state.kind !== "idle") throw new Error(`listen() of a receiver that is ${this.#state.kind}`);
    const { logger } = this.#parts;
    const server = this.#parts.createServer();
    this.#setState({ kind: "listening", server });
    await this.#bind(server);
    server.on("error", (error) => {
      logger.error({ error: error.message }, `${this.#options.protocol} listener failed`);
    });
    this.#sweeper = setInterval(() => this.#parts.sweep(monotonicMs()), sweepIntervalMs);
    this.#sweeper.unref();
    const { address, port } = server.address() as AddressInfo;
    return { host: address, port };
  }

  /** Takes no new connections, and lets the receiver leave those that are open. */
  drain(): void {
    if (this.#state.kind !== "listening") return;
    const { server } = this.#state;
    this.#setState({ kind: "draining" });
    // Http2Server's own close() would refuse streams that are on their way; leave() serves those first.
    Server.prototype.close.call(server);
    this.#parts.leave();
  }

  /** Drains, waits for what is in flight for at most `graceMs`, and ends the rest. */
  async close(graceMs: number): Promise<void> {
    this.drain();
    if (this.#state.kind === "idle") this.#setState({ kind: "closed" });
    if (this.#state.kind === "closed") return;
    const destroyAtMs = monotonicMs() + graceMs;
    while (this.#parts.openConnections() > 0) {
      if (monotonicMs() >= destroyAtMs) this.#parts.destroyConnections();
      await new Promise((resolve) => setTimeout(resolve, closePollMs));
      this.#parts.sweep(monotonicMs());
    }
    clearInterval(this.#sweeper);
    this.#setState({ kind: "closed" });
  }

  async #bind(server: Server): Promise<void> {
    const { protocol, host, port } = this.#options;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host, port }, () => {
          server.off("error", reject);
          resolve();
        });
      });
    } catch (thrown) {
      this.#setState({ kind: "closed" });
      throw new OtlpRingError(
        "listen_failed",
        `the OTLP/${protocol} receiver cannot listen on ${host}:${port} (${errorMessage(thrown)}); ` +
          "choose another endpoint, or stop what uses this one",
        { cause: thrown },
      );
    }
  }

  #setState(state: LifeState): void {
    this.#state = state;
  }
}
