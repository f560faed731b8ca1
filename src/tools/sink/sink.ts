/**
 * A stand-in for a second-tier collector, on @grpc/grpc-js: decodes every Export request in full,
 * counts what it holds, and misbehaves on demand.
 */
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { errorMessage, OtlpRingError } from "../../base/errors.ts";
import { encodeExportResponse, messageCodec, type Signal, signalFacts, signals } from "../otlp-proto.ts";
import { Random } from "../random.ts";
import { Arrivals, type ArrivalsReport } from "./arrivals.ts";

export type StatusName = keyof typeof status;

export interface SinkOptions {
  /** host:port to listen on; port 0 takes a free one. Default 127.0.0.1:0. */
  readonly endpoint?: string;
  /** How long every answer waits. Default 0. */
  readonly delayMs?: number;
  /** The share of requests that are refused, from 0 to 1, with `failCode`, taking nothing in. Default 0. */
  readonly failRate?: number;
  /** Default UNAVAILABLE. */
  readonly failCode?: StatusName;
  /** Sent with refusals as RetryInfo; absent: none is sent. */
  readonly retryDelayMs?: number;
  /** The share of items, from 0 to 1, that are refused with a partial success. Default 0. */
  readonly rejectRate?: number;
  /** Connections are told to go away after this long, give or take a tenth. Default: never. */
  readonly maxConnectionAgeMs?: number;
  /** Requests beyond this are refused with RESOURCE_EXHAUSTED. Default 64 MiB, as OTLP recommends. */
  readonly maxReceiveBytes?: number;
  /** Of the misbehaviour. Default 1. */
  readonly seed?: number;
  /** Sequence numbers of a run that are told apart. */
  readonly sequenceLimit?: number;
}

export interface SinkReport extends ArrivalsReport {
  /** The address that the sink listens on. */
  readonly endpoint: string;
  /** Requests that were not taken in: refused on demand, or no message of their signal. */
  readonly failedRequests: number;
  readonly malformedRequests: number;
}

type SinkState =
  | { readonly kind: "stopped" }
  | { readonly kind: "starting" }
  | { readonly kind: "listening"; readonly server: Server };

export class Sink {
  readonly #options: SinkOptions;
  #state: SinkState = { kind: "stopped" };
  #endpoint: string;
  #arrivals: Arrivals;
  #failedRequests = 0;
  #malformedRequests = 0;
  readonly #random: Random;

  constructor(options: SinkOptions = {}) {
    this.#options = options;
    this.#endpoint = options.endpoint ?? "127.0.0.1:0";
    this.#arrivals = new Arrivals(options.sequenceLimit);
    this.#random = new Random(options.seed ?? 1);
  }

  /** Where it listens; with the real port once it has started. A sink that starts again keeps it. */
  get endpoint(): string {
    return this.#endpoint;
  }

  /** Listens, and answers the address. Throws an OtlpRingError where it cannot. */
  async start(): Promise<string> {
    if (this.#state.kind !== "stopped") throw new TypeError("the sink has been started already");
    this.#setState({ kind: "starting" });
    const server = new Server(serverOptions(this.#options));
    for (const signal of signals) {
      server.addService(exportService(signal), {
        Export: (call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) => {
          void this.#answer(signal, call.request, respond);
        },
      });
    }
    try {
      const port = await bind(server, this.#endpoint);
      this.#endpoint = this.#endpoint.replace(/:\d+$/, `:${port}`);
    } catch (cause) {
      server.forceShutdown();
      this.#setState({ kind: "stopped" });
      const reason = errorMessage(cause);
      throw new OtlpRingError("SINK_LISTEN", `cannot listen on ${this.#endpoint}: ${reason}`, { cause });
    }
    this.#setState({ kind: "listening", server });
    return this.#endpoint;
  }

  /** Finishes the calls in flight for at most `graceMs`, then closes every connection. Keeps its counts. */
  async stop(graceMs = 1000): Promise<void> {
    if (this.#state.kind !== "listening") return;
    const { server } = this.#state;
    this.#setState({ kind: "stopped" });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        server.forceShutdown();
        resolve();
      }, graceMs);
      server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** What arrived so far; for `run` with the sets of its items, and so many of the latest traces (100). */
  report(options: { readonly run?: number; readonly latestTraces?: number } = {}): SinkReport {
    return {
      endpoint: this.#endpoint,
      failedRequests: this.#failedRequests,
      malformedRequests: this.#malformedRequests,
      ...this.#arrivals.report({ latestTraces: 100, ...options }),
    };
  }

  /** The hexadecimal span ids of a trace (not of generated ones), or undefined where none came. */
  spanIds(traceId: string): ReadonlySet<string> | undefined {
    return this.#arrivals.spanIds(traceId);
  }

  /** Forgets what arrived. */
  reset(): void {
    this.#arrivals = new Arrivals(this.#options.sequenceLimit);
    this.#failedRequests = 0;
    this.#malformedRequests = 0;
  }

  async #answer(signal: Signal, payload: Buffer, respond: sendUnaryData<Buffer>): Promise<void> {
    const { delayMs = 0, failRate = 0, rejectRate = 0 } = this.#options;
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    if (failRate > 0 && this.#random.chance(failRate)) {
      this.#failedRequests += 1;
      respond(refusal(this.#options));
      return;
    }
    const rejectItem = (): boolean => rejectRate > 0 && this.#random.chance(rejectRate);
    let rejectedItems: number;
    try {
      rejectedItems = this.#arrivals.take(signal, payload, rejectItem);
    } catch {
      this.#malformedRequests += 1;
      respond({ code: status.INVALID_ARGUMENT, details: `the request is no message of ${signal}` });
      return;
    }
    const message = `the sink refuses ${rejectedItems} ${signalFacts[signal].items}, as it was told to`;
    respond(
      null,
      encodeExportResponse(signal, rejectedItems === 0 ? {} : { partialSuccess: { rejectedItems, message } }),
    );
  }

  #setState(state: SinkState): void {
    this.#state = state;
  }
}

function serverOptions(options: SinkOptions): Record<string, number> {
  return {
    "grpc.max_receive_message_length": options.maxReceiveBytes ?? 64 * 1024 * 1024,
    "grpc.max_concurrent_streams": 1000,
    ...(options.maxConnectionAgeMs === undefined
      ? {}
      : {
          "grpc.max_connection_age_ms": options.maxConnectionAgeMs,
          "grpc.max_connection_age_grace_ms": 5000,
        }),
  };
}

/** The Export method over raw bytes: what cannot be decoded is answered here, not by grpc-js with INTERNAL. */
function exportService(signal: Signal): ServiceDefinition {
  const asItIs = (bytes: Buffer): Buffer => bytes;
  return {
    Export: {
      path: signalFacts[signal].grpcPath,
      requestStream: false,
      responseStream: false,
      requestSerialize: asItIs,
      requestDeserialize: asItIs,
      responseSerialize: asItIs,
      responseDeserialize: asItIs,
    },
  };
}

function bind(server: Server, endpoint: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(endpoint, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

function refusal(options: SinkOptions): { code: status; details: string; metadata: Metadata } {
  const code = status[options.failCode ?? "UNAVAILABLE"];
  const details = "the sink refuses this request, as it was told to";
  const metadata = new Metadata();
  if (options.retryDelayMs !== undefined) {
    metadata.set("grpc-status-details-bin", retryInfoStatus(code, details, options.retryDelayMs));
  }
  return { code, details, metadata };
}

function retryInfoStatus(code: number, message: string, retryDelayMs: number): Buffer {
  const retryInfo = messageCodec("google.rpc.RetryInfo").encode({
    retryDelay: { seconds: Math.floor(retryDelayMs / 1000), nanos: (retryDelayMs % 1000) * 1e6 },
  });
  return messageCodec("google.rpc.Status").encode({
    code,
    message,
    details: [{ type_url: "type.googleapis.com/google.rpc.RetryInfo", value: retryInfo }],
  });
}
