import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { demoConfiguration } from "../../../src/config/demo.ts";
import { ConfigurationError } from "../../../src/config/fault.ts";
import { loadSettings } from "../../../src/config/load.ts";
import { faultsOf, load, minimal } from "./load.ts";

const dns = (text: string) => minimal({ exporter: `{ resolver: { dns: { hostname: ${text} } } }` });

describe("references to the environment", () => {
  const hostname = (text: string, env: Record<string, string>) => {
    const { resolver } = load({ files: [dns(text)], env }).settings.exporters[0]!;
    return resolver.type === "dns" ? resolver.hostname : undefined;
  };

  it.each([
    ["${env:HOST}", "tier2"],
    ["${HOST}", "tier2"],
    ["${env:HOST}.obs", "tier2.obs"],
    ['"${env:HOST}.${env:ZONE:-obs}"', "tier2.obs"],
    ["${env:OTHER:-${env:HOST}}", "tier2"],
    ["${env:OTHER:-}x", "x"],
    ["${env:EMPTY:-default}x", "x"],
  ])("%s", (text, expected) => {
    expect(hostname(text, { HOST: "tier2", EMPTY: "" })).toBe(expected);
  });

  it.each([
    ["$$", "$"],
    ["$${env:HOST}", "${env:HOST}"],
    ["$$$${env:HOST}", "$${env:HOST}"],
    ["$$${env:HOST}", "$tier2"],
    ["a$b", "a$b"],
    ["$HOST", "$HOST"],
  ])("%s is text", (text, expected) => {
    const exporter = `{ resolver: { dns: { hostname: a } }, protocol: { otlp: { headers: { x: '${text}' } } } }`;
    const { settings } = load({ files: [minimal({ exporter })], env: { HOST: "tier2" } });
    expect(settings.exporters[0]!.protocol.headers).toEqual({ x: expected });
  });

  it("a value alone and without quotes is read as YAML", () => {
    const env = { STREAMS: "0x10", META: "true", BACKENDS: "[a, b:1]" };
    const { settings } = load({
      files: [
        minimal({
          grpc: "{ max_concurrent_streams: ${env:STREAMS}, include_metadata: ${env:META} }",
          exporter: "{ resolver: { static: { hostnames: ${env:BACKENDS} } } }",
        }),
      ],
      env,
    });
    expect(settings.receivers[0]!.grpc).toMatchObject({ maxConcurrentStreams: 16, includeMetadata: true });
    expect(settings.exporters[0]!.resolver).toEqual({ type: "static", members: ["a:4317", "b:1"] });
  });

  it.each(["0123", "1e3", "true", "null", "[a, b]", "a: b", "#x", "*x", "'x"])(
    "where text is expected, %s stays what it is",
    (value) => {
      const exporter =
        "{ resolver: { dns: { hostname: a } }, protocol: { otlp: { headers: { x: ${env:VALUE} } } } }";
      const { settings } = load({ files: [minimal({ exporter })], env: { VALUE: value } });
      expect(settings.exporters[0]!.protocol.headers).toEqual({ x: value });
    },
  );

  it("a value in quotes is text, even where a number is expected", () => {
    const text = minimal({ grpc: '{ max_concurrent_streams: "${env:STREAMS}" }' });
    expect(faultsOf({ files: [text], env: { STREAMS: "16" } })).toEqual([
      'config.yaml:4:39 receivers.otlp.protocols.grpc.max_concurrent_streams: expected an integer from 1 to 65535, got "16"',
    ]);
  });

  it("what the environment holds is not searched for references", () => {
    expect(hostname("${env:A}", { A: "b", B: "c" })).toBe("b");
    expect(faultsOf({ files: [dns("${env:A}")], env: { A: "${env:B}", B: "c" } })).toEqual([
      'config.yaml:6:50 exporters.load_balancing.resolver.dns.hostname: expected a host name such as "tier2-headless.obs", got "${env:B}"',
    ]);
  });

  it.each([
    [
      "${env:NOWHERE}",
      "expected the environment variable NOWHERE to be set, or a default as in ${env:NOWHERE:-value}, got nothing",
    ],
    ["${file:/etc/host}", 'expected a reference such as ${env:NAME}, got the scheme "file"'],
    ["${env:1A}", 'expected the name of an environment variable (letters, digits, _), got "1A"'],
    ["'${env:A'", 'expected "}" on the same line after "${env:A" (a literal "${" is written "$${")'],
  ])("%s is a fault with its place, told once", (text, message) => {
    expect(faultsOf(dns(text))).toEqual([
      `config.yaml:6:50 exporters.load_balancing.resolver.dns.hostname: ${message}`,
    ]);
  });

  it("that are replaced by a later file need not be set", () => {
    const files = [
      dns("${env:NOWHERE}"),
      "exporters: { load_balancing: { resolver: { dns: { hostname: b } } } }\n",
    ];
    expect(load({ files }).settings.exporters[0]!.resolver).toMatchObject({ hostname: "b" });
  });
});

describe("several files and --set", () => {
  it("merge mappings, and replace lists and other values", () => {
    const under = `
receivers: { otlp: { protocols: { grpc: { endpoint: :1, max_concurrent_streams: 7 }, http: } } }
exporters: { load_balancing: { resolver: { static: { hostnames: [a, b] } } } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [load_balancing] } } }
`;
    const over = `
receivers: { otlp: { protocols: { grpc: { endpoint: :2 } } } }
exporters: { load_balancing: { resolver: { static: { hostnames: [c] } } } }
`;
    const { settings } = load({ files: [under, over], sets: ["receivers.otlp.protocols.http.endpoint=:3"] });
    expect(settings.receivers[0]).toMatchObject({
      grpc: { port: 2, maxConcurrentStreams: 7 },
      http: { port: 3 },
    });
    expect(settings.exporters[0]!.resolver).toEqual({ type: "static", members: ["c:4317"] });
  });

  it("a later --set wins, its value is YAML, and its key may hold slashes and quoted dots", () => {
    const text = minimal().replaceAll("load_balancing", "load_balancing/a");
    const { settings } = load({
      files: [text],
      sets: [
        "service.workers=2",
        "service.workers=3",
        "exporters.load_balancing/a.routing_key=attributes",
        "exporters.load_balancing/a.routing_attributes=[a, b]",
        'exporters.load_balancing/a.protocol.otlp.headers."x.y"="0123"',
        "exporters.load_balancing/a.protocol.otlp.headers.z=${env:Z}=1",
      ],
      env: { Z: "z" },
    });
    expect(settings.workers).toBe(3);
    expect(settings.exporters[0]).toMatchObject({
      routingKey: { traces: "attributes" },
      routingAttributes: ["a", "b"],
      protocol: { headers: { "x.y": "0123", z: "z=1" } },
    });
  });

  it.each(["", "=1", ".a=1", "a.=1", "a..b=1", "a b", `${"a.".repeat(40)}b=1`])(
    "--set %j is a fault",
    (override) => {
      expect(faultsOf({ files: [minimal()], sets: [override] })[0]).toMatch(
        /^--set .*: expected KEY=VALUE such as service\.shutdown\.delay=5s, got ".*"$/,
      );
    },
  );

  it("anchors, aliases and merge keys mean what they mean in YAML", () => {
    const { settings } = load(`
receivers:
  otlp/a: { protocols: { grpc: &grpc { endpoint: :1, max_concurrent_streams: 7 } } }
  otlp/b: { protocols: { grpc: { <<: *grpc, endpoint: :2 } } }
exporters: { load_balancing: { resolver: { static: { hostnames: [a] } } } }
service: { pipelines: { traces: { receivers: [otlp/a, otlp/b], exporters: [load_balancing] } } }
`);
    expect(settings.receivers.map(({ grpc }) => [grpc!.port, grpc!.maxConcurrentStreams])).toEqual([
      [1, 7],
      [2, 7],
    ]);
  });
});

describe("files on disk", () => {
  const directory = mkdtempSync(join(tmpdir(), "otlp-ring-config-"));
  afterAll(() => rmSync(directory, { recursive: true }));

  it("are read, and named in faults", () => {
    const path = join(directory, "gateway.yaml");
    writeFileSync(path, minimal({ service: "workers: 0" }));
    const missing = join(directory, "missing.yaml");
    const attempt = () => loadSettings({ files: [path], sets: [], env: {} });
    expect(attempt).toThrow(ConfigurationError);
    expect(attempt).toThrow(
      `${path}:11:12 service.workers: expected "auto" or an integer from 1 to 256, got 0`,
    );
    expect(() => loadSettings({ files: [missing], sets: [], env: {} })).toThrow(
      `${missing}: expected a readable file, got: ENOENT`,
    );
  });
});

describe("the settings of short files", () => {
  it("five lines are a gateway", () => {
    const { settings, warnings } =
      load(`receivers: { otlp: { protocols: { grpc: { endpoint: 0.0.0.0:4317 } } } }
exporters:
  load_balancing: { resolver: { dns: { hostname: tier2-headless.obs } }, protocol: { otlp: { tls: { insecure: true } } } }
service:
  pipelines: { traces: { receivers: [otlp], exporters: [load_balancing] } }
`);
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({
      receivers: [{ grpc: { host: "0.0.0.0", port: 4317, maxRecvMsgSizeBytes: 64 * 2 ** 20 } }],
      exporters: [
        {
          ring: { size: 65_536 },
          delivery: { maxInFlight: 4, maxBatchSizeBytes: 3.5 * 2 ** 20 },
          protocol: { timeoutMs: 5000 },
        },
      ],
      memory: {},
      shutdown: { delayMs: 5000, drainTimeoutMs: 20_000 },
      workers: "auto",
    });
  });

  it("the demo's has every signal and no warning", () => {
    const { settings, warnings } = load(
      demoConfiguration({ backends: ["127.0.0.1:5001", "127.0.0.1:5002"] }),
    );
    expect(warnings).toEqual([]);
    expect(settings.exporters[0]!.resolver).toEqual({
      type: "static",
      members: ["127.0.0.1:5001", "127.0.0.1:5002"],
    });
    expect(settings.pipelines.map(({ signal }) => signal)).toEqual(["traces", "metrics", "logs"]);
    expect(settings.healthCheck).toEqual({ host: "localhost", port: 13_133, path: "/" });
  });
});
