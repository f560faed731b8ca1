/** What users are told, word by word, with the place where they wrote it. */
import { describe, expect, it } from "vitest";
import { FILE_BYTES_MAX } from "../../../src/config/yaml.ts";
import { faultsOf, load, minimal, placeOfCaret } from "./load.ts";

describe("a value that is wrong", () => {
  it.each([
    [
      "a duration without a unit",
      minimal({ exporter: "{ resolver: { dns: { hostname: tier2.obs, interval: ‸5 } } }" }),
      'exporters.load_balancing.resolver.dns.interval: expected a duration such as "5s", got 5',
    ],
    [
      "a duration out of range",
      minimal({ exporter: "{ resolver: { dns: { hostname: tier2.obs, interval: ‸1ms } } }" }),
      'exporters.load_balancing.resolver.dns.interval: expected a duration from 100ms to 24h, got "1ms"',
    ],
    [
      "a size",
      minimal({ service: "memory: { in_flight: ‸lots }" }),
      'service.memory.in_flight: expected a size such as "64MiB", got "lots"',
    ],
    [
      "a size out of range",
      minimal({ service: "memory: { in_flight: ‸100 }" }),
      "service.memory.in_flight: expected a size from 1MiB to 1TiB, got 100",
    ],
    [
      "an address with a scheme",
      minimal({ grpc: "{ endpoint: ‸http://localhost:4317 }" }),
      'receivers.otlp.protocols.grpc.endpoint: expected an address such as "localhost:4317", "0.0.0.0:4317" or "[::]:4317", got "http://localhost:4317"',
    ],
    [
      "an address without a port",
      minimal({ grpc: "{ endpoint: ‸localhost }" }),
      'receivers.otlp.protocols.grpc.endpoint: expected an address such as "localhost:4317", "0.0.0.0:4317" or "[::]:4317", got "localhost"',
    ],
    [
      "an integer in quotes",
      minimal({ grpc: '{ max_concurrent_streams: ‸"100" }' }),
      'receivers.otlp.protocols.grpc.max_concurrent_streams: expected an integer from 1 to 65535, got "100"',
    ],
    [
      "a ring that is no power of two",
      minimal({ exporter: "{ resolver: { dns: { hostname: a } }, ring: { size: ‸0xFFFF } }" }),
      "exporters.load_balancing.ring.size: expected a power of two from 1024 to 4194304, got 0xFFFF",
    ],
    [
      "yes for true",
      minimal({ grpc: "{ include_metadata: ‸yes }" }),
      'receivers.otlp.protocols.grpc.include_metadata: expected true or false, got "yes"',
    ],
    [
      "a word that is nearly right",
      minimal({ exporter: "{ resolver: { dns: { hostname: a } }, routing_key: ‸traceId }" }),
      'exporters.load_balancing.routing_key: expected one of traceID, service, resource, attributes, metric, streamID, got "traceId"; did you mean "traceID"?',
    ],
    [
      "a compression that gRPC does not have",
      minimal({
        exporter: "{ resolver: { dns: { hostname: a } }, protocol: { otlp: { compression: ‸snappy } } }",
      }),
      'exporters.load_balancing.protocol.otlp.compression: expected one of gzip, zstd, deflate, none, got "snappy"',
    ],
    [
      "a number for text",
      minimal({
        exporter:
          "{ resolver: { dns: { hostname: a } }, protocol: { otlp: { auth: { authenticator: ‸0123 } } } }",
      }),
      "exporters.load_balancing.protocol.otlp.auth.authenticator: expected text in quotes, got 0123",
    ],
    [
      "an ill-formed host name",
      minimal({ exporter: "{ resolver: { dns: { hostname: ‸'tier2:4317' } } }" }),
      'exporters.load_balancing.resolver.dns.hostname: expected a host name such as "tier2-headless.obs", got "tier2:4317"',
    ],
    [
      "a port that is none",
      minimal({ exporter: "{ resolver: { dns: { hostname: a, port: ‸'70000' } } }" }),
      'exporters.load_balancing.resolver.dns.port: expected a port from 1 to 65535, got "70000"',
    ],
    [
      "a mapping for text",
      minimal({ exporter: "{ resolver: { dns: { hostname: ‸{ name: a } } } }" }),
      'exporters.load_balancing.resolver.dns.hostname: expected a host name such as "tier2-headless.obs", got a mapping',
    ],
    [
      "text for a mapping",
      minimal({ service: "shutdown: ‸5s" }),
      'service.shutdown: expected a mapping with delay, drain_timeout, got "5s"',
    ],
    [
      "text for a list",
      minimal({ exporter: "{ resolver: { static: { hostnames: ‸a } } }" }),
      'exporters.load_balancing.resolver.static.hostnames: expected a list of at least 1, got "a"',
    ],
    [
      "an empty list",
      minimal({ exporter: "{ resolver: { static: { hostnames: ‸[] } } }" }),
      "exporters.load_balancing.resolver.static.hostnames: expected a list of at least 1, got a list",
    ],
    [
      "a backend that is none",
      minimal({ exporter: "{ resolver: { static: { hostnames: [a, ‸'b:x'] } } }" }),
      'exporters.load_balancing.resolver.static.hostnames[1]: expected a backend such as "collector-1:4317", got "b:x"',
    ],
    [
      "a backend given twice",
      minimal({ exporter: "{ resolver: { static: { hostnames: [a, ‸'a:4317'] } } }" }),
      'exporters.load_balancing.resolver.static.hostnames[1]: expected each backend once, got "a:4317" again',
    ],
    [
      "a network that is none",
      minimal({ exporter: "{ resolver: { dns: { hostname: a } }, allowed_cidrs: [‸10.0.0.0/33] }" }),
      'exporters.load_balancing.allowed_cidrs[0]: expected a network such as "10.0.0.0/8" or "fd00::/8", got "10.0.0.0/33"',
    ],
    [
      "clients' credentials passed on",
      minimal({ exporter: "{ resolver: { dns: { hostname: a } }, forward_headers: [‸Authorization] }" }),
      'exporters.load_balancing.forward_headers[0]: expected a header without credentials (clients\' credentials end at the gateway), got "Authorization"',
    ],
    [
      "a header of the transport passed on",
      minimal({ exporter: "{ resolver: { dns: { hostname: a } }, forward_headers: [‸grpc-timeout] }" }),
      'exporters.load_balancing.forward_headers[0]: expected a header that the transport does not use itself, got "grpc-timeout"',
    ],
    [
      "a header of the transport set",
      minimal({
        exporter: "{ resolver: { dns: { hostname: a } }, protocol: { otlp: { headers: { ‸TE: x } } } }",
      }),
      'exporters.load_balancing.protocol.otlp.headers.TE: expected a header that the transport does not use itself, got "TE"',
    ],
    [
      "workers",
      minimal({ service: "workers: ‸some" }),
      'service.workers: expected "auto" or an integer from 1 to 256, got "some"',
    ],
    [
      "a ring of another release",
      minimal({ exporter: "{ resolver: { dns: { hostname: a } }, ring: { compat: ‸otelcol_v3 } }" }),
      'exporters.load_balancing.ring.compat: expected none, the only ring of this version, got "otelcol_v3"',
    ],
  ])("%s", (_name, marked, expected) => {
    const { text, place } = placeOfCaret(marked);
    expect(faultsOf(text)).toEqual([`${place} ${expected}`]);
  });

  it("is not shown where secrets stand", () => {
    const exporter = "{ resolver: { dns: { hostname: a } }, protocol: { otlp: { headers: hunter2 } } }";
    const extensions =
      "{ bearertokenauth: { token: [hunter2] }, basicauth: { client_auth: hunter2, htpasswd: { inline: 42 } } }";
    const faults = faultsOf(
      minimal({ exporter, extensions, service: "extensions: [bearertokenauth, basicauth]" }),
    );
    expect(faults.map((fault) => fault.replace(/^config\.yaml:\d+:\d+ /, ""))).toEqual([
      "exporters.load_balancing.protocol.otlp.headers: expected a mapping, got a value that is not shown",
      "extensions.bearertokenauth.token: expected text, got a list",
      "extensions.basicauth.client_auth: expected a mapping with username, username_file, password, password_file, got a value that is not shown",
      "extensions.basicauth.htpasswd.inline: expected text in quotes, got a value that is not shown",
    ]);
  });
});

describe("a key that is wrong", () => {
  it.each([
    [
      "misspelt",
      minimal({ exporter: "{ resolver: { dns: { hostname: a, ‸intervall: 5s } } }" }),
      'exporters.load_balancing.resolver.dns.intervall: expected a known key, got "intervall"; did you mean "interval"?',
    ],
    [
      "unknown",
      minimal({ exporter: "{ resolver: { dns: { hostname: a } }, ring: { ‸weight: 1 } }" }),
      'exporters.load_balancing.ring.weight: expected one of size, compat, got "weight"',
    ],
    [
      "at the top",
      `${minimal()}‸exporter: {}\n`,
      'exporter: expected a known key, got "exporter"; did you mean "exporters"?',
    ],
    [
      "a prototype's",
      minimal({ service: "‸__proto__: { workers: 1 }" }),
      'service.__proto__: expected one of extensions, pipelines, telemetry, workers, cluster, memory, shutdown, got "__proto__"',
    ],
    [
      "a component without a name after the slash",
      minimal().replace("  otlp:", "  ‸otlp/:").replace("[otlp]", "[otlp/]"),
      'receivers.otlp/: expected a name such as otlp or otlp/name, got "otlp/"',
    ],
    [
      "a receiver that is nearly right",
      minimal().replace("  otlp:", "  ‸otpl:").replace("[otlp]", "[otpl]"),
      'receivers.otpl: expected the receiver otlp, got otpl; did you mean "otlp"?',
    ],
    [
      "a signal that there is not",
      minimal().replace("    traces:", "    ‸events: {}\n    traces:"),
      'service.pipelines.events: expected a pipeline of traces, metrics, logs, profiles, such as traces or traces/name, got "events"',
    ],
  ])("%s", (_name, marked, expected) => {
    const { text, place } = placeOfCaret(marked);
    expect(faultsOf(text)).toEqual([`${place} ${expected}`]);
  });
});

describe("a key given twice", () => {
  it("is a fault, and the rest is checked all the same", () => {
    const text = `${minimal({ service: "workers: 0" })}receivers: {}\n`;
    expect(faultsOf(text)).toEqual([
      'config.yaml:11:12 service.workers: expected "auto" or an integer from 1 to 256, got 0',
      "config.yaml:12:1: expected each key once in a mapping, got it again",
    ]);
  });
});

describe("what does not fit together", () => {
  it.each([
    [
      "no protocol",
      minimal().replace("    protocols:\n      grpc:", "    protocols: ‸{}"),
      "receivers.otlp.protocols: expected grpc, http or both, got neither",
    ],
    [
      "no resolver",
      minimal({ exporter: "{ routing_key: service }" }).replace("  load_b", "  ‸load_b"),
      "exporters.load_balancing.resolver: expected exactly one of static and dns, got neither",
    ],
    [
      "two resolvers",
      minimal({ exporter: "{ resolver: ‸{ dns: { hostname: a }, static: { hostnames: [a] } } }" }),
      "exporters.load_balancing.resolver: expected exactly one of static and dns, got both",
    ],
    [
      "a resolver without its host name",
      minimal({ exporter: "{ resolver: { ‸dns: { port: 4317 } } }" }),
      'exporters.load_balancing.resolver.dns.hostname: expected a host name such as "tier2-headless.obs", got nothing',
    ],
    [
      "attributes without their names",
      minimal({ exporter: "{ routing_key: attributes, resolver: { dns: { hostname: a } } }" }).replace(
        "  load_b",
        "  ‸load_b",
      ),
      "exporters.load_balancing.routing_attributes: expected a list of attributes for routing_key: attributes, got nothing",
    ],
    [
      "a key that the signal does not have",
      minimal({ exporter: "{ routing_key: metric, resolver: { dns: { hostname: a } } }" }).replace(
        "exporters: [",
        "exporters: [‸",
      ),
      'service.pipelines.traces.exporters[0]: expected an exporter whose routing_key is for traces (traceID, service, resource, attributes), got "load_balancing", whose key is metric',
    ],
    [
      "an exporter that is not defined",
      minimal().replace("exporters: [load_balancing]", "exporters: [‸loadbalancing]"),
      'service.pipelines.traces.exporters[0]: expected an exporter that is defined (load_balancing), got "loadbalancing"; did you mean "load_balancing"?',
    ],
    [
      "a processor that is not defined",
      minimal().replace("exporters: [load", "processors: [‸batch], exporters: [load"),
      'service.pipelines.traces.processors[0]: expected a processor that is defined (there is none), got "batch"',
    ],
    [
      "a receiver named twice",
      minimal().replace("receivers: [otlp]", "receivers: [otlp, ‸otlp]"),
      'service.pipelines.traces.receivers[1]: expected each receiver once, got "otlp" again',
    ],
    [
      "an extension that is not defined",
      minimal({ service: "extensions: [‸health_check]" }),
      'service.extensions[0]: expected an extension that is defined (there is none), got "health_check"',
    ],
    [
      "two things on one address",
      minimal({
        grpc: "{ endpoint: 0.0.0.0:13133 }",
        extensions: "{ ‸health_check: }",
        service: "extensions: [health_check]",
      }),
      "extensions.health_check.endpoint: expected an address that nothing else listens on (receivers.otlp.protocols.grpc.endpoint does), got localhost:13133",
    ],
    [
      "a server without a certificate",
      minimal({ grpc: "{ tls: ‸{ client_ca_file: ca.crt } }" }),
      "receivers.otlp.protocols.grpc.tls: expected a certificate and its key (cert_file and key_file), got neither",
    ],
    [
      "a certificate without its key",
      minimal({ grpc: "{ ‸tls: { cert_file: a.crt } }" }),
      "receivers.otlp.protocols.grpc.tls.key_file: expected the key of the certificate, got nothing",
    ],
    [
      "an authenticator that cannot check clients",
      minimal({
        grpc: "{ auth: { authenticator: ‸basicauth } }",
        extensions: "{ basicauth: { client_auth: { username: a, password: b } } }",
        service: "extensions: [basicauth]",
      }),
      'receivers.otlp.protocols.grpc.auth.authenticator: expected an extension with htpasswd.file or htpasswd.inline, got "basicauth"',
    ],
    [
      "paths of two signals that are one",
      minimal().replace("grpc:", "grpc:\n      http: { logs_url_path: ‸/v1/traces }"),
      'receivers.otlp.protocols.http.logs_url_path: expected a path of its own for each signal, got "/v1/traces"',
    ],
  ])("%s", (_name, marked, expected) => {
    const { text, place } = placeOfCaret(marked);
    expect(faultsOf(text)).toEqual([`${place} ${expected}`]);
  });

  it("what is missing at the top is told with an example", () => {
    expect(faultsOf("# nothing yet\n")).toEqual([
      'config.yaml:1:1 receivers: expected at least one, such as "otlp: { protocols: { grpc: } }", got nothing',
      'config.yaml:1:1 exporters: expected at least one, such as "load_balancing: { resolver: { dns: { hostname: tier2-headless.obs } } }", got nothing',
      'config.yaml:1:1 service.pipelines: expected at least one pipeline, such as "traces: { receivers: [otlp], exporters: [load_balancing] }", got nothing',
    ]);
  });
});

describe("a file that cannot be read", () => {
  it.each([
    ["syntax", "receivers:\n  otlp: [\n", /^config\.yaml:3:1: expected YAML, got: .+$/],
    ["tabs", "receivers:\n\totlp:\n", /^config\.yaml:2:1: expected YAML, got: .+$/],
    [
      "an alias without its anchor",
      "receivers: *there\n",
      /^config\.yaml:1:12: expected the name of an anchor, got \*there, which is not defined above$/,
    ],
    ["two documents", "a: 1\n---\nb: 1\n", /^config\.yaml:2:1: expected YAML, got: .+$/],
    [
      "a list",
      "- a\n",
      /^config\.yaml: expected a mapping with receivers, exporters and service, got a list$/,
    ],
    [
      "too large",
      `# ${"x".repeat(FILE_BYTES_MAX)}`,
      /^config\.yaml: expected at most 1048576 characters, got 1048578$/,
    ],
    [
      "a billion laughs",
      [
        "a: &a [x, x]",
        ..."bcdefghijklmnopqrstu".split("").map((letter, index) => {
          const below = "abcdefghijklmnopqrst"[index];
          return `${letter}: &${letter} [*${below}, *${below}]`;
        }),
      ].join("\n"),
      /^config\.yaml:\d+:\d+: expected at most 50000 values, aliases followed, got more$/,
    ],
    [
      "an anchor within itself",
      "a: &a [*a]\n",
      /^config\.yaml:1:8: expected the name of an anchor, got \*a, which contains itself$/,
    ],
    [
      "too deep",
      `a: ${"[".repeat(70)}${"]".repeat(70)}`,
      /^config\.yaml:1:\d+: expected at most 64 levels, got more$/,
    ],
    ["a tag", "a: !secret b\n", /^config\.yaml:1:\d+: expected a value without a tag, got !secret$/],
  ])("%s", (_name, text, expected) => {
    expect(faultsOf(text)[0]).toMatch(expected);
  });

  it("does not print what stands where the syntax breaks", () => {
    const faults = faultsOf('extensions:\n  bearertokenauth:\n    token: "hunter" hunter2\n');
    expect(faults).not.toHaveLength(0);
    expect(faults.join("\n")).not.toContain("hunter");
  });

  it("is named when it is not there", () => {
    expect(faultsOf({ files: [], sets: [] })).toHaveLength(3);
  });
});

describe("all faults at once", () => {
  it("come in the order of files, lines, columns, then --set", () => {
    const first = minimal({
      grpc: "{ endpoint: nowhere, colour: red }",
      service: "workers: -1\n  extensions: [oidc]",
    });
    const second = "service: { memory: { in_flight: ${env:IN_FLIGHT} } }\n";
    const sets = ["service.shutdown.delay=5", "service.telemetry.logs.level=loud", "nothing"];
    expect(faultsOf({ files: [first, second], sets })).toEqual([
      'config.yaml:4:25 receivers.otlp.protocols.grpc.endpoint: expected an address such as "localhost:4317", "0.0.0.0:4317" or "[::]:4317", got "nowhere"',
      'config.yaml:4:34 receivers.otlp.protocols.grpc.colour: expected one of endpoint, max_recv_msg_size_mib, max_concurrent_streams, receive_timeout, keepalive, include_metadata, tls, auth, read_buffer_size, write_buffer_size, got "colour"',
      'config.yaml:11:12 service.workers: expected "auto" or an integer from 1 to 256, got -1',
      'config.yaml:12:16 service.extensions[0]: expected an extension that is defined (there is none), got "oidc"',
      "config2.yaml:1:33 service.memory.in_flight: expected the environment variable IN_FLIGHT to be set, or a default as in ${env:IN_FLIGHT:-value}, got nothing",
      '--set service.shutdown.delay: expected a duration such as "5s", got 5',
      '--set service.telemetry.logs.level: expected one of debug, info, warn, error, got "loud"',
      '--set nothing: expected KEY=VALUE such as service.shutdown.delay=5s, got "nothing"',
    ]);
  });

  it("name the key below what --set has set", () => {
    expect(faultsOf({ files: [minimal()], sets: ["service.shutdown={ delay: 5 }"] })).toEqual([
      '--set service.shutdown service.shutdown.delay: expected a duration such as "5s", got 5',
    ]);
  });
});

describe("warnings", () => {
  it.each([
    [
      "what no pipeline uses",
      minimal().replace(
        "exporters:",
        "exporters:\n  ‸load_balancing/b: { resolver: { dns: { hostname: b } } }",
      ),
      "exporters.load_balancing/b: has no effect: no pipeline uses load_balancing/b",
    ],
    [
      "routing_attributes without their key",
      minimal({ exporter: "{ ‸routing_attributes: [a], resolver: { dns: { hostname: a } } }" }),
      "exporters.load_balancing.routing_attributes: has no effect without routing_key: attributes",
    ],
    [
      "a port beside SRV",
      minimal({ exporter: "{ resolver: { dns: { hostname: a, ‸port: 1, record: SRV } } }" }),
      "exporters.load_balancing.resolver.dns.port: has no effect with record SRV: the records say the port",
    ],
    [
      "a list that may empty",
      minimal({ exporter: "{ resolver: { dns: { hostname: a, ‸keep_last_good: false } } }" }),
      "exporters.load_balancing.resolver.dns.keep_last_good: has no effect: in this version the last list is always kept",
    ],
    [
      "workers",
      minimal({ service: "‸workers: 2" }),
      "service.workers: has no effect: this version runs one worker",
    ],
    [
      "the log",
      minimal({ exporter: "{ ‸wal: { directory: /var/wal }, resolver: { dns: { hostname: a } } }" }),
      "exporters.load_balancing.wal: has no effect: this version has no log: it answers UNAVAILABLE where it would write to it",
    ],
    [
      "replicas",
      minimal({ service: "‸cluster: { peers: { dns: { hostname: a } } }" }),
      "service.cluster: has no effect: in this version replicas do not talk to each other",
    ],
  ])("%s", (_name, marked, expected) => {
    const { text, place } = placeOfCaret(marked);
    expect(load(text).warnings).toEqual([`${place} ${expected}`]);
  });
});
