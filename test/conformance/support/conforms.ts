/** How a test says which requirement it holds. */
import { test } from "vitest";
import { type Requirement, testName } from "./requirement.ts";
import { type RequirementName, requirements } from "./requirements.ts";

/** The transports that a requirement is tried over. */
export type TransportOf<Name extends RequirementName> = (typeof requirements)[Name]["transports"][number];

/** A test for every transport of the requirement, named after it. `name` is given as a literal, which checklist.test.ts reads. */
export function conforms<Name extends RequirementName>(
  name: Name,
  holds: (transport: TransportOf<Name>) => Promise<void>,
): void {
  const requirement: Requirement = requirements[name];
  for (const transport of requirement.transports) {
    test(testName(name, requirement, transport), () => holds(transport as TransportOf<Name>));
  }
}
