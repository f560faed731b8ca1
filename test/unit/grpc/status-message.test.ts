import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeStatusMessage, encodeStatusMessage } from "../../../src/grpc/status-message.ts";

describe("encodeStatusMessage", () => {
  it.each([
    ["plain ASCII, with ~ and !", "plain ASCII, with ~ and !"],
    ["100%", "100%25"],
    ["two\r\nlines", "two%0D%0Alines"],
    ["größer", "gr%C3%B6%C3%9Fer"],
    ["🚦", "%F0%9F%9A%A6"],
    ["\u007f", "%7F"],
    ["lone \ud800", "lone %EF%BF%BD"],
    ["", ""],
  ])("writes %j as %j", (message, header) => {
    expect(encodeStatusMessage(message)).toBe(header);
  });

  it("cuts what is longer than a trailer may be, at a whole character", () => {
    expect(encodeStatusMessage("x".repeat(10_000))).toBe("x".repeat(4096));
    const cut = encodeStatusMessage("ß".repeat(10_000));
    expect(decodeStatusMessage(cut)).toBe("ß".repeat(682));
  });

  it("writes printable ASCII alone, which decodes to the message", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (message) => {
        const header = encodeStatusMessage(message);
        expect(header).toMatch(/^[ -~]*$/);
        expect(decodeStatusMessage(header)).toBe(message);
      }),
    );
  });
});

describe("decodeStatusMessage", () => {
  it.each([
    ["100%", "100%"],
    ["%zz%4", "%zz%4"],
    ["%4%41", "%4A"],
    ["%e2%82%ac", "€"],
    ["%ff", "\ufffd"],
  ])("reads %j as %j", (header, message) => {
    expect(decodeStatusMessage(header)).toBe(message);
  });

  it("takes any header", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii" }), (header) => {
        expect(decodeStatusMessage(header).length).toBeLessThanOrEqual(header.length);
      }),
    );
  });
});
