import { expect, test } from "vitest";
import { MetricRegistry } from "../../../src/base/metrics.ts";
import { membersOf } from "../../../src/discovery/member-source.ts";
import { StaticSource } from "../../../src/discovery/static-source.ts";

test("a static list is announced once, sorted, each member once, with port 4317 where none is given", async () => {
  const source = new StaticSource(
    { name: "load_balancing", endpoints: ["tier2-b", "10.0.0.1:4318", "tier2-a", "tier2-b:4317", "fd00::1"] },
    { metrics: new MetricRegistry() },
  );
  expect(membersOf(source)).toEqual([]);
  const lists: (readonly string[])[] = [];
  await source.start((members) => lists.push(members));
  expect(lists).toEqual([["10.0.0.1:4318", "[fd00::1]:4317", "tier2-a:4317", "tier2-b:4317"]]);
  expect(source.status).toMatchObject({ kind: "current", members: lists[0] });
  source.close();
  expect(source.status).toEqual({ kind: "closed" });
});

test("an endpoint that cannot be dialled, and a list of none, are refused", () => {
  const modules = { metrics: new MetricRegistry() };
  expect(() => new StaticSource({ name: "x", endpoints: ["http://a"] }, modules)).toThrow(/is no endpoint/);
  expect(() => new StaticSource({ name: "x", endpoints: [] }, modules)).toThrow(RangeError);
});
