/**
 * Distinct, real-looking Export requests for benchmarks: spans of about 420 bytes as HTTP and
 * database instrumentations make them, in batches as an SDK's batch processor sends them.
 */
import { createHash } from "node:crypto";
import { lengthDelimitedField as len, varintField } from "../../src/wire/writer.ts";

const text = (fieldNumber: number, value: string): Buffer => len(fieldNumber, Buffer.from(value));
const fixed64 = (fieldNumber: number, value: bigint): Buffer => {
  const field = Buffer.alloc(9);
  field[0] = fieldNumber * 8 + 1;
  field.writeBigUInt64LE(value, 1);
  return field;
};
const stringAttribute = (fieldNumber: number, key: string, value: string): Buffer =>
  len(fieldNumber, Buffer.concat([text(1, key), len(2, text(1, value))]));
const intAttribute = (fieldNumber: number, key: string, value: number): Buffer =>
  len(fieldNumber, Buffer.concat([text(1, key), len(2, varintField(3, value))]));

export interface TraceRequestShape {
  readonly resourceCount: number;
  readonly spansPerResource: number;
  /** Neighbouring spans that share a trace id; 1 is the worst case for a router. */
  readonly spansPerTrace?: number;
}

/** One request; equal `seed`s give equal bytes. */
export function traceRequest(seed: number, shape: TraceRequestShape): Buffer {
  const resources: Buffer[] = [];
  let spanNumber = 0;
  for (let resource = 0; resource < shape.resourceCount; resource += 1) {
    const spans: Buffer[] = [];
    for (let span = 0; span < shape.spansPerResource; span += 1) {
      const trace = Math.floor(spanNumber / (shape.spansPerTrace ?? 1));
      spans.push(len(2, spanMessage(seed, trace, spanNumber)));
      spanNumber += 1;
    }
    const scope = len(1, Buffer.concat([text(1, "@opentelemetry/instrumentation-http"), text(2, "0.57.2")]));
    resources.push(
      len(1, Buffer.concat([len(1, resourceMessage(resource)), len(2, Buffer.concat([scope, ...spans]))])),
    );
  }
  return Buffer.concat(resources);
}

function resourceMessage(index: number): Buffer {
  return Buffer.concat([
    stringAttribute(1, "service.name", `shop-service-${index}`),
    stringAttribute(1, "service.version", "2.31.4"),
    stringAttribute(1, "k8s.namespace.name", "shop"),
    stringAttribute(1, "k8s.pod.name", `shop-service-${index}-7d9f8b6c5d-x2x${index}`),
    stringAttribute(1, "telemetry.sdk.language", "nodejs"),
    stringAttribute(1, "telemetry.sdk.name", "opentelemetry"),
  ]);
}

function spanMessage(seed: number, trace: number, span: number): Buffer {
  const ids = createHash("sha256").update(`${seed}/${trace}`).digest();
  const spanIds = createHash("sha256").update(`${seed}/${trace}/${span}`).digest();
  const start = 1_760_000_000_000_000_000n + BigInt(seed * 1000 + span) * 1_000_000n;
  return Buffer.concat([
    len(1, ids.subarray(0, 16)),
    len(2, spanIds.subarray(0, 8)),
    len(4, spanIds.subarray(8, 16)),
    text(5, "GET /api/v1/products/{id}"),
    varintField(6, 2),
    fixed64(7, start),
    fixed64(8, start + 12_345_678n),
    stringAttribute(9, "http.request.method", "GET"),
    stringAttribute(9, "url.scheme", "http"),
    stringAttribute(9, "url.path", `/api/v1/products/${span % 1000}`),
    stringAttribute(9, "http.route", "/api/v1/products/{id}"),
    intAttribute(9, "http.response.status_code", 200),
    stringAttribute(9, "server.address", "catalog.shop.svc.cluster.local"),
    stringAttribute(9, "network.peer.address", `10.2.${span % 250}.${seed % 250}`),
    intAttribute(9, "server.port", 8080),
    stringAttribute(9, "user_agent.original", "Mozilla/5.0 (X11; Linux x86_64)"),
    len(15, varintField(3, 1)),
  ]);
}
