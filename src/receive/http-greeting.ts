/**
 * The first bytes of a connection in plain text, which tell what it speaks: HTTP/2 with prior knowledge
 * begins with `PRI * HTTP/2.0` (RFC 9113 §3.4), and no method of HTTP/1.1 begins like that.
 */
import type { Socket } from "node:net";

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** Enough to tell: POST and PUT begin with a P too. */
const tellingBytes = 3;

export class HttpGreeting {
  readonly #socket: Socket;
  readonly #deadlineMs: number;
  readonly #onDecided: (version: 1 | 2 | "none") => void;
  #received: Buffer = Buffer.alloc(0);

  /** `onDecided` is called once: with the version whose server is to have the socket, or none if it has closed. */
  constructor(socket: Socket, deadlineMs: number, onDecided: (version: 1 | 2 | "none") => void) {
    this.#socket = socket;
    this.#deadlineMs = deadlineMs;
    this.#onDecided = onDecided;
    socket.on("readable", this.#onReadable);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onClose);
  }

  /** Called every so often; a client that says nothing is not worth an answer. */
  sweep(nowMs: number): void {
    if (nowMs >= this.#deadlineMs) this.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  readonly #onReadable = (): void => {
    const chunk = this.#socket.read() as Buffer | null;
    if (chunk === null) return;
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const { length } = this.#received;
    const isPreface = this.#received
      .subarray(0, tellingBytes)
      .equals(preface.subarray(0, Math.min(length, tellingBytes)));
    if (isPreface && length < tellingBytes) return;
    this.#socket.off("readable", this.#onReadable);
    this.#socket.off("end", this.#onEnd);
    this.#socket.off("close", this.#onClose);
    this.#socket.unshift(this.#received);
    this.#onDecided(isPreface ? 2 : 1);
  };

  readonly #onEnd = (): void => this.destroy();

  readonly #onClose = (): void => this.#onDecided("none");
}
