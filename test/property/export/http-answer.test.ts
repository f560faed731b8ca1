/** Whatever a backend answers, something comes of it, on one short line. */
import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { compress } from "../../../src/base/compression.ts";
import { endOfAnswer } from "../../../src/export/http-answer.ts";
import { outcomeOf } from "../../../src/export/outcome.ts";
import { encodeStatus } from "../../../src/grpc/status-details.ts";
import { encodeExportResponse } from "../../../src/otlp/export-response.ts";
import { signals } from "../../../src/otlp/signal.ts";

const contentType = fc.constantFrom(
  "application/x-protobuf",
  "APPLICATION/JSON; charset=utf-8",
  "text/plain",
  "text/html",
  "image/png",
  ";",
  "",
);
const coding = fc.constantFrom("identity", "gzip", "zstd", "deflate");
const body = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((text) => Buffer.from(text)),
  fc.string({ unit: "binary", maxLength: 3000 }).map((text) => Buffer.from(text)),
  fc
    .record({ rejectedItems: fc.nat(), message: fc.string({ unit: "binary", maxLength: 3000 }) })
    .map(encodeExportResponse),
  fc
    .record({ code: fc.constantFrom(3, 8, 14), message: fc.string({ unit: "binary", maxLength: 3000 }) })
    .map(encodeStatus),
);

describe("an answer over HTTP", () => {
  test.prop(
    {
      signal: fc.constantFrom(...signals),
      status: fc.oneof(fc.constantFrom(200, 202, 400, 413, 429, 503), fc.integer({ min: 200, max: 999 })),
      contentType: fc.option(contentType, { nil: undefined }),
      coding,
      isEncoded: fc.boolean(),
      retryAfter: fc.option(fc.oneof(fc.string(), fc.nat().map(String)), { nil: undefined }),
      bodyEnd: fc.constantFrom("whole", "cut", "too_large"),
      body,
    },
    { numRuns: 2000 },
  )(
    "always has an outcome",
    ({ signal, status, contentType, coding, isEncoded, retryAfter, bodyEnd, body }) => {
      const headers = { "content-type": contentType, "content-encoding": coding, "retry-after": retryAfter };
      const end = endOfAnswer(signal, "/v1/traces", {
        kind: "answer",
        status,
        headers,
        body: isEncoded ? compress(coding, body) : body,
        bodyEnd,
        requestIsWritten: true,
      });
      const outcome = outcomeOf(end, "10.0.0.1:4318");
      const message = outcome.kind === "delivered" ? outcome.message : outcome.status.message;
      expect(message.length).toBeLessThan(1200);
      expect(message).not.toMatch(/[\p{Cc}]/u);
      const isSuccess = status >= 200 && status < 300;
      expect(outcome.kind === "delivered" && !isSuccess).toBe(false);
    },
  );
});
