/** `exporters.load_balancing`: the Collector's load-balancing exporter, and what is ours beside it. */
import { parseCidr } from "../../discovery/address-guard.ts";
import { routingKeys } from "../../otlp/routing-key.ts";
import { slotCountDefault, slotCountMax, slotCountMin } from "../../ring/ring.ts";
import { anything, type Infer, list, mapOf, section } from "../fields.ts";
import { forwardedHeaderNameFault, headerNameFault } from "../header-names.ts";
import {
  checkedText,
  choice,
  duration,
  endpoint,
  flag,
  integer,
  port,
  size,
  target,
  text,
} from "../values.ts";
import { authentication, clientTls } from "./tls.ts";

const replacedByLog =
  "what a backend cannot take now is answered with UNAVAILABLE, so that the client keeps it and sends it again";

const retryOnFailure = section(
  {
    enabled: flag({ optional: true, about: "Accepted, not used." }),
    initial_interval: duration({ optional: true, about: "Accepted, not used." }),
    randomization_factor: anything({ about: "Accepted, not used." }),
    multiplier: anything({ about: "Accepted, not used." }),
    max_interval: duration({ optional: true, about: "Accepted, not used." }),
    max_elapsed_time: duration({ optional: true, about: "Accepted, not used." }),
  },
  { optional: true, ignored: replacedByLog, about: "The Collector's retries; checked, not used." },
);

const sendingQueue = section(
  {
    enabled: flag({ optional: true, about: "Accepted, not used." }),
    num_consumers: integer({ optional: true, min: 1, max: 1_000_000, about: "Accepted, not used." }),
    queue_size: integer({ optional: true, min: 0, max: 2 ** 40, about: "Accepted, not used." }),
    storage: text({
      optional: true,
      about: "The `file_storage` extension whose directory becomes the write-ahead log's.",
    }),
    sizer: choice(["requests", "items", "bytes"], { optional: true, about: "Accepted, not used." }),
    block_on_overflow: flag({ optional: true, about: "Accepted, not used." }),
    wait_for_result: flag({ optional: true, about: "Accepted, not used." }),
    batch: anything({ about: "Accepted, not used: shards that wait for a backend are joined." }),
  },
  {
    optional: true,
    ignored: replacedByLog,
    about: "The Collector's queue; checked, and its `storage` read.",
  },
);

const headers = mapOf(
  text({ lengthMax: 16_384, pattern: /^[\x20-\x7e]*$/, expected: "printable ASCII", about: "A value." }),
  {
    secret: true,
    keyFault: (name) => headerNameFault(name.toLowerCase()),
    about: "Headers to send with every request. Their values are never printed.",
  },
);

const otlpProtocol = section(
  {
    timeout: duration({
      optional: true,
      min: "10ms",
      max: "1h",
      about: "How long one call to a backend may take. Default 5s; `delivery.timeout` wins over it.",
    }),
    compression: choice(["gzip", "zstd", "deflate", "none"], {
      default: "gzip",
      about: "How requests to backends are compressed.",
    }),
    tls: clientTls,
    headers,
    auth: authentication,
    keepalive: section(
      {
        time: duration({ default: "10s", min: "1s", about: "Pings a silent backend after this long." }),
        timeout: duration({
          default: "5s",
          min: "10ms",
          about: "Takes the connection for dead when a ping is not answered within this time.",
        }),
        permit_without_stream: flag({
          optional: true,
          ignored: "only connections with calls open are pinged",
          about: "Accepted, not used.",
        }),
      },
      { filled: true, about: "HTTP/2 pings to backends." },
    ),
    retry_on_failure: retryOnFailure,
    sending_queue: sendingQueue,
    endpoint: text({
      optional: true,
      ignored: "the resolver says where backends are",
      about: "Accepted, not used.",
    }),
    wait_for_ready: flag({
      optional: true,
      ignored: "a shard waits for its connection within its timeout",
      about: "Accepted, not used.",
    }),
    balancer_name: text({
      optional: true,
      ignored: "each backend is dialled at its own address",
      about: "Accepted, not used.",
    }),
    read_buffer_size: integer({
      optional: true,
      min: 0,
      max: 2 ** 31 - 1,
      ignored: "Node.js sizes its buffers itself",
      about: "Accepted, not used.",
    }),
    write_buffer_size: integer({
      optional: true,
      min: 0,
      max: 2 ** 31 - 1,
      ignored: "Node.js sizes its buffers itself",
      about: "Accepted, not used.",
    }),
  },
  { filled: true, about: "How backends are spoken to: OTLP over gRPC." },
);

const dnsName = {
  pattern: /^(?=.{1,253}$)[A-Za-z0-9_](?:[\w-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[\w-]*[A-Za-z0-9_])?)*\.?$/,
  expected: 'a host name such as "tier2-headless.obs"',
} as const;

const resolver = section(
  {
    static: section(
      {
        hostnames: list(target({ about: "A backend: `host:port`, or `host` for port 4317." }, 4317), {
          min: 1,
          max: 10_000,
          about: "The backends.",
        }),
      },
      { optional: true, about: "A fixed list." },
    ),
    dns: section(
      {
        hostname: text({ ...dnsName, about: "The name whose addresses are the backends." }),
        port: port({
          optional: true,
          about: "The port of every backend. Default 4317; with `record: SRV`, the record says it.",
        }),
        interval: duration({ default: "5s", min: "100ms", about: "How often the name is asked for." }),
        timeout: duration({ default: "1s", min: "10ms", max: "1m", about: "How long one answer may take." }),
        record: choice(["A", "AAAA", "SRV"], {
          optional: true,
          ours: true,
          about:
            "Which records are asked for. Default: A and AAAA. SRV gives a StatefulSet's pods by name, so that a pod that comes back with another address moves no keys.",
        }),
        keep_last_good: flag({
          default: true,
          ours: true,
          about:
            "Keeps the last list when an answer is empty or fails, so that the ring never empties. Always so in this version.",
        }),
      },
      { optional: true, about: "Asks DNS again and again." },
    ),
    k8s: section(
      {
        service: text({ about: "`service.namespace`." }),
        ports: list(port({ about: "A port." }), { max: 16, about: "Ports of every pod." }),
        timeout: duration({ optional: true, about: "How long the first list may take." }),
        return_hostnames: flag({ default: false, about: "Names in place of addresses." }),
      },
      {
        optional: true,
        about: "Not available in this version: use `dns` with the headless service's name.",
      },
    ),
    aws_cloud_map: anything({ about: "Not supported: use `dns` or `static`." }),
  },
  { filled: true, about: "Where the backends are: exactly one of `static` and `dns`." },
);

export const walField = section(
  {
    directory: text({ about: "The directory of the log; each gateway needs its own." }),
    max_size: size({
      default: "4GiB",
      min: "16MiB",
      max: "64TiB",
      about: "The most that it may hold on disk.",
    }),
    segment_size: size({ default: "64MiB", min: "1MiB", max: "1GiB", about: "The size of one file." }),
    sync: choice(["always"], {
      default: "always",
      about: "Nothing is acknowledged before it is on the disk.",
    }),
    on_full: choice(["reject", "drop_oldest"], {
      default: "reject",
      about: "`reject` answers UNAVAILABLE, so that clients keep their data; `drop_oldest` loses the oldest.",
    }),
  },
  {
    optional: true,
    ours: true,
    ignored: "this version has no log: it answers UNAVAILABLE where it would write to it",
    about: "The write-ahead log for what a backend cannot take now. Not available in this version.",
  },
);

const forwardedHeader = checkedText(
  {
    type: "text",
    expected: "the name of a header",
    fault: (name) => forwardedHeaderNameFault(name.toLowerCase()),
  },
  { about: "The name of a header." },
);

function isCidr(text: string): boolean {
  try {
    parseCidr(text);
    return true;
  } catch {
    return false;
  }
}

const networkExpected = 'a network such as "10.0.0.0/8" or "fd00::/8"';
const network = checkedText(
  {
    type: "text",
    expected: networkExpected,
    fault: (cidr) => (isCidr(cidr) ? undefined : networkExpected),
  },
  { about: "A network." },
);

export const everyRoutingKey = [...new Set(Object.values(routingKeys).flat())];

export const loadBalancingExporter = section(
  {
    routing_key: choice(everyRoutingKey, {
      optional: true,
      about:
        "What keeps together: everything with the same key goes to the same backend. Traces: traceID (default), service, resource, attributes. Metrics: service (default), resource, metric, streamID, attributes. Logs: service (default), traceID, resource, attributes.",
    }),
    routing_attributes: list(text({ lengthMax: 256, about: "The name of an attribute." }), {
      max: 32,
      about:
        "With `routing_key: attributes`: the attributes that make the key, looked for on the resource, the scope, then the span, point or record; `span.name` and `span.kind` are a span's own.",
    }),
    resolver,
    protocol: section(
      { otlp: otlpProtocol },
      { filled: true, about: "The protocol of the backends: `otlp` is the only one." },
    ),
    ring: section(
      {
        size: integer({
          default: slotCountDefault,
          min: slotCountMin,
          max: slotCountMax,
          powerOfTwo: true,
          about: "Slots that keys fall into and backends own. All replicas need the same.",
        }),
        compat: choice(["none", "otelcol_v1", "otelcol_v2", "otelcol_v3"], {
          default: "none",
          about: "The ring of a Collector's release, to stand beside one. Only `none` in this version.",
        }),
      },
      { filled: true, ours: true, about: "How keys are spread over backends." },
    ),
    handoff: section(
      {
        window: duration({
          default: "30s",
          max: "1h",
          about:
            "How long traces in flight stay with their backend when the list changes: at least tier 2's decision_wait. 0s: not at all.",
        }),
      },
      {
        filled: true,
        ours: true,
        about: "Whole traces across a change of backends. Not available in this version.",
      },
    ),
    delivery: section(
      {
        max_in_flight: integer({
          default: 4,
          min: 1,
          max: 1024,
          about: "Calls that one backend has open at a time.",
        }),
        max_batch_size: size({
          default: "3.5MiB",
          min: "1KiB",
          max: "256MiB",
          about: "The largest request to a backend; a Collector takes 4MiB unless told otherwise.",
        }),
        timeout: duration({
          optional: true,
          min: "10ms",
          max: "1h",
          about: "How long one call to a backend may take. Default: `protocol.otlp.timeout`.",
        }),
      },
      { filled: true, ours: true, about: "How backends are sent to." },
    ),
    wal: walField,
    forward_headers: list(forwardedHeader, {
      max: 32,
      ours: true,
      about:
        "Clients' headers that go on to the backend, such as `x-scope-orgid`. Credentials and the transport's own headers cannot.",
    }),
    allowed_cidrs: list(network, {
      max: 256,
      ours: true,
      about:
        "Discovered addresses outside of these networks are refused. Absent: any but loopback, link-local and the like, which only a network within them allows (`127.0.0.0/8`).",
    }),
    timeout: duration({ optional: true, ignored: replacedByLog, about: "Accepted, not used." }),
    retry_on_failure: retryOnFailure,
    sending_queue: sendingQueue,
  },
  { about: "Sends every key to the one backend that owns it." },
);

export const peerResolver = section(
  {
    static: section(
      {
        endpoints: list(target({ about: "A replica." }, 7947), { min: 1, max: 1000, about: "The replicas." }),
      },
      { optional: true, about: "A fixed list." },
    ),
    dns: section(
      {
        hostname: text({ ...dnsName, about: "The gateway's own headless service." }),
        port: port({ default: 7947, about: "The port of every replica." }),
      },
      { optional: true, about: "Asks DNS." },
    ),
  },
  { optional: true, about: "Where the other replicas are: `static` or `dns`." },
);

/** Beside the resolver that it shares its words with. */
export const cluster = section(
  {
    endpoint: endpoint({ default: "localhost:7947", about: "The address to listen on for other replicas." }),
    secret_file: text({ optional: true, about: "A file with the secret that replicas share." }),
    peers: peerResolver,
  },
  {
    optional: true,
    ours: true,
    ignored: "in this version replicas do not talk to each other",
    about: "What replicas of the gateway tell each other. Not available in this version.",
  },
);

export type LoadBalancingSection = Infer<typeof loadBalancingExporter>;
export type ResolverSection = Infer<typeof resolver>;
export type ClientTlsSection = Infer<typeof clientTls>;
