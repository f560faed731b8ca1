/**
 * What OTLP asks of a server and of a client, one entry for each thing that can be tried on its own, under the
 * items of the checklist that they belong to. Tests are named after the entries (conforms.ts), docs/conformance.md
 * is made from them (document.ts), and checklist.test.ts sees to it that each has its test.
 */
import { clientRequirements } from "./client-requirements.ts";
import { jsonRequirements } from "./json-requirements.ts";
import type { Requirement } from "./requirement.ts";
import { serverRequirements } from "./server-requirements.ts";

/** The checklist's items; each has at least one requirement. */
export const checklist: readonly string[] = [
  ...Array.from({ length: 17 }, (_, index) => `S${index + 1}`),
  ...Array.from({ length: 5 }, (_, index) => `J${index + 1}`),
  ...Array.from({ length: 11 }, (_, index) => `C${index + 1}`),
];

/** By `item · title`. */
export const requirements = {
  ...serverRequirements,
  ...jsonRequirements,
  ...clientRequirements,
} as const satisfies Readonly<Record<string, Requirement>>;

/** What no test can show, for there is nothing to try. */
export const untriedDeviations: readonly string[] = [
  "S5, C6 · the limits of responses are fixed. They SHOULD be configurable. Responses are hardly ever longer than a few hundred bytes, and 4 MiB, the recommended limit, are more than any of them needs.",
];

export type RequirementName = keyof typeof requirements;
