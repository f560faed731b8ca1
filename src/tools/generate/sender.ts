/** Sends Export requests over one grpc-js channel, and repeats what may be repeated as an SDK does. */
import { setTimeout as sleep } from "node:timers/promises";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import {
  decodeExportResponse,
  int64ToNumber,
  messageCodec,
  type Signal,
  signalFacts,
} from "../otlp-proto.ts";
import type { Random } from "../random.ts";

export interface SenderOptions {
  /** host:port. */
  readonly endpoint: string;
  readonly compression: "none" | "gzip";
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Of one attempt. */
  readonly timeoutMs: number;
  readonly retry: RetryOptions;
}

/** As the SDKs have it: OpenTelemetry's JavaScript exporters use the same figures. */
export interface RetryOptions {
  /** With the first; 1 is no retry. */
  readonly attemptsMax: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
}

export const defaultRetry: RetryOptions = { attemptsMax: 5, initialBackoffMs: 1000, maxBackoffMs: 5000 };
const backoffMultiplier = 1.5;
const backoffJitter = 0.2;

/** The longest RetryInfo that is waited for. */
const retryInfoMaxMs = 30_000;

export type SendOutcome =
  | { readonly kind: "acknowledged"; readonly rejectedItems: number; readonly retries: number }
  | { readonly kind: "failed"; readonly code: string; readonly message: string; readonly retries: number };

/** Codes that OTLP calls retryable, whatever else the answer holds (specification, "Failures"). */
const retryableCodes: ReadonlySet<status> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);

export class Sender {
  readonly #options: SenderOptions;
  readonly #random: Random;
  readonly #client: Client;
  readonly #metadata = new Metadata();

  constructor(options: SenderOptions, random: Random) {
    this.#options = options;
    this.#random = random;
    this.#client = new Client(options.endpoint, credentials.createInsecure(), {
      // A channel of its own for every sender: connections are what --connections counts.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.default_compression_algorithm": options.compression === "gzip" ? 2 : 0,
      "grpc.max_receive_message_length": 4 * 1024 * 1024,
      // Retries are made, and counted, here.
      "grpc.enable_retries": 0,
    });
    for (const [name, value] of options.headers) this.#metadata.set(name, value);
  }

  /**
   * Delivers a request, or gives up. `onBackoff` is called before each wait between attempts; an
   * aborted signal ends the waiting.
   */
  async send(
    signal: Signal,
    payload: Buffer,
    abort: AbortSignal,
    onBackoff: () => void,
  ): Promise<SendOutcome> {
    const { retry } = this.#options;
    let backoffMs = retry.initialBackoffMs;
    for (let retries = 0; ; retries += 1) {
      const answer = await this.#call(signal, payload);
      if (answer.kind === "ok") {
        return { kind: "acknowledged", rejectedItems: answer.rejectedItems, retries };
      }
      const { error } = answer;
      const retryInfoMs = readRetryInfoMs(error);
      const retryable =
        retryableCodes.has(error.code) ||
        (error.code === status.RESOURCE_EXHAUSTED && retryInfoMs !== undefined);
      const failed = { kind: "failed", code: status[error.code], message: error.details, retries } as const;
      if (!retryable || retries + 1 >= retry.attemptsMax || abort.aborted) return failed;
      onBackoff();
      const jitter = 1 + backoffJitter * (2 * this.#random.fraction() - 1);
      const waited = await waitUnlessAborted(retryInfoMs ?? backoffMs * jitter, abort);
      if (!waited) return failed;
      backoffMs = Math.min(backoffMs * backoffMultiplier, retry.maxBackoffMs);
    }
  }

  close(): void {
    this.#client.close();
  }

  #call(
    signal: Signal,
    payload: Buffer,
  ): Promise<
    | { readonly kind: "ok"; readonly rejectedItems: number }
    | { readonly kind: "error"; readonly error: ServiceError }
  > {
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        signalFacts[signal].grpcPath,
        (request: Buffer) => request,
        (response: Buffer) => decodeExportResponse(signal, response),
        payload,
        this.#metadata,
        { deadline: Date.now() + this.#options.timeoutMs },
        (error, response) => {
          if (error !== null) resolve({ kind: "error", error });
          else resolve({ kind: "ok", rejectedItems: response?.partialSuccess?.rejectedItems ?? 0 });
        },
      );
    });
  }
}

/** Milliseconds of the answer's RetryInfo; undefined where it has none. */
export function readRetryInfoMs(error: Pick<ServiceError, "metadata">): number | undefined {
  const [details] = error.metadata.get("grpc-status-details-bin");
  if (!Buffer.isBuffer(details)) return undefined;
  try {
    const retryInfo = messageCodec("google.rpc.Status")
      .decode(details)
      .details?.find(({ type_url }) => type_url?.endsWith("/google.rpc.RetryInfo"));
    if (retryInfo === undefined) return undefined;
    const delay = messageCodec("google.rpc.RetryInfo").decode(retryInfo.value ?? Buffer.alloc(0)).retryDelay;
    const delayMs = int64ToNumber(delay?.seconds ?? 0) * 1000 + (delay?.nanos ?? 0) / 1e6;
    return Math.min(Math.max(delayMs, 0), retryInfoMaxMs);
  } catch {
    // Details that cannot be read say nothing; the status code still does.
    return undefined;
  }
}

async function waitUnlessAborted(delayMs: number, abort: AbortSignal): Promise<boolean> {
  try {
    await sleep(delayMs, undefined, { signal: abort });
    return true;
  } catch {
    return false;
  }
}
