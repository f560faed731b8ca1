import { describe, expect, it } from "vitest";
import { JsonTranscoder } from "../../../../src/otlp/json/transcoder.ts";
import { requestType } from "../../../support/random-otlp.ts";

const transcoders = { traces: new JsonTranscoder("traces"), metrics: new JsonTranscoder("metrics") };
const unlimited = { tryGrow: () => true };

function outcomeOf(json: string | Buffer, signal: "traces" | "metrics" = "traces") {
  return transcoders[signal].transcode(Buffer.from(json), unlimited);
}

/** What protobufjs reads in what came out. */
function decoded(json: string | Buffer, signal: "traces" | "metrics" = "traces"): unknown {
  const outcome = outcomeOf(json, signal);
  expect(outcome).toBeInstanceOf(Buffer);
  const type = requestType(signal);
  return type.toObject(type.decode(outcome as Buffer), { longs: String, bytes: String, enums: Number });
}

const span = (members: string): string => `{"resourceSpans":[{"scopeSpans":[{"spans":[{${members}}]}]}]}`;
const spanPath = "resourceSpans[0].scopeSpans[0].spans[0]";
const value = (members: string): string => span(`"attributes":[{"key":"k","value":{${members}}}]`);
const point = (members: string): string =>
  `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{${members}}]}}]}]}]}`;

function spanOf(json: string): unknown {
  return (decoded(json) as { resourceSpans: { scopeSpans: { spans: unknown[] }[] }[] }).resourceSpans[0]!
    .scopeSpans[0]!.spans[0];
}

function valueFrom(json: string): unknown {
  return (spanOf(json) as { attributes: { value: unknown }[] }).attributes[0]!.value;
}

function pointOf(json: string): unknown {
  const request = decoded(json, "metrics") as {
    resourceMetrics: { scopeMetrics: { metrics: { histogram: { dataPoints: unknown[] } }[] }[] }[];
  };
  return request.resourceMetrics[0]!.scopeMetrics[0]!.metrics[0]!.histogram.dataPoints[0];
}

describe("values that OTLP/JSON writes in its own way", () => {
  it("ids are hexadecimal of either case", () => {
    const json = span(
      '"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","parentSpanId":""',
    );
    expect(spanOf(json)).toEqual({
      traceId: Buffer.from("5b8efff798038103d269b633813fc60c", "hex").toString("base64"),
      spanId: Buffer.from("eee19b7ec3c1b174", "hex").toString("base64"),
    });
  });

  it.each([
    ["the largest int64 as a number", "9223372036854775807", "9223372036854775807"],
    ["the largest int64 as a string", '"9223372036854775807"', "9223372036854775807"],
    ["the smallest int64", "-9223372036854775808", "-9223372036854775808"],
    ["one above 2^53", "9007199254740993", "9007199254740993"],
    ["one below -2^53", '"-9007199254740993"', "-9007199254740993"],
    ["a fraction of zero", "12.0", "12"],
    ["an exponent", "1.5E3", "1500"],
    ["zero", "0", "0"],
    ["minus zero", "-0", "0"],
    ["minus one", "-1", "-1"],
    ["16 digits", "1234567890123456", "1234567890123456"],
  ])("an int64 is exact: %s", (_name, text, expected) => {
    expect(valueFrom(value(`"intValue":${text}`))).toEqual({ intValue: expected });
  });

  it("a fixed64 takes the largest there is, and time stamps", () => {
    const json = point(
      '"count":"18446744073709551615","timeUnixNano":1544712660000000001,"bucketCounts":["10000000000",1,0]',
    );
    expect(pointOf(json)).toMatchObject({
      count: "18446744073709551615",
      timeUnixNano: "1544712660000000001",
      bucketCounts: ["10000000000", "1", "0"],
    });
  });

  it.each([
    ["0.1", 0.1],
    ["-1.5e-7", -1.5e-7],
    ["123456789012345678", 123456789012345680],
    ["0.30000000000000004", 0.1 + 0.2],
    ["5e-324", 5e-324],
    ["1.7976931348623157e308", Number.MAX_VALUE],
    ["-0", -0],
    ['"NaN"', Number.NaN],
    ['"-Infinity"', Number.NEGATIVE_INFINITY],
    ['"2.5"', 2.5],
  ])("a double is the nearest: %s", (text, expected) => {
    expect(pointOf(point(`"sum":${text}`))).toEqual({ sum: expected });
  });

  it.each([
    ["standard and padded", '"+/+/AA=="', "+/+/AA=="],
    ["for URLs and unpadded", '"-_-_AA"', "+/+/AA=="],
    ["with its slash escaped", '"\\/\\/\\/\\/"', "////"],
    ["empty", '""', ""],
  ])("bytes are base64: %s", (_name, text, expected) => {
    expect(valueFrom(value(`"bytesValue":${text}`))).toEqual({ bytesValue: expected });
  });

  it.each([
    ["plain", '"plain"', "plain"],
    ["every escape", '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\/\b\f\n\r\t'],
    ["UTF-8 as it is", '"grüße 🎉"', "grüße 🎉"],
    ["code units", '"\\u0041\\u00fc\\u20AC\\ud83c\\udf89"', "Aü€🎉"],
    ["half of a pair", '"\\ud83c!"', "\ufffd!"],
    ["the halves the wrong way round", '"\\udf89\\ud83c\\u0041"', "\ufffd\ufffdA"],
    ["200 characters", `"${"x".repeat(200)}"`, "x".repeat(200)],
    ["empty", '""', ""],
  ])("strings come out as they are meant: %s", (_name, text, expected) => {
    expect(valueFrom(value(`"stringValue":${text}`))).toEqual({ stringValue: expected });
  });

  it("an enum is an integer, one that nobody knows as well", () => {
    expect(spanOf(span('"kind":3'))).toEqual({ kind: 3 });
    expect(spanOf(span('"kind":99'))).toEqual({ kind: 99 });
  });
});

describe("what is left out", () => {
  it.each([
    ["nothing at all", "{}", {}],
    [
      "names that nobody knows, whatever is in them",
      '{"more":[{"a":[]},"b",-1e9,null],"resource_spans":[1]}',
      {},
    ],
    ["null", '{"resourceSpans":null}', {}],
    ["__proto__ and constructor", '{"__proto__":{"resourceSpans":1},"constructor":{"prototype":{}}}', {}],
    ["an empty array", ' {\n"resourceSpans" : [ ] }\r\n', {}],
  ])("%s", (_name, json, expected) => {
    expect(decoded(json)).toEqual(expected);
    expect(({} as Record<string, unknown>)["resourceSpans"]).toBeUndefined();
  });

  it("default values, where they are as good as none", () => {
    expect(outcomeOf(span('"name":"","droppedEventsCount":0,"flags":"0","startTimeUnixNano":"0"'))).toEqual(
      outcomeOf(span("")),
    );
  });

  it("but not where one of several is chosen, or a value may be missing", () => {
    expect(valueFrom(value('"stringValue":""'))).toEqual({ stringValue: "" });
    expect(valueFrom(value('"boolValue":false'))).toEqual({ boolValue: false });
    expect(pointOf(point('"min":0'))).toEqual({ min: 0 });
  });

  it("a name is the same with its letters escaped", () => {
    expect(spanOf(span('"n\\u0061me":"n"'))).toEqual({ name: "n" });
  });
});

describe("faults", () => {
  const inPoint = "resourceMetrics[0].scopeMetrics[0].metrics[0].histogram.dataPoints[0]";
  const inValue = `${spanPath}.attributes[0].value`;

  it.each([
    [
      "an id of 31 digits",
      span(`"traceId":"${"a".repeat(31)}"`),
      `${spanPath}.traceId`,
      "32 hexadecimal digits",
    ],
    [
      "an id of 33 digits",
      span(`"traceId":"${"a".repeat(33)}"`),
      `${spanPath}.traceId`,
      "32 hexadecimal digits",
    ],
    [
      "an id with a letter g",
      span(`"spanId":"000000000000000g"`),
      `${spanPath}.spanId`,
      "16 hexadecimal digits",
    ],
    [
      "an id of 16 bytes in base64",
      span('"traceId":"W47/95gDgQPSabYzgT/GDA=="'),
      `${spanPath}.traceId`,
      "hexadecimal",
    ],
    ["an id that is a number", span('"traceId":1'), `${spanPath}.traceId`, "hexadecimal"],
    ["an enum by its name", span('"kind":"SPAN_KIND_SERVER"'), `${spanPath}.kind`, "enum's integer"],
    ["an enum as a string", span('"kind":"2"'), `${spanPath}.kind`, "enum's integer"],
    ["an enum of 33 bits", span('"kind":4294967296'), `${spanPath}.kind`, "out of the field's range"],
    ["a uint32 below zero", span('"droppedLinksCount":-1'), `${spanPath}.droppedLinksCount`, "range"],
    ["a fixed64 below zero", span('"startTimeUnixNano":"-1"'), `${spanPath}.startTimeUnixNano`, "range"],
    ["a fixed64 of 2^64", point('"count":"18446744073709551616"'), `${inPoint}.count`, "range"],
    ["a fixed64 of 21 digits", point('"count":100000000000000000000'), `${inPoint}.count`, "range"],
    ["an int64 of 2^63", value('"intValue":9223372036854775808'), `${inValue}.intValue`, "range"],
    ["an int64 of a half", value('"intValue":0.5'), `${inValue}.intValue`, "whole number"],
    ["an int64 that is no number", value('"intValue":"one"'), `${inValue}.intValue`, "whole number"],
    ["an int64 with a space in its string", value('"intValue":" 1"'), `${inValue}.intValue`, "whole number"],
    ["an int64 that is true", value('"intValue":true'), `${inValue}.intValue`, "whole number"],
    ["a double that is a word", point('"sum":"lots"'), `${inPoint}.sum`, "expected a number"],
    ["a double that is none", point('"sum":1e999'), `${inPoint}.sum`, "range"],
    ["a string that is a number", span('"name":7'), `${spanPath}.name`, "expected a string"],
    ["a bool that is a string", value('"boolValue":"true"'), `${inValue}.boolValue`, "true or false"],
    ["bytes that are not base64", value('"bytesValue":"a*b="'), `${inValue}.bytesValue`, "base64"],
    ["an object that is an array", span('"status":[]'), `${spanPath}.status`, "an object"],
    ["an array that is an object", '{"resourceSpans":{}}', "resourceSpans", "an array"],
    ["null in an array", '{"resourceSpans":[{},null]}', "resourceSpans[1]", "an object"],
    [
      "two values of a oneof",
      value('"stringValue":"a","boolValue":true'),
      `${inValue}.boolValue`,
      "given twice",
    ],
    ["a field that stands twice", span('"name":"a","name":"b"'), `${spanPath}.name`, "given twice"],
    ["the second bucket", point('"bucketCounts":[1,{}]'), `${inPoint}.bucketCounts[1]`, "whole number"],
    ["an array at the top", "[]", "", "expected an object"],
    ["nothing", "", "", "expected an object"],
    ["two objects", "{}{}", "", "something follows"],
    ["a leading zero", span('"kind":01'), `${spanPath}.kind`, "malformed JSON"],
    ["a comma at the end", '{"a":1,}', "", "malformed JSON"],
    ["a missing end", '{"resourceSpans":[{', "resourceSpans[0]", "ends too early"],
    ["a line feed in a string", span('"name":"a\nb"'), `${spanPath}.name`, "malformed JSON"],
    ["a bad escape", span('"name":"\\x41"'), `${spanPath}.name`, "malformed JSON"],
    ["a bad escape in what is ignored", '{"more":"\\u00zz"}', "", "malformed JSON"],
    ["a comment", "{/**/}", "", "malformed JSON"],
    ["NaN without quotes", point('"sum":NaN'), `${inPoint}.sum`, "expected a number"],
  ])("%s is told with its place", (_name, json, field, description) => {
    const outcome = outcomeOf(json, json.includes("resourceMetrics") ? "metrics" : "traces");
    expect(outcome).toMatchObject({ kind: "malformed", field });
    expect(outcome).toHaveProperty("description", expect.stringContaining(description));
  });

  it("tells where, and nothing of what stands there", () => {
    const outcome = outcomeOf(span('"name":"secret","traceId":"secret"'));
    const description = "expected 32 hexadecimal digits, at byte 70";
    expect(outcome).toEqual({ kind: "malformed", field: `${spanPath}.traceId`, description });
  });

  it("bytes that are not UTF-8", () => {
    expect(outcomeOf(Buffer.from('{"a":"\xff"}', "latin1"))).toMatchObject({ kind: "malformed", field: "" });
  });

  it.each([
    ["arrays in what is ignored", `{"more":${"[".repeat(1_000_000)}`],
    ["objects in what is ignored", `{"more":${'{"a":'.repeat(1_000_000)}`],
    ["values within values", value(`${'"arrayValue":{"values":[{'.repeat(100_000)}`)],
  ])("a million levels of %s", (_name, json) => {
    expect(outcomeOf(json)).toHaveProperty("description", expect.stringContaining("within each other"));
  });

  it("values thirty deep are no fault, and decoders of protobuf take them", () => {
    const nested = `${'{"kvlistValue":{"values":[{"value":'.repeat(29)}{"intValue":7}${"}]}}".repeat(29)}`;
    expect(JSON.stringify(decoded(span(`"attributes":[{"key":"k","value":${nested}}]`)))).toContain(
      '"intValue":"7"',
    );
  });

  it.each([100, 200, 20_000, 3_000_000])(
    "values thirty deep around %i bytes keep every one of them",
    (length) => {
      const transcoder = new JsonTranscoder("traces");
      const text = "x".repeat(length);
      const nested = `${'{"arrayValue":{"values":['.repeat(30)}{"stringValue":"${text}"}${"]}}".repeat(30)}`;
      const json = Buffer.from(span(`"attributes":[{"key":"k","value":${nested}}]`));
      const transcoded = transcoder.transcode(json, unlimited) as Buffer;
      expect(JSON.stringify(requestType("traces").decode(transcoded))).toContain(`"stringValue":"${text}"`);
    },
  );

  it("what was refused leaves nothing behind for the next request", () => {
    expect(outcomeOf(value('"arrayValue":{"values":[{"arrayValue":{"values":[1'))).toHaveProperty("kind");
    expect(valueFrom(value('"intValue":5'))).toEqual({ intValue: "5" });
  });
});

describe("memory", () => {
  it("is refused before it is taken", () => {
    const transcoder = new JsonTranscoder("traces");
    const json = Buffer.from(span('"name":"n"'));
    expect(transcoder.transcode(json, { tryGrow: () => false })).toEqual({ kind: "over_budget" });
    expect(transcoder.transcode(json, unlimited)).toEqual(outcomeOf(json));
  });

  it("is accounted for where numbers take more room than their digits", () => {
    const transcoder = new JsonTranscoder("metrics");
    const counts = `1${",1".repeat(99_999)}`;
    let takenBytes = 0;
    const outcome = transcoder.transcode(Buffer.from(point(`"bucketCounts":[${counts}]`)), {
      tryGrow: (sizeBytes) => {
        takenBytes += sizeBytes;
        return true;
      },
    });
    expect((outcome as Buffer).length).toBeGreaterThan(800_000);
    expect(takenBytes).toBeGreaterThan(1_600_000);
  });
});
