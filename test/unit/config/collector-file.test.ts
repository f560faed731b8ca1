/** What a Collector's file may hold, and what becomes of it: one block a row of the table in docs/configuration.md. */
import { describe, expect, it } from "vitest";
import { faultsOf, file, load } from "./load.ts";

const tier1 = `
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: \${env:MY_POD_IP}:4317
      http:
        endpoint: \${env:MY_POD_IP}:4318
processors:
  memory_limiter:
    check_interval: 5s
    limit_percentage: 80
    spike_limit_percentage: 25
  batch: {}
exporters:
  loadbalancing:
    routing_key: service
    protocol:
      otlp:
        timeout: 1s
        tls:
          insecure: true
        sending_queue:
          enabled: true
          num_consumers: 10
          queue_size: 1000
        retry_on_failure:
          enabled: true
          initial_interval: 5s
          max_interval: 30s
          max_elapsed_time: 300s
    resolver:
      dns:
        hostname: otel-sampler-headless.observability.svc.cluster.local
        port: "4317"
        interval: 10s
        timeout: 2s
extensions:
  health_check:
    endpoint: \${env:MY_POD_IP}:13133
service:
  telemetry:
    logs:
      level: INFO
    metrics:
      readers:
        - pull:
            exporter:
              prometheus:
                host: \${env:MY_POD_IP}
                port: 8888
  extensions: [health_check]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [memory_limiter, batch]
      exporters: [loadbalancing]
    logs:
      receivers: [otlp]
      processors: [memory_limiter, batch]
      exporters: [loadbalancing]
`;

describe("a Collector's load-balancing tier, as its chart makes it", () => {
  const { settings, warnings } = load({ files: [tier1], env: { MY_POD_IP: "10.1.2.3" } });

  it("runs with the same meaning", () => {
    expect(settings.receivers).toMatchObject([
      { name: "otlp", grpc: { host: "10.1.2.3", port: 4317 }, http: { host: "10.1.2.3", port: 4318 } },
    ]);
    expect(settings.exporters).toMatchObject([
      {
        name: "loadbalancing",
        routingKey: { traces: "service", metrics: "service", logs: "service" },
        resolver: {
          type: "dns",
          hostname: "otel-sampler-headless.observability.svc.cluster.local",
          port: 4317,
          intervalMs: 10_000,
          timeoutMs: 2000,
        },
        protocol: { timeoutMs: 1000, compression: "gzip" },
      },
    ]);
    expect(settings.exporters[0]).not.toHaveProperty("protocol.tls");
    expect(settings.pipelines).toEqual([
      { name: "traces", signal: "traces", receivers: ["otlp"], exporters: ["loadbalancing"] },
      { name: "logs", signal: "logs", receivers: ["otlp"], exporters: ["loadbalancing"] },
    ]);
    expect(settings.healthCheck).toEqual({ host: "10.1.2.3", port: 13_133, path: "/" });
    expect(settings.metrics).toEqual({ host: "10.1.2.3", port: 8888, level: "normal" });
    expect(settings.logs.level).toBe("info");
  });

  it("says what has no effect, and where", () => {
    const unavailable =
      "has no effect: what a backend cannot take now is answered with UNAVAILABLE, so that the client keeps it and sends it again";
    expect(warnings).toEqual([
      "config.yaml:10:3 processors.memory_limiter: has no effect: the budget of bytes in flight (service.memory.in_flight) stands in its place",
      "config.yaml:14:3 processors.batch: has no effect: shards that wait for a backend are joined, which stands in its place",
      "config.yaml:16:3 exporters.loadbalancing: loadbalancing is the old name of load_balancing",
      `config.yaml:23:9 exporters.loadbalancing.protocol.otlp.sending_queue: ${unavailable}`,
      `config.yaml:27:9 exporters.loadbalancing.protocol.otlp.retry_on_failure: ${unavailable}`,
    ]);
  });
});

describe("receivers otlp", () => {
  it("takes every setting of grpc", () => {
    const { settings, warnings } = load(
      file({
        receiver: `
    protocols:
      grpc:
        endpoint: "[::1]:4317"
        max_recv_msg_size_mib: 32
        max_concurrent_streams: 16
        read_buffer_size: 1024
        write_buffer_size: 1024
        include_metadata: true
        keepalive:
          server_parameters:
            max_connection_idle: 11s
            max_connection_age: 12s
            max_connection_age_grace: 13s
            time: 30s
            timeout: 5s
          enforcement_policy:
            min_time: 10s
            permit_without_stream: true
        tls:
          cert_file: server.crt
          key_file: server.key
          client_ca_file: ca.crt
          client_ca_file_reload: true
          min_version: "1.2"
          max_version: "1.3"
          reload_interval: 1h
          cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
        auth:
          authenticator: basicauth/server`,
        extensions: "[basicauth/server]",
        rest: `extensions:
  basicauth/server:
    htpasswd:
      file: .htpasswd
      inline: |
        \${env:BASIC_AUTH_USERNAME:-user}:\${env:BASIC_AUTH_PASSWORD:-pass}
`,
      }),
    );
    expect(settings.receivers[0]!.grpc).toEqual({
      host: "::1",
      port: 4317,
      maxRecvMsgSizeBytes: 32 * 2 ** 20,
      maxConcurrentStreams: 16,
      receiveTimeoutMs: 30_000,
      includeMetadata: true,
      keepalive: {
        maxConnectionIdleMs: 11_000,
        maxConnectionAgeMs: 12_000,
        maxConnectionAgeGraceMs: 13_000,
        timeMs: 30_000,
        timeoutMs: 5000,
        minTimeMs: 10_000,
        permitWithoutStream: true,
      },
      tls: {
        certFile: "server.crt",
        keyFile: "server.key",
        clientCaFile: "ca.crt",
        clientCaFileReload: true,
        minVersion: "1.2",
        maxVersion: "1.3",
        reloadIntervalMs: 3_600_000,
        cipherSuites: ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
      },
      authenticator: {
        type: "basic",
        name: "basicauth/server",
        htpasswd: { file: ".htpasswd", inline: "user:pass\n" },
      },
    });
    expect(warnings).toEqual([
      "config.yaml:8:9 receivers.otlp.protocols.grpc.read_buffer_size: has no effect: Node.js sizes its buffers itself",
      "config.yaml:9:9 receivers.otlp.protocols.grpc.write_buffer_size: has no effect: Node.js sizes its buffers itself",
    ]);
  });

  it("takes every setting of http", () => {
    const { settings } = load(
      file({
        receiver: `
    protocols:
      grpc:
      http:
        endpoint: :4318
        max_request_body_size: 1048576
        traces_url_path: /traces
        metrics_url_path: /v1/metrics
        logs_url_path: /logs
        include_metadata: true
        cors:
          allowed_origins: ["http://test.com", "https://*.example.com"]
          allowed_headers: [Example-Header]
          max_age: 7200`,
      }),
    );
    expect(settings.receivers[0]!.http).toEqual({
      host: "",
      port: 4318,
      maxRequestBodySizeBytes: 1_048_576,
      paths: {
        traces: "/traces",
        metrics: "/v1/metrics",
        logs: "/logs",
        profiles: "/v1development/profiles",
      },
      cors: {
        allowedOrigins: ["http://test.com", "https://*.example.com"],
        allowedHeaders: ["Example-Header"],
        maxAgeSeconds: 7200,
      },
      readHeaderTimeoutMs: 10_000,
      readTimeoutMs: 30_000,
      idleTimeoutMs: 60_000,
      keepAlivesEnabled: true,
      includeMetadata: true,
    });
  });

  it("may serve HTTP alone", () => {
    const { settings, warnings } = load(file({ receiver: "{ protocols: { http: } }" }));
    expect(warnings).toEqual([]);
    expect(settings.receivers[0]).toMatchObject({ http: { host: "localhost", port: 4318 } });
    expect(settings.receivers[0]).not.toHaveProperty("grpc");
  });

  it("listens on localhost where no address is given, as the Collector does", () => {
    const { settings } = load(file({ receiver: "{ protocols: { grpc: , http: } }" }));
    expect(settings.receivers[0]).toMatchObject({
      grpc: { host: "localhost", port: 4317 },
      http: { host: "localhost", port: 4318 },
    });
  });
});

describe("exporters load_balancing", () => {
  it("routes traces by traceID, metrics and logs by service, unless told otherwise", () => {
    const { settings } = load(file({}));
    expect(settings.exporters[0]!.routingKey).toEqual({
      traces: "traceID",
      metrics: "service",
      logs: "service",
      profiles: "service",
    });
  });

  it("takes routing_key attributes with routing_attributes", () => {
    const { settings } = load(
      file({
        exporter:
          "{ routing_key: attributes, routing_attributes: [service.name, span.kind], resolver: { static: { hostnames: [a] } } }",
      }),
    );
    expect(settings.exporters[0]).toMatchObject({
      routingKey: { traces: "attributes", metrics: "attributes", logs: "attributes" },
      routingAttributes: ["service.name", "span.kind"],
    });
  });

  it("takes resolver static, with 4317 where a backend names no port", () => {
    const { settings } = load(
      file({
        exporter:
          "{ resolver: { static: { hostnames: [backend-1:4317, backend-2, '::1', '[fd00::2]:55690'] } } }",
      }),
    );
    expect(settings.exporters[0]!.resolver).toEqual({
      type: "static",
      members: ["backend-1:4317", "backend-2:4317", "[::1]:4317", "[fd00::2]:55690"],
    });
  });

  it.each([
    ["as a number", "4317"],
    ["as a string", '"4317"'],
  ])("takes resolver dns with a port %s", (_how, port) => {
    const { settings } = load(
      file({ exporter: `{ resolver: { dns: { hostname: tier2.obs, port: ${port} } } }` }),
    );
    expect(settings.exporters[0]!.resolver).toEqual({
      type: "dns",
      hostname: "tier2.obs",
      port: 4317,
      intervalMs: 5000,
      timeoutMs: 1000,
      records: ["A", "AAAA"],
    });
  });

  it("reads resolver k8s and says what to use in its place", () => {
    expect(
      faultsOf(
        file({ exporter: "{ resolver: { k8s: { service: lb-svc.kube-public, ports: [15317, 16317] } } }" }),
      ),
    ).toEqual([
      "config.yaml:4:33 exporters.load_balancing.resolver.k8s: resolver k8s is not available in this version; use dns with the headless service's name",
    ]);
  });

  it("takes every setting of protocol.otlp", () => {
    const { settings, warnings } = load(
      file({
        exporter: `
    resolver: { static: { hostnames: [a] } }
    protocol:
      otlp:
        endpoint: ignored:4317
        timeout: 3s
        compression: zstd
        headers:
          X-Scope-OrgID: "0123"
        tls:
          ca_file: ca.crt
          cert_file: client.crt
          key_file: client.key
          server_name_override: tier2.example
          reload_interval: 10m
        keepalive: { time: 20s, timeout: 10s, permit_without_stream: true }
        auth: { authenticator: bearertokenauth }
        sending_queue: { enabled: false }`,
        extensions: "[bearertokenauth]",
        rest: "extensions:\n  bearertokenauth: { token: s3cret }\n",
      }),
    );
    expect(settings.exporters[0]!.protocol).toEqual({
      type: "otlp_grpc",
      timeoutMs: 3000,
      compression: "zstd",
      headers: { "x-scope-orgid": "0123" },
      tls: {
        caFile: "ca.crt",
        certFile: "client.crt",
        keyFile: "client.key",
        minVersion: "1.2",
        serverNameOverride: "tier2.example",
        reloadIntervalMs: 600_000,
        insecureSkipVerify: false,
        includeSystemCaCertsPool: false,
      },
      keepalive: { timeMs: 20_000, timeoutMs: 10_000 },
      auth: { kind: "bearer", scheme: "Bearer", header: "Authorization", token: "s3cret" },
    });
    expect(warnings.map((warning) => warning.split(": ")[0])).toEqual([
      "config.yaml:8:9 exporters.load_balancing.protocol.otlp.endpoint",
      "config.yaml:19:47 exporters.load_balancing.protocol.otlp.keepalive.permit_without_stream",
      "config.yaml:21:9 exporters.load_balancing.protocol.otlp.sending_queue",
    ]);
  });

  it("dials over TLS unless insecure is set, as the Collector does", () => {
    expect(load(file({})).settings.exporters[0]!.protocol.tls).toEqual({
      minVersion: "1.2",
      insecureSkipVerify: false,
      includeSystemCaCertsPool: false,
    });
  });

  it.each([
    ["gzip", "gzip"],
    ["none", "identity"],
    ["zstd", "zstd"],
    ["deflate", "deflate"],
  ])("takes compression %s", (compression, coding) => {
    const { settings } = load(
      file({
        exporter: `{ resolver: { static: { hostnames: [a] } }, protocol: { otlp: { compression: ${compression} } } }`,
      }),
    );
    expect(settings.exporters[0]!.protocol.compression).toBe(coding);
  });
});

describe("resolver aws_cloud_map", () => {
  it("is not supported", () => {
    expect(
      faultsOf(
        file({
          exporter:
            "{ resolver: { aws_cloud_map: { namespace: cloudmap, service_name: otel, port: 4317 } } }",
        }),
      ),
    ).toEqual([
      "config.yaml:4:33 exporters.load_balancing.resolver.aws_cloud_map: resolver aws_cloud_map is not supported; use dns or static",
    ]);
  });
});

describe("any other component", () => {
  it.each([
    [
      "processors",
      "tail_sampling: { decision_wait: 10s }",
      "the processors memory_limiter or batch",
      "tail_sampling",
    ],
    ["processors", "k8sattributes/pods:", "the processors memory_limiter or batch", "k8sattributes"],
    ["connectors", "spanmetrics:", "no connectors", "spanmetrics"],
  ])("is a fault in %s: %s", (section, component, expected, got) => {
    expect(faultsOf(file({ rest: `${section}:\n  ${component}\n` }))).toEqual([
      `config.yaml:10:3 ${section}.${component.split(":")[0]}: expected ${expected}, got ${got}, which belongs in tier 2 or in a Collector in front`,
    ]);
  });

  it("is a fault in receivers and exporters", () => {
    const text = file({})
      .replace("receivers:\n", "receivers:\n  jaeger:\n")
      .replace("exporters:\n", "exporters:\n  debug:\n");
    expect(faultsOf(text)).toEqual([
      "config.yaml:2:3 receivers.jaeger: expected the receiver otlp, got jaeger, which belongs in tier 2 or in a Collector in front",
      "config.yaml:5:3 exporters.debug: expected the exporter load_balancing, got debug, which belongs in tier 2 or in a Collector in front",
    ]);
  });
});
