/**
 * bcrypt is slow on purpose: 100 ms of a core at the usual cost. So it runs in a thread of its own, one check at
 * a time; each verdict is remembered, good or bad, so that a client pays once; and after a wrong password the
 * thread rests, so that guessing takes at most a quarter of a core and no time of the event loop.
 */
import { Worker } from "node:worker_threads";
import { errorMessage } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import type { BcryptQuestion } from "./bcrypt-worker.ts";
import { sha256 } from "./digest.ts";

/** Verdicts remembered of each kind. */
const REMEMBERED_MAX = 1_000;
/** Checks that wait, of all users and of one, so that guesses at one password do not keep out the others. */
const WAITING_MAX = 64;
const WAITING_PER_USER_MAX = 4;
/** After a wrong password, the rest is so many times as long as the check took. */
const REST_FACTOR = 3;

/** The thread is this file's neighbour, in TypeScript or as built. */
const WORKER_URL = new URL(
  `./bcrypt-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
  import.meta.url,
);

export class BcryptChecks {
  readonly #right = new RecentSet(REMEMBERED_MAX);
  readonly #wrong = new RecentSet(REMEMBERED_MAX);
  readonly #running = new Map<string, Promise<boolean>>();
  readonly #waitingByUser = new Map<string, number>();
  #turn: Promise<void> = Promise.resolve();
  #worker: Worker | undefined;
  /** Takes the thread's answer to the one question that is open. */
  #answer: ((right: boolean | undefined) => void) | undefined;
  #closed = false;
  readonly #logger: Logger;

  constructor({ logger }: { readonly logger: Logger }) {
    this.#logger = logger;
  }

  /** At once when the answer is known, or false when too many checks wait; else a promise that never rejects. */
  check(user: string, password: string, hash: string): boolean | Promise<boolean> {
    const key = sha256(`${hash}\0${password}`).toString("base64");
    if (this.#right.has(key)) return true;
    if (this.#wrong.has(key) || this.#closed) return false;
    const running = this.#running.get(key);
    if (running !== undefined) return running;

    const waiting = this.#waitingByUser.get(user) ?? 0;
    if (this.#running.size >= WAITING_MAX || waiting >= WAITING_PER_USER_MAX) return false;
    this.#waitingByUser.set(user, waiting + 1);

    const started = this.#turn.then(() => this.#compare({ password, hash }));
    this.#turn = started.then(({ rest }) => rest);
    const verdict = started.then(({ verdict: right }) => {
      this.#running.delete(key);
      this.#leave(user);
      if (right !== undefined) (right ? this.#right : this.#wrong).add(key);
      return right === true;
    });
    this.#running.set(key, verdict);
    return verdict;
  }

  close(): void {
    this.#closed = true;
    void this.#worker?.terminate();
  }

  #leave(user: string): void {
    const waiting = (this.#waitingByUser.get(user) ?? 1) - 1;
    if (waiting === 0) this.#waitingByUser.delete(user);
    else this.#waitingByUser.set(user, waiting);
  }

  /** The verdict, undefined when the thread died; and when the next check may begin. */
  async #compare(question: BcryptQuestion): Promise<{ verdict: boolean | undefined; rest: Promise<void> }> {
    const start = performance.now();
    const verdict = await this.#ask(question);
    const restMs = verdict === true ? 0 : (performance.now() - start) * REST_FACTOR;
    return { verdict, rest: new Promise((resolve) => setTimeout(resolve, restMs).unref()) };
  }

  #ask(question: BcryptQuestion): Promise<boolean | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    this.#worker ??= this.#startWorker();
    this.#worker.postMessage(question);
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  #startWorker(): Worker {
    // Of this process's own flags the thread takes none: some of them (`--input-type`) it could not start with.
    const worker = new Worker(WORKER_URL, { name: "bcrypt", execArgv: [] });
    worker.on("message", (right: boolean) => this.#answer?.(right));
    worker.on("error", (error) => {
      this.#logger.error(
        { error: errorMessage(error) },
        "the bcrypt thread failed; it is started again when needed",
      );
    });
    worker.on("exit", () => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#answer?.(undefined);
    });
    // Last, since a listener for messages keeps the process alive again.
    worker.unref();
    return worker;
  }
}

/** The keys that were asked for or added last. */
class RecentSet {
  readonly #sizeMax: number;
  readonly #keys = new Set<string>();

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  has(key: string): boolean {
    if (!this.#keys.delete(key)) return false;
    this.#keys.add(key);
    return true;
  }

  add(key: string): void {
    this.#keys.add(key);
    if (this.#keys.size <= this.#sizeMax) return;
    for (const oldest of this.#keys) {
      this.#keys.delete(oldest);
      return;
    }
  }
}
