/** `protocol.otlp`: the Collector's OTLP/gRPC exporter, as the load-balancing exporter uses it; and what OTLP/HTTP shares with it. */
import { anything, type Infer, mapOf, section } from "../fields.ts";
import { headerNameFault } from "../header-names.ts";
import { choice, duration, flag, integer, text } from "../values.ts";
import { authentication, clientTls } from "./tls.ts";

export const replacedByLog =
  "what a backend cannot take now is answered with UNAVAILABLE, so that the client keeps it and sends it again";

export const retryOnFailure = section(
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

export const sendingQueue = section(
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

const bufferSize = integer({
  optional: true,
  min: 0,
  max: 2 ** 31 - 1,
  ignored: "Node.js sizes its buffers itself",
  about: "Accepted, not used.",
});

/** What both protocols have. */
export const commonProtocol = {
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
  retry_on_failure: retryOnFailure,
  sending_queue: sendingQueue,
  read_buffer_size: bufferSize,
  write_buffer_size: bufferSize,
};

export const otlpProtocol = section(
  {
    ...commonProtocol,
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
  },
  { filled: true, about: "OTLP over gRPC, which is the default." },
);

export type ClientTlsSection = Infer<typeof clientTls>;
export type OtlpProtocolSection = Infer<typeof otlpProtocol>;
