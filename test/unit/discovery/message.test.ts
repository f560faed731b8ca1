import dnsPacket from "dns-packet";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeResponse, encodeQuery } from "../../../src/discovery/dns/message.ts";

const answer = dnsPacket.encode({
  type: "response",
  id: 7,
  flags: dnsPacket.RECURSION_DESIRED,
  questions: [{ name: "Tier2.obs", type: "A", class: "IN" }],
  answers: [
    { type: "A", name: "tier2.OBS", ttl: 5, data: "10.0.0.1" },
    { type: "TXT", name: "tier2.obs", ttl: 5, data: "not for us" },
    { type: "A", name: "tier2.obs", class: "CH", ttl: 5, data: "10.0.0.2" },
  ],
});

describe("a query", () => {
  test("asks for recursion, and for answers of up to 1,232 bytes", () => {
    const packet = dnsPacket.decode(encodeQuery(0xabcd, { name: "tier2.obs", type: "SRV" }, true));
    expect(packet).toMatchObject({
      type: "query",
      id: 0xabcd,
      flag_rd: true,
      questions: [{ name: "tier2.obs", type: "SRV", class: "IN" }],
      additionals: [{ type: "OPT", udpPayloadSize: 1232 }],
    });
  });

  test("says nothing of EDNS to a server that knows none", () => {
    expect(dnsPacket.decode(encodeQuery(1, { name: "tier2.obs", type: "A" }, false)).additionals).toEqual([]);
  });
});

describe("a response", () => {
  test("is read with its names in lower case, and without records of other classes and types", () => {
    expect(decodeResponse(answer)).toEqual({
      id: 7,
      rcode: "NOERROR",
      truncated: false,
      question: { name: "tier2.obs", type: "A" },
      records: [{ type: "A", name: "tier2.obs", ttlS: 5, address: "10.0.0.1" }],
    });
  });

  test("that claims more records than its bytes can hold is none", () => {
    for (const at of [4, 6, 8, 10]) {
      const claiming = Buffer.from(answer);
      claiming.writeUInt16BE(0xffff, at);
      expect(decodeResponse(claiming)).toBeUndefined();
    }
  });

  test("that ends early is none, wherever it ends", () => {
    const lengths = Array.from({ length: answer.length }, (_, length) => length);
    expect(lengths.filter((length) => decodeResponse(answer.subarray(0, length)) !== undefined)).toEqual([]);
  });

  test("whose name points at itself is none", () => {
    const looping = Buffer.concat([answer.subarray(0, 12), Buffer.from([0xc0, 0x0c, 0, 1, 0, 1])]);
    looping.writeUInt16BE(0, 6);
    expect(decodeResponse(looping)).toBeUndefined();
  });

  test("of noise never throws, nor does one with any byte changed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        decodeResponse(Buffer.from(noise));
        decodeResponse(Buffer.concat([answer.subarray(0, 12), noise]));
      }),
    );
    fc.assert(
      fc.property(fc.nat({ max: answer.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const changed = Buffer.from(answer);
        changed[at] = byte;
        decodeResponse(changed);
      }),
      { numRuns: 2000 },
    );
  });
});
