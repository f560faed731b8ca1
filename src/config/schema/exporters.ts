/** `exporters.load_balancing`: the Collector's load-balancing exporter, and what is ours beside it. */
import { parseCidr } from "../../discovery/address-guard.ts";
import { routingKeys } from "../../otlp/routing-key.ts";
import { slotCountDefault, slotCountMax, slotCountMin } from "../../ring/ring.ts";
import { type Infer, list, section } from "../fields.ts";
import { forwardedHeaderNameFault } from "../header-names.ts";
import { checkedText, choice, duration, integer, size, text } from "../values.ts";
import { otlpHttpProtocol, otlphttpProtocol } from "./otlp-http-protocol.ts";
import { otlpProtocol, replacedByLog, retryOnFailure, sendingQueue } from "./otlp-protocol.ts";
import { resolver } from "./resolver.ts";

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
      { otlp: otlpProtocol, otlp_http: otlpHttpProtocol, otlphttp: otlphttpProtocol },
      { filled: true, about: "How backends are spoken to: `otlp` or `otlp_http`." },
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
          about: "How long one call to a backend may take. Default: the protocol's `timeout`.",
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

export type LoadBalancingSection = Infer<typeof loadBalancingExporter>;
