import { describe, expect, it } from "vitest";
import { CorsPolicy } from "../../../src/receive/http-cors.ts";

const options = {
  allowedOrigins: ["https://shop.example", "https://*.example.com", "http://localhost:*"],
  allowedHeaders: ["X-Tenant"],
  maxAgeSeconds: 600,
};

const preflight = (origin: string, requested?: string, method = "POST") => ({
  origin,
  "access-control-request-method": method,
  ...(requested !== undefined && { "access-control-request-headers": requested }),
});

function named(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1]!]] : [])),
  );
}

const allowedOriginOf = (policy: CorsPolicy, origin: string): string | undefined =>
  named(policy.answerHeaders({ origin }))["access-control-allow-origin"];

describe("an origin", () => {
  const policy = new CorsPolicy(options);

  it.each([
    ["https://shop.example"],
    ["https://a.example.com"],
    ["https://a.b.example.com"],
    ["https://A.Example.COM"],
    ["http://localhost:3000"],
  ])("%s may send, and is named in the answer as it came", (origin) => {
    expect(named(policy.answerHeaders({ origin }))).toEqual({
      "access-control-allow-origin": origin,
      "access-control-allow-credentials": "true",
      "access-control-expose-headers": "retry-after",
      vary: "origin",
    });
  });

  it.each([
    ["http://shop.example"],
    ["https://shop.example.evil.test"],
    ["https://example.com"],
    ["https://a.example.com.evil.test"],
    ["https://a.example.com:444"],
    ["null"],
    [""],
  ])("%s may not", (origin) => {
    expect(named(policy.answerHeaders({ origin }))).toEqual({ vary: "origin" });
    expect(named(policy.preflightHeaders(preflight(origin)))).not.toHaveProperty(
      "access-control-allow-origin",
    );
  });

  it("that is none is told nothing", () => {
    expect(named(policy.answerHeaders({}))).toEqual({ vary: "origin" });
  });

  it("may be any, and then is told so without credentials", () => {
    const anybody = new CorsPolicy({ ...options, allowedOrigins: ["*"] });
    expect(named(anybody.answerHeaders({ origin: "https://evil.test" }))).toEqual({
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "retry-after",
      vary: "origin",
    });
  });

  it("matches several asterisks in their order, and none of them twice", () => {
    const several = new CorsPolicy({ ...options, allowedOrigins: ["https://*.eu.*.example"] });
    expect(allowedOriginOf(several, "https://a.eu.b.example")).toBeDefined();
    expect(allowedOriginOf(several, "https://a.eu.example")).toBeUndefined();
    expect(allowedOriginOf(several, "https://.example")).toBeUndefined();
  });

  it("of 16 KiB against many asterisks takes no time to speak of", () => {
    const many = new CorsPolicy({ ...options, allowedOrigins: [`https://${"*a".repeat(50)}*b`] });
    expect(allowedOriginOf(many, `https://${"a".repeat(16_000)}`)).toBeUndefined();
  });
});

describe("a preflight", () => {
  const policy = new CorsPolicy(options);

  it("is an OPTIONS that has an origin and asks for a method", () => {
    expect(policy.isPreflight("OPTIONS", preflight("https://shop.example"))).toBe(true);
    expect(policy.isPreflight("OPTIONS", { origin: "https://shop.example" })).toBe(false);
    expect(policy.isPreflight("POST", preflight("https://shop.example"))).toBe(false);
  });

  it("of an exporter in a page is allowed what it asks for", () => {
    const headers = policy.preflightHeaders(preflight("https://shop.example", "content-type, x-tenant"));
    expect(named(headers)).toEqual({
      vary: "origin, access-control-request-method, access-control-request-headers",
      "access-control-allow-origin": "https://shop.example",
      "access-control-allow-credentials": "true",
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": "content-type, x-tenant",
      "access-control-max-age": "600",
    });
  });

  it.each([
    ["a header that is not allowed", preflight("https://shop.example", "content-type,x-other")],
    ["another method", preflight("https://shop.example", undefined, "PUT")],
    ["an origin that may not send", preflight("https://evil.test", "content-type")],
  ])("for %s is allowed nothing", (_name, headers) => {
    expect(named(policy.preflightHeaders(headers))).toEqual({
      vary: "origin, access-control-request-method, access-control-request-headers",
    });
  });

  it("may ask for any header where all are allowed", () => {
    const lenient = new CorsPolicy({ ...options, allowedHeaders: ["*"], maxAgeSeconds: 0 });
    const headers = named(lenient.preflightHeaders(preflight("https://shop.example", "X-Anything")));
    expect(headers["access-control-allow-headers"]).toBe("x-anything");
    expect(headers).not.toHaveProperty("access-control-max-age");
  });
});
