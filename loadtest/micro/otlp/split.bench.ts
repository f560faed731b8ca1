/** Splitting by trace id: requests of 512 and 64 spans over 1, 8 and 100 backends. */
import { bench, do_not_optimize, run, summary } from "mitata";
import { BufferPool } from "../../../src/base/buffer-pool.ts";
import { createKeying } from "../../../src/otlp/keying.ts";
import { RequestMemory } from "../../../src/otlp/request-memory.ts";
import { Splitter } from "../../../src/otlp/split.ts";
import { buildRing } from "../../../src/ring/ring.ts";
import { type TraceRequestShape, traceRequest } from "../../lib/trace-requests.ts";

const distinctRequests = 64;
const shapes: Readonly<Record<string, TraceRequestShape>> = {
  "512 spans": { resourceCount: 1, spansPerResource: 512 },
  "512 spans, 8 a trace": { resourceCount: 1, spansPerResource: 512, spansPerTrace: 8 },
  "50 resources x 10 spans": { resourceCount: 50, spansPerResource: 10 },
  "64 spans": { resourceCount: 1, spansPerResource: 64 },
};

const pool = new BufferPool(64 * 1024 * 1024);
const splitter = new Splitter("traces", createKeying("traces", "traceID", []));

for (const [name, shape] of Object.entries(shapes)) {
  const requests = Array.from({ length: distinctRequests }, (_, seed) => traceRequest(seed, shape));
  const spanCount = shape.resourceCount * shape.spansPerResource;
  // As the receiver has them: the payload with room behind it.
  const received = requests.map((request) => {
    const memory = new RequestMemory(pool);
    const payload = memory.allocatePayload(request.length);
    request.copy(payload);
    const room = memory.allocateParts(Math.ceil(request.length * 1.2));
    return { payload, memory: { allocateParts: (sizeBytes: number) => room.subarray(0, sizeBytes) } };
  });
  summary(() => {
    for (const backends of [1, 8, 100]) {
      const members = Array.from({ length: backends }, (_, index) => `10.0.0.${index}:4317`);
      const ring = buildRing({ members });
      const owners = {
        ownerCount: backends,
        ownerOf: (bytes: Uint8Array, start: number, end: number) => ring.ownerOf(bytes, start, end),
      };
      let next = 0;
      bench(`${name} (${spanCount}), ${backends} backends`, () => {
        const { payload, memory } = received[next++ % distinctRequests]!;
        do_not_optimize(splitter.split(payload, owners, memory));
      });
    }
  });
}

await run({ colors: false });
