import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { JsonTranscoder } from "../../../src/otlp/json/transcoder.ts";
import { stableSignals as signals } from "../../../src/otlp/signal.ts";
import { withValidIds, writeOtlpJson } from "../../support/otlp-json.ts";
import { exportRequest, requestType } from "../../support/random-otlp.ts";

const asPlainObject = { longs: String, enums: Number, bytes: String, defaults: true, oneofs: true } as const;
const unlimited = { tryGrow: () => true };

describe.each(signals)("OTLP/JSON of %s", (signal) => {
  const type = requestType(signal);
  const transcoder = new JsonTranscoder(signal);

  test.prop([exportRequest(signal), fc.nat()], { numRuns: 250 })(
    "becomes the same message as its protobuf, whatever way it is written",
    (protobuf, seed) => {
      const message = withValidIds(type, type.decode(protobuf));
      const json = Buffer.from(writeOtlpJson(type, message, seed));
      const transcoded = transcoder.transcode(json, unlimited);
      expect(transcoded).toBeInstanceOf(Buffer);
      expect(type.toObject(type.decode(transcoded as Buffer), asPlainObject)).toEqual(
        type.toObject(type.fromObject(message), asPlainObject),
      );
    },
  );

  test.prop([exportRequest(signal), fc.nat(), fc.nat(), fc.nat({ max: 255 })], { numRuns: 150 })(
    "is taken or refused, and never more than that, with any byte altered or the end cut off",
    (protobuf, seed, place, byte) => {
      const message = withValidIds(type, type.decode(protobuf));
      const json = Buffer.from(writeOtlpJson(type, message, seed));
      const at = place % json.length;
      const cut = json.subarray(0, at);
      const altered = Buffer.from(json);
      altered[at] = byte;
      // Nothing but white space is left out of a text whose end is not missed.
      const isWhole = json.subarray(at).toString().trim() === "";
      expect(Buffer.isBuffer(transcoder.transcode(cut, unlimited))).toBe(isWhole);
      const outcome = transcoder.transcode(altered, unlimited);
      expect(Buffer.isBuffer(outcome) || outcome.kind === "malformed").toBe(true);
      expect(Buffer.isBuffer(outcome) && !isJson(altered)).toBe(false);
    },
  );
});

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString());
    return true;
  } catch {
    return false;
  }
}
