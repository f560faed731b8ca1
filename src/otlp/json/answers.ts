/** What an OTLP/HTTP server answers in JSON (https://protobuf.dev/programming-guides/json/). */
import type { PartialSuccess } from "../export-response.ts";
import type { Signal } from "../signal.ts";
import type { RpcStatus } from "../status.ts";

const rejectedField: Readonly<Record<Signal, string>> = {
  traces: "rejectedSpans",
  metrics: "rejectedDataPoints",
  logs: "rejectedLogRecords",
  profiles: "rejectedProfiles",
};
const typePrefix = "type.googleapis.com/google.rpc.";
const fieldViolationsMax = 64;

/** Export<Signal>ServiceResponse; a full success is an empty object. */
export function exportResponseJson(signal: Signal, partial: PartialSuccess | undefined): Buffer {
  if (partial === undefined) return Buffer.from("{}");
  const { rejectedItems, message } = partial;
  return toBytes({
    partialSuccess: {
      // An int64, and so a string.
      ...(rejectedItems > 0 && { [rejectedField[signal]]: String(rejectedItems) }),
      ...(message !== "" && { errorMessage: message }),
    },
  });
}

/** google.rpc.Status with its details. */
export function statusJson({ code, message, retryDelayMs, fieldViolations }: RpcStatus): Buffer {
  const details: object[] = [];
  if (retryDelayMs !== undefined) {
    details.push({ "@type": `${typePrefix}RetryInfo`, retryDelay: durationText(retryDelayMs) });
  }
  if (fieldViolations !== undefined && fieldViolations.length > 0) {
    const shown = fieldViolations.slice(0, fieldViolationsMax);
    details.push({ "@type": `${typePrefix}BadRequest`, fieldViolations: shown });
  }
  return toBytes({ code, message, ...(details.length > 0 && { details }) });
}

/** google.protobuf.Duration: seconds with three decimals or none. */
function durationText(durationMs: number): string {
  const wholeMs = Math.max(0, Math.round(durationMs));
  return `${wholeMs % 1000 === 0 ? wholeMs / 1000 : (wholeMs / 1000).toFixed(3)}s`;
}

function toBytes(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
