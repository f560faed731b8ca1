/** A file with everything that is ours, in flow style where people use it. */
export const complete = `receivers:
  otlp:
    protocols:
      grpc: { endpoint: \${env:POD_IP:-0.0.0.0}:4317, max_recv_msg_size_mib: 16 }
      http: { endpoint: \${env:POD_IP:-0.0.0.0}:4318, max_request_body_size: 20MiB }
exporters:
  load_balancing/traces:
    routing_key: traceID            # traceID | service | attributes
    resolver:                       # exactly one: static | dns
      dns: { hostname: tier2-collector-headless.obs, port: 4317, interval: 5s,
             timeout: 1s, record: A, keep_last_good: true }    # record: A | AAAA | SRV
    protocol:
      otlp: { timeout: 5s, compression: gzip, tls: { insecure: true }, headers: { x-api-key: hunter2 },
              retry_on_failure: { initial_interval: 1s, max_interval: 30s, max_elapsed_time: 5m } }
    # ---- ours, not upstream ----
    ring:     { size: 65536, compat: none }      # slots, a power of two; compat: none | otelcol_v1 | otelcol_v2 | otelcol_v3
    handoff:  { window: 30s }                    # whole traces across a ring change; 0s = off
    delivery: { max_in_flight: 4, max_batch_size: 4MiB, timeout: 5s }
    wal:      { directory: /var/lib/otlp-ring/wal, max_size: 4GiB, segment_size: 64MiB,
                sync: always, on_full: reject }  # reject = UNAVAILABLE + RetryInfo / 503 + Retry-After | drop_oldest
    forward_headers: [x-scope-orgid]
    allowed_cidrs: [10.0.0.0/8]                  # discovered addresses outside are refused; loopback only if listed
  load_balancing/spanmetrics:
    routing_key: service
    resolver: { dns: { hostname: spanmetrics-collector-headless.obs } }
extensions:
  health_check: { endpoint: 0.0.0.0:13133 }
  zpages:       { endpoint: localhost:55679 }
service:
  workers: auto                     # one a core
  cluster: { endpoint: 0.0.0.0:7947, secret_file: /etc/otlp-ring/peer-secret,   # replicas: epochs and arbiters
             peers: { dns: { hostname: otlp-ring-headless.obs, port: 7947 } } } # static | dns; absent: one replica
  memory: { in_flight: 256MiB }     # default a quarter of the container's limit
  shutdown: { delay: 5s, drain_timeout: 60s }
  telemetry:
    logs: { level: info, encoding: json }
    metrics: { level: normal, readers: [{ pull: { exporter: { prometheus: { host: 0.0.0.0, port: 8888 }}}}]}
  extensions: [health_check, zpages]
  pipelines:
    traces: { receivers: [otlp], exporters: [load_balancing/traces, load_balancing/spanmetrics] }
`;
