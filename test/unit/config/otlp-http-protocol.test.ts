/** `protocol.otlp_http`: what it takes, and what users are told of it. */
import { describe, expect, it } from "vitest";
import { printConfig } from "../../../src/config/print.ts";
import { faultsOf, file, load, minimal, placeOfCaret, sourcesOf } from "./load.ts";

function withProtocol(protocol: string, hostnames = "[a, 'b:14318', 'fd00::1']"): string {
  return file({ exporter: `{ resolver: { static: { hostnames: ${hostnames} } }, protocol: ${protocol} }` });
}

function protocolOf(text: string) {
  return load(text).settings.exporters[0]!.protocol;
}

const paths = {
  traces: "/v1/traces",
  metrics: "/v1/metrics",
  logs: "/v1/logs",
  profiles: "/v1development/profiles",
};

describe("protocol.otlp_http", () => {
  it("has the Collector's defaults", () => {
    const { settings, warnings } = load(withProtocol("{ otlp_http: }"));
    expect(settings.exporters[0]!.protocol).toEqual({
      type: "otlp_http",
      timeoutMs: 5000,
      compression: "gzip",
      headers: {},
      paths,
      idleTimeoutMs: 4000,
      tls: { minVersion: "1.2", insecureSkipVerify: false, includeSystemCaCertsPool: false },
    });
    expect(warnings).toEqual([]);
  });

  it("takes every setting", () => {
    const { settings, warnings } = load(
      file({
        exporter: `
    resolver: { static: { hostnames: [a] } }
    protocol:
      otlp_http:
        timeout: 3s
        compression: zstd
        endpoint: /otlp/
        metrics_endpoint: /api/v1/otlp/v1/metrics
        logs_endpoint: "/loki?tenant=a"
        encoding: proto
        idle_conn_timeout: 90s
        tls: { insecure: true }
        headers: { X-Api-Key: hunter2 }
        auth: { authenticator: bearertokenauth }
        retry_on_failure: { enabled: true }
        sending_queue: { enabled: false }
        max_conns_per_host: 10
        proxy_url: http://proxy:3128`,
        extensions: "[bearertokenauth]",
        rest: "extensions: { bearertokenauth: { token: hunter3 } }\n",
      }),
    );
    expect(settings.exporters[0]!.protocol).toEqual({
      type: "otlp_http",
      timeoutMs: 3000,
      compression: "zstd",
      headers: { "x-api-key": "hunter2" },
      auth: { kind: "bearer", scheme: "Bearer", header: "Authorization", token: "hunter3" },
      paths: {
        traces: "/otlp/v1/traces",
        metrics: "/api/v1/otlp/v1/metrics",
        logs: "/loki?tenant=a",
        profiles: "/otlp/v1development/profiles",
      },
      idleTimeoutMs: 90_000,
    });
    const keys = warnings.map((warning) => /protocol\.otlp_http\.(\w+): has no effect/.exec(warning)?.[1]);
    expect(keys).toEqual(["retry_on_failure", "sending_queue", "max_conns_per_host", "proxy_url"]);
  });

  it("lets delivery.timeout win over its own", () => {
    const exporter =
      "{ resolver: { static: { hostnames: [a] } }, protocol: { otlp_http: { timeout: 1s } }, delivery: { timeout: 2s } }";
    expect(protocolOf(file({ exporter }))).toMatchObject({ type: "otlp_http", timeoutMs: 2000 });
  });

  it("takes the directory of its queue's storage for the log", () => {
    const text = file({
      exporter:
        "{ resolver: { static: { hostnames: [a] } }, protocol: { otlp_http: { sending_queue: { storage: file_storage } } } }",
      extensions: "[file_storage]",
      rest: "extensions: { file_storage: { directory: /var/lib/queue } }\n",
    });
    expect(load(text).settings.exporters[0]!.wal).toMatchObject({ directory: "/var/lib/queue" });
  });

  it("makes 4318 the port of backends that name none", () => {
    expect(load(withProtocol("{ otlp_http: }")).settings.exporters[0]!.resolver).toEqual({
      type: "static",
      members: ["a:4318", "b:14318", "[fd00::1]:4318"],
    });
    const dns = file({ exporter: "{ resolver: { dns: { hostname: a } }, protocol: { otlp_http: } }" });
    expect(load(dns).settings.exporters[0]!.resolver).toMatchObject({ port: 4318 });
  });

  it("leaves 4317 the port for OTLP/gRPC, which is what is spoken when nothing is said", () => {
    for (const protocol of ["", "{}", "{ otlp: }"]) {
      const [exporter] = load(withProtocol(protocol)).settings.exporters;
      expect(exporter).toMatchObject({
        protocol: { type: "otlp_grpc" },
        resolver: { members: ["a:4317", "b:14318", "[fd00::1]:4317"] },
      });
    }
  });

  it.each([
    ["http://prometheus:9090/api/v1/otlp", "/api/v1/otlp/v1/metrics"],
    ["https://gateway.example", "/v1/metrics"],
    ["https://gateway.example/a/", "/a/v1/metrics"],
  ])("takes the path of the URL %s alone, and says so", (endpoint, metrics) => {
    const { settings, warnings } = load(withProtocol(`{ otlp_http: { endpoint: "${endpoint}" } }`));
    expect(settings.exporters[0]!.protocol).toMatchObject({ paths: { metrics } });
    expect(warnings).toEqual([
      expect.stringContaining("protocol.otlp_http.endpoint: only its path has an effect: the resolver says"),
    ]);
  });

  it("is known by its old name", () => {
    const { settings, warnings } = load(withProtocol("{ otlphttp: { compression: none, encoding: proto } }"));
    expect(settings.exporters[0]!.protocol).toMatchObject({ type: "otlp_http", compression: "identity" });
    expect(warnings).toEqual([
      expect.stringMatching(
        /^config\.yaml:\d+:\d+ exporters\.load_balancing\.protocol\.otlphttp: otlphttp is the old name of otlp_http$/,
      ),
    ]);
  });

  it.each(["otlp_http", "otlphttp"])("is printed without its secrets, as %s", (key) => {
    const text = withProtocol(`{ ${key}: { compression: none, headers: { x-api-key: hunter2 } } }`);
    const printed = printConfig(sourcesOf({ files: [text] }));
    expect(printed).toContain(`${key}:`);
    expect(printed).toContain("compression: none");
    expect(printed).not.toContain("hunter2");
  });
});

describe("a fault in protocol", () => {
  const place = (protocol: string) =>
    minimal({ exporter: `{ resolver: { dns: { hostname: a } }, protocol: ${protocol} }` });
  it.each([
    [
      "both protocols",
      "‸{ otlp: , otlp_http: }",
      ": expected exactly one of otlp and otlp_http, got otlp and otlp_http",
    ],
    [
      "both names of one",
      "‸{ otlphttp: {}, otlp_http: {} }",
      ": expected exactly one of otlp and otlp_http, got otlp_http and otlphttp",
    ],
    [
      "a protocol that is nearly right",
      "{ ‸otlp_htpp: }",
      '.otlp_htpp: expected a known key, got "otlp_htpp"; did you mean "otlp_http"?',
    ],
    ["JSON", "{ otlp_http: { encoding: ‸json } }", '.otlp_http.encoding: expected "proto", got "json"'],
    [
      "a host without a scheme",
      "{ otlp_http: { endpoint: ‸'tier2:4318' } }",
      '.otlp_http.endpoint: expected a path such as "/v1/traces", or a URL without a query, got "tier2:4318"',
    ],
    [
      "a query before the path",
      "{ otlp_http: { endpoint: ‸/a?b=c } }",
      '.otlp_http.endpoint: expected a path such as "/v1/traces", or a URL without a query, got "/a?b=c"',
    ],
    [
      "a path with a space",
      "{ otlp_http: { logs_endpoint: ‸/a b } }",
      '.otlp_http.logs_endpoint: expected a path such as "/v1/traces", or a URL, got "/a b"',
    ],
    [
      "a path that would be a host",
      "{ otlp_http: { logs_endpoint: ‸//elsewhere/v1/logs } }",
      '.otlp_http.logs_endpoint: expected a path such as "/v1/traces", or a URL, got "//elsewhere/v1/logs"',
    ],
    [
      "a fragment",
      "{ otlp_http: { traces_endpoint: ‸'/a#b' } }",
      '.otlp_http.traces_endpoint: expected a path such as "/v1/traces", or a URL, got "/a#b"',
    ],
    [
      "a header of the transport",
      "{ otlp_http: { headers: { ‸Accept-Encoding: x } } }",
      '.otlp_http.headers.Accept-Encoding: expected a header that the transport does not use itself, got "Accept-Encoding"',
    ],
    [
      "a setting of gRPC",
      "{ otlp_http: { ‸keepalive: {} } }",
      '.otlp_http.keepalive: expected a known key, got "keepalive"',
    ],
  ])("%s", (_name, protocol, expected) => {
    const { text, place: caret } = placeOfCaret(place(protocol));
    expect(faultsOf(text)).toEqual([`${caret} exporters.load_balancing.protocol${expected}`]);
  });

  it("is told of under the old name as well", () => {
    const { text, place: caret } = placeOfCaret(place("{ otlphttp: { compression: ‸snappy } }"));
    expect(faultsOf(text)).toEqual([
      `${caret} exporters.load_balancing.protocol.otlphttp.compression: expected one of gzip, zstd, deflate, none, got "snappy"`,
    ]);
  });

  it("says a backend twice when only the default port tells", () => {
    expect(faultsOf(withProtocol("{ otlp_http: }", "[a, 'a:4318']"))).toEqual([
      expect.stringContaining('hostnames[1]: expected each backend once, got "a:4318" again'),
    ]);
  });
});
