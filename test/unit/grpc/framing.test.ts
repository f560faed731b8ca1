import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeMessageFrame, MessageAssembler, messagePrefixBytes } from "../../../src/grpc/framing.ts";

const sizeBytesMax = 4 * 1024 * 1024;

function frame(content: string, isCompressed = false): Buffer {
  return encodeMessageFrame([Buffer.from(content)], isCompressed);
}

/** A chunk in memory of its own, as one read from a socket is. */
function ownMemory(bytes: Uint8Array): Buffer {
  const chunk = Buffer.allocUnsafeSlow(bytes.length);
  chunk.set(bytes);
  return chunk;
}

describe("encodeMessageFrame", () => {
  it("writes flag, big endian length and the joined parts", () => {
    const parts = [Buffer.alloc(256, 1), Buffer.alloc(0), Buffer.alloc(2, 7)];
    expect(encodeMessageFrame(parts, false).subarray(0, 6)).toEqual(Buffer.from([0, 0, 0, 1, 2, 1]));
    expect(encodeMessageFrame(parts, true).length).toBe(messagePrefixBytes + 258);
    expect(encodeMessageFrame([], true)).toEqual(Buffer.from([1, 0, 0, 0, 0]));
  });
});

describe("MessageAssembler", () => {
  it("gives back any message however its frame is cut", () => {
    const message = fc.uint8Array({ maxLength: 400 });
    const cuts = fc.array(fc.nat(405), { maxLength: 12 });
    fc.assert(
      fc.property(message, cuts, fc.boolean(), (bytes, positions, isCompressed) => {
        const assembler = new MessageAssembler(sizeBytesMax);
        const whole = encodeMessageFrame([bytes], isCompressed);
        const ends = positions.filter((position) => position < whole.length).sort((a, b) => a - b);
        let start = 0;
        for (const end of [...ends, whole.length]) {
          expect(assembler.push(whole.subarray(start, end))).toBeUndefined();
          start = end;
        }
        expect(assembler.end()).toEqual(Buffer.from(bytes));
        expect(assembler.isCompressed).toBe(isCompressed);
      }),
    );
  });

  it("puts a message of several megabytes together from chunks of 16 kB", () => {
    const message = Buffer.alloc(3_500_000);
    for (let at = 0; at < message.length; at += 4) message.writeUInt32LE(at, at);
    const whole = encodeMessageFrame([message], false);
    const assembler = new MessageAssembler(sizeBytesMax);
    for (let at = 0; at < whole.length; at += 16_384) assembler.push(whole.subarray(at, at + 16_384));
    expect(message.equals(assembler.end() as Buffer)).toBe(true);
  });

  it("keeps a message in the chunk that it came in alone", () => {
    const chunk = ownMemory(frame("x".repeat(5000)));
    const assembler = new MessageAssembler(sizeBytesMax);
    assembler.push(chunk);
    expect((assembler.end() as Buffer).buffer).toBe(chunk.buffer);
  });

  it("copies a small message out of a chunk that holds much else", () => {
    const slab = Buffer.allocUnsafeSlow(65_536);
    const length = frame("small").copy(slab, 1000);
    const assembler = new MessageAssembler(sizeBytesMax);
    assembler.push(slab.subarray(1000, 1000 + length));
    expect(assembler.end()).toEqual(Buffer.from("small"));
    expect((assembler.end() as Buffer).buffer.byteLength).toBeLessThan(65_536);
  });

  it("holds at most a megabyte, or twice what has come, of a message that was only declared", () => {
    const prefix = Buffer.from([0, 0x04, 0, 0, 0]);
    const assembler = new MessageAssembler(64 * 1024 * 1024);
    const before = process.memoryUsage().arrayBuffers;
    const chunk = Buffer.alloc(100);
    expect(assembler.push(prefix)).toBeUndefined();
    expect(assembler.push(chunk)).toBeUndefined();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_200_000);
    expect(assembler.end()).toBe("truncated");
  });

  it.each([
    ["no byte", [], "missing"],
    ["an empty chunk", [Buffer.alloc(0)], "missing"],
    ["half a prefix", [Buffer.from([0, 0, 0])], "truncated"],
    ["a prefix alone", [Buffer.from([0, 0, 0, 0, 1])], "truncated"],
    ["half a message", [frame("four").subarray(0, 7)], "truncated"],
  ] as const)("answers at the end of %s: %s", (_name, chunks, fault) => {
    const assembler = new MessageAssembler(sizeBytesMax);
    for (const chunk of chunks) expect(assembler.push(chunk)).toBeUndefined();
    expect(assembler.end()).toBe(fault);
  });

  it.each([
    ["a length of 2^32-1", Buffer.from([0, 255, 255, 255, 255]), "too_large"],
    ["a length of one more than the limit", Buffer.from([0, 0, 0, 0, 5, 1]), "too_large"],
    ["flag 2", Buffer.from([2, 0, 0, 0, 1, 1]), "bad_flag"],
    ["two messages", Buffer.concat([frame("ab"), frame("c")]), "more_than_one"],
    ["two empty messages", Buffer.concat([frame(""), frame("")]), "more_than_one"],
    ["one byte after the message", Buffer.concat([frame("ab"), Buffer.alloc(1)]), "more_than_one"],
  ] as const)("refuses %s at once", (_name, body, fault) => {
    const whole = new MessageAssembler(4);
    expect(whole.push(body)).toBe(fault);
    const bytewise = new MessageAssembler(4);
    const faults = Array.from(body, (_byte, at) => bytewise.push(body.subarray(at, at + 1)));
    expect(faults.find((found) => found !== undefined)).toBe(fault);
  });

  it("asks once for the declared length, before the message is held", () => {
    const asked: number[] = [];
    const admission = { admitMessage: (sizeBytes: number) => asked.push(sizeBytes) > 1 };
    const assembler = new MessageAssembler(sizeBytesMax, admission);
    expect(assembler.push(Buffer.from([0, 0, 0x20, 0]))).toBeUndefined();
    expect(asked).toEqual([]);
    expect(assembler.push(Buffer.from([9]))).toBe("not_admitted");
    expect(asked).toEqual([0x200009]);
  });
});
