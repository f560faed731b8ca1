/** Every item of the checklist has its requirements, and every requirement its test. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { itemOf, type Requirement, testName } from "./support/requirement.ts";
import { checklist, requirements } from "./support/requirements.ts";

const folder = new URL(".", import.meta.url);

/** The requirements that tests are written for, as the sources name them. */
function testedRequirements(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => readFileSync(new URL(file, folder), "utf8"))
    .flatMap((source) => [...source.matchAll(/^conforms\(\s*("[^"\\]+")/gm)])
    .map(([, literal]) => JSON.parse(literal!) as string);
}

describe("the checklist", () => {
  test("has a requirement for each of its items, and no other items", () => {
    const items = new Set(Object.keys(requirements).map(itemOf));
    expect(new Set(checklist)).toEqual(items);
    expect(checklist).toHaveLength(33);
  });

  test("has exactly one test for each requirement", () => {
    expect(testedRequirements().toSorted()).toEqual(Object.keys(requirements).toSorted());
  });

  test("is tried over at least one transport each, under names of one form", () => {
    const names = Object.entries<Requirement>(requirements).flatMap(([name, requirement]) =>
      requirement.transports.map((transport) => testName(name, requirement, transport)),
    );
    const form =
      /^[SJC]\d+ · [^·"]+ · "[^"]+" · (?:MUST|MUST NOT|SHOULD|SHOULD NOT|RECOMMENDED|MAY|stated) · (?:grpc|http\/(?:protobuf|json)(?: over h2c)?)(?: · deviates)?$/;
    expect(names.filter((name) => !form.test(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    const tried = new Set(names.map((name) => name.split(" · ").slice(0, 2).join(" · ")));
    expect(tried).toEqual(new Set(Object.keys(requirements)));
  });
});
