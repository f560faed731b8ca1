/** What OTLP asks of whoever reads and writes its JSON. */
import { overJson, type Requirement } from "./requirement.ts";

const clause = "JSON Protobuf Encoding";

export const jsonRequirements = {
  "J1 · traceId, spanId and parentSpanId are hexadecimal, in either case": {
    clause,
    strength: "stated",
    transports: overJson,
  },
  "J1 · an id that is not hexadecimal is bad data": { clause, strength: "stated", transports: overJson },
  "J1 · all other bytes are base64": { clause, strength: "stated", transports: overJson },
  "J2 · enums are integers": { clause, strength: "MUST", transports: overJson },
  "J2 · the name of an enum's value is bad data": { clause, strength: "MUST NOT", transports: overJson },
  "J3 · unknown names are ignored, whatever they hold": { clause, strength: "MUST", transports: overJson },
  "J4 · names in snake_case are unknown names": { clause, strength: "stated", transports: overJson },
  "J5 · 64-bit integers are taken as numbers and as strings, exactly": {
    clause,
    strength: "stated",
    transports: overJson,
    note: "Above 2^53 too, where JavaScript's own JSON.parse rounds.",
  },
  "J5 · 64-bit integers are written as decimal strings": { clause, strength: "stated", transports: overJson },
} as const satisfies Readonly<Record<string, Requirement>>;
