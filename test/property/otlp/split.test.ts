import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKeying } from "../../../src/otlp/keying.ts";
import { type RoutingKey, routingKeys } from "../../../src/otlp/routing-key.ts";
import { type StableSignal as Signal, stableSignals as signals } from "../../../src/otlp/signal.ts";
import { type KeyOwners, Splitter } from "../../../src/otlp/split.ts";
import { buildRing } from "../../../src/ring/ring.ts";
import { exportRequest, requestType } from "../../support/random-otlp.ts";
import { takeApart } from "../../support/raw-items.ts";

const farmhash = createRequire(import.meta.url)("farmhash") as { fingerprint32(input: Buffer): number };

const attributeNames = ["region", "service.name", "span.kind", "span.name"];
const cases = signals.flatMap((signal) => routingKeys[signal].map((key) => [signal, key] as const));

function ringOf(backends: number): KeyOwners & { readonly ring: ReturnType<typeof buildRing> } {
  const members = Array.from({ length: backends }, (_, index) => `10.0.0.${index}:4317`);
  const ring = buildRing({ members, size: 1024 });
  return { ring, ownerCount: backends, ownerOf: (bytes, start, end) => ring.ownerOf(bytes, start, end) };
}

function splitter(signal: Signal, key: RoutingKey): Splitter {
  return new Splitter(signal, createKeying(signal, key, attributeNames));
}

describe.each(cases)("%s split by %s", (signal, key) => {
  const subject = splitter(signal, key);

  it("loses nothing, makes nothing up, and makes no empty envelope, unknown fields included", () => {
    fc.assert(
      fc.property(exportRequest(signal), fc.integer({ min: 1, max: 5 }), (request, backends) => {
        const { parts, itemCount } = subject.split(request, ringOf(backends));
        const before = takeApart(signal, request);
        const after = parts.map((part) => takeApart(signal, part.payload));
        expect(after.flatMap((part) => part.pieces).sort()).toEqual(before.pieces);
        expect(after.map((part) => part.ownHeader).join("")).toBe(before.ownHeader);
        expect(itemCount).toBe(before.itemCount);
        expect(parts.map((part) => part.itemCount)).toEqual(after.map((part) => part.itemCount));
        expect(new Set(parts.map((part) => part.owner)).size).toBe(parts.length);
      }),
      { numRuns: 60 },
    );
  });

  it("gives parts that join to what protobufjs decodes from the original", () => {
    const type = requestType(signal);
    const decoded = (bytes: Uint8Array): string[] =>
      flatten(type.toObject(type.decode(bytes), { longs: String, bytes: String }));
    fc.assert(
      fc.property(exportRequest(signal), (request) => {
        const { parts } = subject.split(request, ringOf(4));
        const joined = Buffer.concat(parts.map((part) => part.payload));
        expect(decoded(joined)).toEqual(decoded(request));
      }),
      { numRuns: 40 },
    );
  });
});

interface Decoded {
  readonly [field: string]: unknown;
}

/** Each item beside its resource, scope and metric, sorted. */
function flatten(request: Decoded): string[] {
  const items: string[] = [];
  const visit = (message: Decoded, context: string): void => {
    const children = Object.entries(message).filter(([field]) => envelopeFields.has(field));
    const header = Object.entries(message).filter(([field]) => !envelopeFields.has(field));
    const inner = `${context}/${JSON.stringify(header)}`;
    if (children.length === 0) items.push(inner);
    for (const [, value] of children) for (const child of [value].flat()) visit(child as Decoded, inner);
  };
  for (const resource of Object.values(request).flat()) visit(resource as Decoded, "");
  return items.sort();
}

const envelopeFields = new Set(
  ["scopeSpans", "spans", "scopeLogs", "logRecords", "scopeMetrics", "metrics"].concat([
    "gauge",
    "sum",
    "histogram",
    "exponentialHistogram",
    "summary",
    "dataPoints",
  ]),
);

describe("ownership", () => {
  interface DecodedSpan {
    readonly traceId: Uint8Array;
  }
  const owners = ringOf(5);
  const nativeOwner = (key: Uint8Array): number =>
    owners.ring.slots[farmhash.fingerprint32(Buffer.from(key)) & owners.ring.mask]!;

  it("puts every span, and every log record, of a trace into the part of the trace id's owner", () => {
    for (const signal of ["traces", "logs"] as const) {
      const subject = splitter(signal, "traceID");
      const type = requestType(signal);
      let placed = 0;
      fc.assert(
        fc.property(exportRequest(signal), (request) => {
          for (const part of subject.split(request, owners).parts) {
            const { resourceSpans, resourceLogs } = type.decode(part.payload) as unknown as {
              resourceSpans?: { scopeSpans?: { spans?: DecodedSpan[] }[] }[];
              resourceLogs?: { scopeLogs?: { logRecords?: DecodedSpan[] }[] }[];
            };
            const items = [
              ...(resourceSpans ?? []).flatMap((r) => (r.scopeSpans ?? []).flatMap((s) => s.spans ?? [])),
              ...(resourceLogs ?? []).flatMap((r) => (r.scopeLogs ?? []).flatMap((s) => s.logRecords ?? [])),
            ].filter(({ traceId }) => traceId?.length === 16 && traceId.some((byte) => byte !== 0));
            placed += items.length;
            expect(items.map(({ traceId }) => nativeOwner(traceId))).toEqual(items.map(() => part.owner));
          }
        }),
        { numRuns: 100 },
      );
      expect(placed).toBeGreaterThan(30);
    }
  });

  it("puts all of a service into one part, the same for every signal", () => {
    let placed = 0;
    for (const signal of signals) {
      const subject = splitter(signal, "service");
      fc.assert(
        fc.property(exportRequest(signal), (request) => {
          for (const part of subject.split(request, owners).parts) {
            const names = serviceNames(signal, part.payload);
            placed += names.length;
            expect(names.map((name) => nativeOwner(Buffer.from(name)))).toEqual(names.map(() => part.owner));
          }
        }),
        { numRuns: 60 },
      );
    }
    expect(placed).toBeGreaterThan(30);
  });

  /** Of each resource that has items and one plain service name. */
  function serviceNames(signal: Signal, request: Uint8Array): string[] {
    interface DecodedAttribute {
      readonly key: string;
      readonly value?: { readonly stringValue?: string };
    }
    const decoded = requestType(signal).decode(request) as unknown as Record<
      string,
      { resource?: { attributes?: DecodedAttribute[] } }[]
    >;
    const resources = decoded["resourceSpans"] ?? decoded["resourceLogs"] ?? decoded["resourceMetrics"] ?? [];
    return resources.flatMap((resource) => {
      const names = (resource.resource?.attributes ?? []).filter(({ key }) => key === "service.name");
      const name = names[0]?.value?.stringValue ?? "";
      return names.length === 1 && name !== "" && takeApart(signal, wrap(resource, signal)).itemCount > 0
        ? [name]
        : [];
    });
  }

  function wrap(resource: object, signal: Signal): Uint8Array {
    const field = { traces: "resourceSpans", logs: "resourceLogs", metrics: "resourceMetrics" }[signal];
    const type = requestType(signal);
    return type.encode(type.create({ [field]: [resource] })).finish();
  }
});
