/** Profiles: whatever refers to the request's dictionary stays with a copy of it. */
import { describe, expect, it } from "vitest";
import { createKeying } from "../../../src/otlp/keying.ts";
import { Splitter } from "../../../src/otlp/split.ts";
import { lengthDelimitedField as field, varintField } from "../../../src/wire/writer.ts";

const text = (number: number, value: string): Buffer => field(number, Buffer.from(value));
const concat = (...parts: Buffer[]): Buffer => Buffer.concat(parts);

/** A KeyValue as all signals have it. */
const plain = (name: string): Buffer => field(1, concat(text(1, "service.name"), field(2, text(1, name))));
/** A KeyValue by indices into the dictionary's strings. */
const indexed = (key: number, value: number): Buffer =>
  field(1, concat(varintField(3, key), field(2, varintField(8, value))));

const resourceProfiles = (attributes: Buffer, profile: string): Buffer =>
  field(1, concat(field(1, attributes), field(2, field(2, text(9, profile)))));
const dictionary = (...strings: string[]): Buffer =>
  field(2, concat(...strings.map((each) => text(5, each)), text(1, "mapping")));

/** Owners by the key's text: what is looked for is the key that a resource has. */
function splitByKey(request: Buffer) {
  const keys: string[] = [];
  const splitter = new Splitter("profiles", createKeying("profiles", "service", []));
  const result = splitter.split(request, {
    ownerCount: 16,
    ownerOf: (bytes, start, end) => {
      const key = Buffer.from(bytes.subarray(start, end)).toString();
      if (!keys.includes(key)) keys.push(key);
      return keys.indexOf(key);
    },
  });
  return { ...result, keys };
}

describe("profiles", () => {
  it("are routed by service.name, in the resource or in the dictionary that it refers to", () => {
    const strings = dictionary("", "service.name", "checkout", "host.name");
    const { keys, parts, unroutableItemCount } = splitByKey(
      concat(
        resourceProfiles(plain("cart"), "a"),
        resourceProfiles(concat(indexed(3, 2), indexed(1, 2)), "b"),
        strings,
      ),
    );
    expect(keys).toEqual(["cart", "checkout"]);
    expect(unroutableItemCount).toBe(0);
    expect(parts.map(({ payload }) => payload)).toEqual([
      concat(strings, resourceProfiles(plain("cart"), "a")),
      concat(strings, resourceProfiles(concat(indexed(3, 2), indexed(1, 2)), "b")),
    ]);
    expect(parts.map(({ itemCount }) => itemCount)).toEqual([1, 1]);
  });

  it.each<[string, Buffer]>([
    ["beyond the dictionary", indexed(1, 99)],
    ["of another key", indexed(2, 2)],
    ["with an empty name", indexed(1, 0)],
    ["that names nothing", indexed(99, 2)],
  ])("with an index %s go by their resource, and are counted", (_name, attributes) => {
    const strings = dictionary("", "service.name", "checkout");
    const { unroutableItemCount, unroutableReason } = splitByKey(
      concat(resourceProfiles(attributes, "a"), strings),
    );
    expect(unroutableItemCount).toBe(1);
    expect(unroutableReason).toBe("no_service_name");
  });

  it("of one service are passed on as they came", () => {
    const request = concat(resourceProfiles(plain("cart"), "a"), dictionary("", "x"));
    expect(splitByKey(request).parts).toEqual([{ owner: 0, payload: request, itemCount: 1 }]);
  });

  it("whose dictionary is too large to be copied to all stay together, rather than be refused", () => {
    const services = Array.from("abcdefghijkl");
    const request = concat(
      ...services.map((name) => resourceProfiles(plain(name), name)),
      dictionary("", "x".repeat(5_000_000)),
    );
    expect(splitByKey(request).parts).toEqual([{ owner: 0, payload: request, itemCount: 12 }]);
  });
});
