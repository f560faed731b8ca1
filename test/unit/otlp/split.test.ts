import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createKeying } from "../../../src/otlp/keying.ts";
import { type KeyOwners, SplitTooLargeError, Splitter } from "../../../src/otlp/split.ts";
import { WireError } from "../../../src/wire/wire-error.ts";
import { lengthDelimitedField as field, varintField } from "../../../src/wire/writer.ts";
import { takeApart } from "../../support/raw-items.ts";

/** The first byte of a trace id is its owner. */
function byFirstByte(ownerCount: number): KeyOwners {
  return { ownerCount, ownerOf: (bytes, start) => bytes[start]! % ownerCount };
}
const splitter = (): Splitter => new Splitter("traces", createKeying("traces", "traceID", []));

function span(owner: number): Buffer {
  const traceId = randomBytes(16);
  traceId[0] = owner;
  return field(2, field(1, traceId));
}
const request = (resource: Buffer, ...scopeFields: Buffer[]): Buffer =>
  field(1, Buffer.concat([field(1, resource), field(2, Buffer.concat(scopeFields))]));
const spansOf = (ownerCount: number): Buffer[] =>
  Array.from({ length: ownerCount }, (_, owner) => span(owner));

describe("a split request", () => {
  it("of one owner is passed on as it is, uncopied", () => {
    const payload = request(randomBytes(100), span(1), span(1));
    const { parts } = splitter().split(payload, byFirstByte(3));
    expect(parts).toEqual([{ owner: 1, payload, itemCount: 2 }]);
    expect(parts[0]!.payload).toBe(payload);
  });

  it("without a byte has no part, and one without items a part as it came", () => {
    expect(splitter().split(Buffer.alloc(0), byFirstByte(3)).parts).toEqual([]);
    const payload = request(randomBytes(10));
    const { parts, itemCount } = splitter().split(payload, byFirstByte(3));
    expect(itemCount).toBe(0);
    expect(parts.map((part) => part.payload)).toEqual([payload]);
  });

  it("repeats the headers of a scope in each part, in one piece however they were scattered", () => {
    const headers = [varintField(100, 1), varintField(101, 2), varintField(102, 3)];
    const scattered = headers.flatMap((header, index) => [span(index), header]);
    const payload = request(Buffer.alloc(0), ...scattered);
    const { parts } = splitter().split(payload, byFirstByte(3));
    expect(parts.map((part) => part.owner)).toEqual([0, 1, 2]);
    for (const { payload: part } of parts) {
      expect(part.includes(Buffer.concat(headers))).toBe(true);
      expect(takeApart("traces", part).itemCount).toBe(1);
    }
  });

  it("may grow to 16 MiB by headers that each part repeats, and no further", () => {
    const owners = byFirstByte(200);
    const within = request(randomBytes(80_000), ...spansOf(200));
    const { parts } = splitter().split(within, owners);
    expect(parts).toHaveLength(200);
    const beyond = request(randomBytes(90_000), ...spansOf(200));
    expect(() => splitter().split(beyond, owners)).toThrow(SplitTooLargeError);
  });

  it("that is refused half-way leaves nothing behind for the next", () => {
    const subject = splitter();
    const good = request(randomBytes(10), span(0), span(1), span(2));
    const expected = splitter().split(good, byFirstByte(3));
    const truncated = Buffer.concat([good, good.subarray(0, good.length - 5)]);
    expect(() => subject.split(truncated, byFirstByte(3))).toThrow(WireError);
    expect(() => subject.split(request(randomBytes(90_000), ...spansOf(200)), byFirstByte(200))).toThrow(
      SplitTooLargeError,
    );
    expect(subject.split(good, byFirstByte(3))).toEqual(expected);
  });
});
