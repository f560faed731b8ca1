/** A sink with planted faults, which a run must report. */
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { type Comparison, compare } from "../../../src/tools/generate/comparison.ts";
import type { Generator } from "../../../src/tools/generate/generator.ts";
import { sinkViews } from "../../../src/tools/generate/sink-views.ts";
import { type Signal, signalFacts, signals } from "../../../src/tools/otlp-proto.ts";
import { Arrivals } from "../../../src/tools/sink/arrivals.ts";

/** Answers OK to everything, and keeps what `keep` tells: 0, 1 or 2 copies of the n-th request. */
export class FaultySink {
  readonly arrivals = new Arrivals();
  readonly #server = new Server();
  readonly #copies: (request: number) => number;
  #requests = 0;
  endpoint = "";

  constructor(copies: (request: number) => number) {
    this.#copies = copies;
  }

  async start(): Promise<void> {
    for (const signal of signals) this.#addService(signal);
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    this.endpoint = `127.0.0.1:${port}`;
  }

  async stop(): Promise<void> {
    this.#server.forceShutdown();
  }

  #addService(signal: Signal): void {
    const asItIs = (bytes: Buffer): Buffer => bytes;
    const method = {
      path: signalFacts[signal].grpcPath,
      requestStream: false,
      responseStream: false,
      requestSerialize: asItIs,
      requestDeserialize: asItIs,
      responseSerialize: asItIs,
      responseDeserialize: asItIs,
    };
    this.#server.addService(
      { Export: method },
      {
        Export: (call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) => {
          const copies = this.#copies(this.#requests);
          this.#requests += 1;
          for (let copy = 0; copy < copies; copy += 1) this.arrivals.take(signal, call.request, () => false);
          respond(null, Buffer.alloc(0));
        },
      },
    );
  }

  compareWith(generator: Generator): Comparison {
    const report = this.arrivals.report({ run: generator.run, latestTraces: 0 });
    const whole = { endpoint: this.endpoint, failedRequests: 0, malformedRequests: 0, ...report };
    return compare(generator.accounts, sinkViews([whole], generator.run));
  }
}
