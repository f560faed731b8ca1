import { describe, expect, it } from "vitest";
import { formatEndpoint, parseEndpoint } from "../../../src/config/endpoint.ts";
import * as discovery from "../../../src/discovery/endpoint.ts";

describe("an endpoint of the configuration", () => {
  it.each(["a:b:c", "-x:1", "a..b", "[zz]:1", "[1:2]:4317", "a b", "x:70000", "http://x:4317", "x/y"])(
    "%j is none: validate says so, not the gateway when it starts",
    (text) => {
      expect(parseEndpoint(text, 4317)).toBeUndefined();
    },
  );

  it.each([
    ["collector-1", "collector-1:4317"],
    ["tier2_0.obs.svc.:4318", "tier2_0.obs.svc.:4318"],
    ["10.0.0.1", "10.0.0.1:4317"],
    ["::1", "[::1]:4317"],
    ["[fd00::1]:4318", "[fd00::1]:4318"],
  ])("%j is a backend that discovery takes as well", (text, member) => {
    expect(formatEndpoint(parseEndpoint(text, 4317)!)).toBe(member);
    expect(discovery.parseEndpoint(member)).toBe(member);
  });
});
