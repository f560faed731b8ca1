import { afterEach, describe, expect, it, vi } from "vitest";
import { createKeying } from "../../../src/otlp/keying.ts";
import type { RoutingKey } from "../../../src/otlp/routing-key.ts";
import type { StableSignal as Signal } from "../../../src/otlp/signal.ts";
import { type SplitResult, Splitter } from "../../../src/otlp/split.ts";
import { WireReader } from "../../../src/wire/reader.ts";
import { lengthDelimitedField } from "../../../src/wire/writer.ts";
import { requestType } from "../../support/random-otlp.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

interface Message {
  readonly [field: string]: unknown;
}

const text = (key: string, stringValue: string): Message => ({ key, value: { stringValue } });
const typed = (key: string, value: Message): Message => ({ key, value });
const traceId = Buffer.from("0123456789abcdef0123456789abcdef", "hex");

function encode(signal: Signal, request: Message): Buffer {
  const type = requestType(signal);
  return Buffer.from(type.encode(type.fromObject(request)).finish());
}

const traces = (resource: Message, scope: Message, ...spans: Message[]): Buffer =>
  encode("traces", { resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }] });
const logs = (resource: Message, scope: Message, ...logRecords: Message[]): Buffer =>
  encode("logs", { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords }] }] });
const metrics = (resource: Message, scope: Message, ...list: Message[]): Buffer =>
  encode("metrics", { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics: list }] }] });

interface Keys extends SplitResult {
  /** The keys whose owner was asked for, in order. */
  readonly keys: readonly Buffer[];
}

function keysOf(signal: Signal, key: RoutingKey, payload: Buffer, names: readonly string[] = []): Keys {
  const keys: Buffer[] = [];
  const owners = {
    ownerCount: 1,
    ownerOf(bytes: Uint8Array, start: number, end: number) {
      keys.push(Buffer.from(bytes.subarray(start, end)));
      return 0;
    },
  };
  return { ...new Splitter(signal, createKeying(signal, key, names)).split(payload, owners), keys };
}

const textsOf = ({ keys }: Keys): string[] => keys.map(String);

describe("traceID", () => {
  it("is the sixteen bytes, the same for spans and log records, wherever in the message they stand", () => {
    expect(keysOf("traces", "traceID", traces({}, {}, { traceId, name: "GET" })).keys).toEqual([traceId]);
    expect(keysOf("logs", "traceID", logs({}, {}, { severityNumber: 9, traceId })).keys).toEqual([traceId]);
    const span = Buffer.concat([
      lengthDelimitedField(5, Buffer.from("name before id")),
      lengthDelimitedField(1, traceId),
    ]);
    const request = lengthDelimitedField(1, lengthDelimitedField(2, lengthDelimitedField(2, span)));
    expect(keysOf("traces", "traceID", request).keys).toEqual([traceId]);
  });

  it.each([
    ["absent", undefined],
    ["empty", Buffer.alloc(0)],
    ["all zero", Buffer.alloc(16)],
    ["of fifteen bytes", Buffer.alloc(15, 1)],
    ["of seventeen bytes", Buffer.alloc(17, 1)],
  ])("that is %s goes by the resource, and is counted", (_case, bytes) => {
    const resource = { attributes: [text("service.name", "cart")] };
    const bad = bytes === undefined ? {} : { traceId: bytes };
    const { keys, unroutableItemCount, unroutableReason } = keysOf(
      "traces",
      "traceID",
      traces(resource, {}, { traceId }, bad),
    );
    const byResource = keysOf("traces", "resource", traces(resource, {}, { traceId })).keys[0];
    expect(keys).toEqual([traceId, byResource]);
    expect({ unroutableItemCount, unroutableReason }).toEqual({
      unroutableItemCount: 1,
      unroutableReason: "invalid_trace_id",
    });
  });

  it("without one, asks for the owner of the resource once, and again for the next resource", () => {
    const scopeSpans = [{ spans: [{}, {}, {}] }, { spans: [{}] }];
    const { keys, unroutableItemCount } = keysOf(
      "traces",
      "traceID",
      encode("traces", {
        resourceSpans: [
          { resource: { attributes: [text("service.name", "cart")] }, scopeSpans },
          { resource: { attributes: [text("service.name", "shop")] }, scopeSpans },
        ],
      }),
    );
    expect(keys).toHaveLength(2);
    expect(keys[0]).not.toEqual(keys[1]);
    expect(unroutableItemCount).toBe(8);
  });
});

describe("service", () => {
  const resource = { attributes: [text("host.name", "h"), text("service.name", "cart")] };

  it("is the bytes of service.name, the same for every signal", () => {
    const found = [
      keysOf("traces", "service", traces(resource, {}, { traceId })),
      keysOf("metrics", "service", metrics(resource, {}, { gauge: { dataPoints: [{}] } })),
      keysOf("logs", "service", logs(resource, {}, {})),
    ];
    expect(found.map(textsOf)).toEqual([["cart"], ["cart"], ["cart"]]);
  });

  it.each([
    ["there is no resource", {}],
    ["there is no such attribute", { attributes: [text("service", "x")] }],
    ["it is empty", { attributes: [text("service.name", "")] }],
    ["it has no value", { attributes: [{ key: "service.name" }] }],
  ])("goes by the resource, and counts every item, when %s", (_case, without) => {
    const list = [{ gauge: { dataPoints: [{}, {}] } }, { sum: { dataPoints: [{}] } }];
    const { unroutableItemCount, unroutableReason } = keysOf(
      "metrics",
      "service",
      metrics(without, {}, ...list),
    );
    expect({ unroutableItemCount, unroutableReason }).toEqual({
      unroutableItemCount: 3,
      unroutableReason: "no_service_name",
    });
  });

  it("of each resource that has none is that resource's own", () => {
    const resourceLogs = ["a", "b"].map((host) => ({
      resource: { attributes: [text("host.name", host)] },
      scopeLogs: [{ logRecords: [{}] }],
    }));
    const { keys } = keysOf("logs", "service", encode("logs", { resourceLogs }));
    expect(keys[0]).not.toEqual(keys[1]);
  });

  it("counts the first of two, and no attribute of a scope or span", () => {
    const twice = { attributes: [text("service.name", "first"), text("service.name", "second")] };
    const request = traces(twice, { attributes: [text("service.name", "scope")] }, { traceId });
    expect(textsOf(keysOf("traces", "service", request))).toEqual(["first"]);
    expect(keysOf("traces", "service", request).unroutableItemCount).toBe(0);
  });
});

describe("resource", () => {
  const keyOf = (...attributes: Message[]): Buffer =>
    keysOf("logs", "resource", logs({ attributes }, {}, {})).keys[0]!;
  const [a, b] = [text("a", "1"), text("b", "2")];

  it("is the set of the attributes: not their order, but each of them, its value and how often", () => {
    expect(keyOf(a, b)).toEqual(keyOf(b, a));
    const others = [keyOf(a), keyOf(a, b), keyOf(a, b, b), keyOf(a, text("b", "3")), keyOf()];
    expect(new Set(others.map((key) => key.toString("hex"))).size).toBe(others.length);
  });

  it("is the same when the resource comes in two pieces, which a decoder merges", () => {
    const field = (attribute: Message): Buffer => {
      const type = requestType("logs").root.lookupType("opentelemetry.proto.resource.v1.Resource");
      return lengthDelimitedField(
        1,
        Buffer.from(type.encode(type.fromObject({ attributes: [attribute] })).finish()),
      );
    };
    const scopes = lengthDelimitedField(2, lengthDelimitedField(2, Buffer.alloc(0)));
    const pieces = lengthDelimitedField(1, Buffer.concat([field(a), field(b), scopes]));
    expect(keysOf("logs", "resource", pieces).keys).toEqual([keyOf(a, b)]);
  });
});

describe("metric", () => {
  it("is the metric's name, or empty", () => {
    const points = { gauge: { dataPoints: [{}, {}] } };
    const request = metrics({}, {}, { name: "http.duration", ...points }, points, { name: "no points" });
    expect(textsOf(keysOf("metrics", "metric", request))).toEqual(["http.duration", ""]);
  });
});

describe("streamID", () => {
  const resource = { attributes: [text("service.name", "cart")] };
  const scope = { name: "meter", version: "1" };
  const point = { attributes: [text("path", "/a"), text("method", "GET")] };
  const sum = { aggregationTemporality: 2, isMonotonic: true, dataPoints: [point] };
  const metric = { name: "requests", unit: "1", sum };
  const keyOf = (...parts: Parameters<typeof metrics>): string =>
    keysOf("metrics", "streamID", metrics(...parts)).keys[0]!.toString("hex");
  const base = keyOf(resource, scope, metric);

  it.each<[string, Parameters<typeof metrics>]>([
    ["resource", [{ attributes: [text("service.name", "shop")] }, scope, metric]],
    ["scope's name", [resource, { ...scope, name: "other" }, metric]],
    ["scope's version", [resource, { ...scope, version: "2" }, metric]],
    ["scope's attributes", [resource, { ...scope, attributes: [text("a", "b")] }, metric]],
    ["metric's name", [resource, scope, { ...metric, name: "errors" }]],
    ["unit", [resource, scope, { ...metric, unit: "s" }]],
    ["kind", [resource, scope, { ...metric, sum: undefined, gauge: { dataPoints: [point] } }]],
    ["temporality", [resource, scope, { ...metric, sum: { ...sum, aggregationTemporality: 1 } }]],
    ["monotonicity", [resource, scope, { ...metric, sum: { ...sum, isMonotonic: false } }]],
    ["point's attributes", [resource, scope, { ...metric, sum: { ...sum, dataPoints: [{}] } }]],
  ])("differs by the %s", (_what, parts) => {
    expect(keyOf(...parts)).not.toBe(base);
  });

  it("is the same for later points of a series, in another order of attributes, with another description", () => {
    const later = { timeUnixNano: 5, asInt: 7, attributes: point.attributes.toReversed() };
    expect(
      keyOf(resource, scope, { ...metric, description: "d", sum: { ...sum, dataPoints: [later] } }),
    ).toBe(base);
  });

  it("is each point's own in a request of many resources, scopes, metrics and points", () => {
    const dataPoints = ["/a", "/b"].map((path) => ({ attributes: [text("path", path)] }));
    const list = ["requests", "errors"].map((name) => ({ name, sum: { dataPoints } }));
    const scopeMetrics = ["one", "two"].map((name) => ({ scope: { name }, metrics: list }));
    const resourceMetrics = ["cart", "shop"].map((name) => ({
      resource: { attributes: [text("service.name", name)] },
      scopeMetrics,
    }));
    const { keys } = keysOf("metrics", "streamID", encode("metrics", { resourceMetrics }));
    const alone = resourceMetrics.flatMap(({ resource }) =>
      scopeMetrics.flatMap(({ scope }) =>
        list.flatMap(({ name }) =>
          dataPoints.map((each) => keyOf(resource, scope, { name, sum: { dataPoints: [each] } })),
        ),
      ),
    );
    expect(keys.map((key) => key.toString("hex"))).toEqual(alone);
    expect(new Set(alone).size).toBe(16);
  });
});

describe("attributes", () => {
  const names = ["tenant", "region"];
  const spanOf = (...attributes: Message[]): Message => ({ traceId, attributes });

  it("looks in the resource, then the scope, then the item, and leaves an absent one empty", () => {
    const [resource, scope, span] = ["resource", "scope", "span"].map((place) => text("tenant", place));
    const inAll = traces({ attributes: [resource] }, { attributes: [scope] }, spanOf(span!));
    const inTwo = traces({}, { attributes: [scope] }, spanOf(span!));
    const inOne = traces({}, {}, spanOf(span!));
    const found = [inAll, inTwo, inOne].map((request) =>
      textsOf(keysOf("traces", "attributes", request, names)),
    );
    expect(found).toEqual([
      ["tenant=resource|region=|"],
      ["tenant=scope|region=|"],
      ["tenant=span|region=|"],
    ]);
  });

  it("keeps apart what each resource, scope and item says", () => {
    const scopeLogs = [
      {
        scope: { attributes: [text("tenant", "t1")] },
        logRecords: [{}, { attributes: [text("region", "eu")] }],
      },
      { logRecords: [{ attributes: [text("tenant", "t2")] }] },
    ];
    const resourceLogs = [{ scopeLogs }, { resource: { attributes: [text("region", "us")] }, scopeLogs }];
    const found = textsOf(keysOf("logs", "attributes", encode("logs", { resourceLogs }), names));
    expect(found).toEqual([
      "tenant=t1|region=|",
      "tenant=t1|region=eu|",
      "tenant=t2|region=|",
      "tenant=t1|region=us|",
      "tenant=t1|region=us|",
      "tenant=t2|region=us|",
    ]);
  });

  const point = { attributes: [text("tenant", "a")] };
  it.each([
    ["gauge", { gauge: { dataPoints: [point] } }],
    ["sum", { sum: { dataPoints: [point] } }],
    ["histogram", { histogram: { dataPoints: [point] } }],
    ["exponential histogram", { exponentialHistogram: { dataPoints: [point] } }],
    ["summary", { summary: { dataPoints: [point] } }],
  ])("finds those of the points of a %s", (_kind, data) => {
    expect(textsOf(keysOf("metrics", "attributes", metrics({}, {}, data), ["tenant"]))).toEqual([
      "tenant=a|",
    ]);
  });

  it.each<[string, Message, string]>([
    ["a string", { stringValue: "é" }, "é"],
    ["true", { boolValue: true }, "true"],
    ["false", { boolValue: false }, "false"],
    ["an integer", { intValue: 42 }, "42"],
    ["a negative integer", { intValue: -42 }, "-42"],
    ["the smallest integer", { intValue: "-9223372036854775808" }, "-9223372036854775808"],
    ["a double", { doubleValue: 0.25 }, "0.25"],
    ["bytes", { bytesValue: Buffer.from([0, 255]) }, "AP8="],
    ["no value at all", {}, ""],
  ])("writes %s as its text", (_what, value, expected) => {
    const request = traces({}, {}, spanOf(typed("tenant", value)));
    expect(textsOf(keysOf("traces", "attributes", request, ["tenant"]))).toEqual([`tenant=${expected}|`]);
  });

  it("knows span.name and span.kind of spans, which are ordinary attributes elsewhere", () => {
    const special = ["span.name", "span.kind"];
    const spans = [{ name: "GET", kind: 2 }, {}, { kind: 99 }];
    expect(textsOf(keysOf("traces", "attributes", traces({}, {}, ...spans), special))).toEqual([
      "span.name=GET|span.kind=Server|",
      "span.name=|span.kind=Unspecified|",
      "span.name=|span.kind=Unspecified|",
    ]);
    const record = { attributes: [text("span.name", "GET")] };
    expect(textsOf(keysOf("logs", "attributes", logs({}, {}, record), special))).toEqual([
      "span.name=GET|span.kind=|",
    ]);
  });

  it("none of which is there goes by the resource, and is counted", () => {
    const { unroutableItemCount, unroutableReason } = keysOf(
      "traces",
      "attributes",
      traces({}, {}, {}),
      names,
    );
    expect({ unroutableItemCount, unroutableReason }).toEqual({
      unroutableItemCount: 1,
      unroutableReason: "no_attributes",
    });
  });

  it("take no more than 256 bytes of a value, whoever chose its length", () => {
    const request = traces({ attributes: [text("tenant", "x".repeat(100_000))] }, {}, {}, {});
    const key = `tenant=${"x".repeat(256)}|`;
    expect(textsOf(keysOf("traces", "attributes", request, ["tenant"]))).toEqual([key, key]);
  });
});

describe("the headers of envelopes", () => {
  const count = 1000;
  const attributes = Array.from({ length: count }, (_, index) => text(`a${index}`, "x"));
  const many = Array.from({ length: count }, () => ({ attributes: [text("b", "y")] }));
  const dataPoints = many;

  it.each<[string, Signal, RoutingKey, Buffer]>([
    ["traceID, all of them invalid", "traces", "traceID", traces({ attributes }, { attributes }, ...many)],
    ["attributes", "logs", "attributes", logs({ attributes }, { attributes }, ...many)],
    [
      "attributes",
      "metrics",
      "attributes",
      metrics({ attributes }, { attributes }, { gauge: { dataPoints } }),
    ],
    ["streamID", "metrics", "streamID", metrics({ attributes }, { attributes }, { gauge: { dataPoints } })],
  ])("are read once, not for every item: by %s of %s", (_name, signal, key, payload) => {
    const readTag = vi.spyOn(WireReader.prototype, "readTag");
    const { itemCount } = keysOf(signal, key, payload, ["absent"]);
    expect(itemCount).toBe(count);
    expect(readTag.mock.calls.length).toBeLessThan(20 * count);
  });
});
