/** What one entry of the requirements is, and how tests are named after it. */
import type { Clause } from "./clauses.ts";

/** How a request is made. Over HTTP it is HTTP/1.1 where nothing else is said, and h2c is HTTP/2 in plain text. */
export type Transport =
  | "grpc"
  | "http/protobuf"
  | "http/json"
  | "http/protobuf over h2c"
  | "http/json over h2c";

export const overJson = ["http/json", "http/json over h2c"] as const satisfies readonly Transport[];
export const overHttp = [
  "http/protobuf",
  "http/protobuf over h2c",
  ...overJson,
] as const satisfies readonly Transport[];
export const overEverything = ["grpc", ...overHttp] as const satisfies readonly Transport[];
/** What a gateway speaks to its backends. */
export const overBoth = ["grpc", "http/protobuf"] as const satisfies readonly Transport[];
export const overGrpc = ["grpc"] as const satisfies readonly Transport[];
/** Where one format stands for both. */
export const overHttpProtobuf = ["http/protobuf"] as const satisfies readonly Transport[];

/** The word of RFC 2119 in the clause, or `stated` where it says how a thing is without any of them. */
export type Strength = "MUST" | "MUST NOT" | "SHOULD" | "SHOULD NOT" | "RECOMMENDED" | "MAY" | "stated";

export interface Requirement {
  /** By protocol, where each has a clause of its own. */
  readonly clause: Clause | { readonly grpc: Clause; readonly http: Clause };
  readonly strength: Strength;
  readonly transports: readonly Transport[];
  /** We do something else on purpose: what OTLP asks for, and why not. */
  readonly deviation?: string;
  /** What a reader may want to know besides. */
  readonly note?: string;
}

/** `S3` of `S3 · a request over the limit …`. */
export function itemOf(name: string): string {
  return name.split(" · ", 1)[0]!;
}

export function clauseOf({ clause }: Requirement, transport: Transport): Clause {
  if (typeof clause === "string") return clause;
  return transport === "grpc" ? clause.grpc : clause.http;
}

/** `S3 · a request over the limit … · "OTLP/gRPC Request" · MUST · grpc`, and ` · deviates` where it does. */
export function testName(name: string, requirement: Requirement, transport: Transport): string {
  const parts = [name, `"${clauseOf(requirement, transport)}"`, requirement.strength, transport];
  return [...parts, ...(requirement.deviation === undefined ? [] : ["deviates"])].join(" · ");
}
