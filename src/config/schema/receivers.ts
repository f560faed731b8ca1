/** `receivers.otlp`: the Collector's OTLP receiver. */
import { type Infer, list, section } from "../fields.ts";
import { duration, endpoint, flag, integer, size, text } from "../values.ts";
import { authentication, serverKeepalive, serverTls } from "./tls.ts";

const bufferIgnored = "Node.js sizes its buffers itself";

const grpc = section(
  {
    endpoint: endpoint({ default: "localhost:4317", about: "The address to listen on." }),
    max_recv_msg_size_mib: integer({
      default: 64,
      min: 1,
      max: 1024,
      about:
        "The largest request in MiB, compressed or not; a larger one is refused with RESOURCE_EXHAUSTED.",
    }),
    max_concurrent_streams: integer({
      default: 256,
      min: 1,
      max: 65_535,
      about: "Requests that one connection may have open at a time.",
    }),
    receive_timeout: duration({
      default: "30s",
      min: "100ms",
      max: "1h",
      ours: true,
      about: "How long a request may take to arrive, from its headers to its last byte.",
    }),
    keepalive: serverKeepalive,
    include_metadata: flag({
      default: false,
      about: "Accepted: an exporter's `forward_headers` says which headers of clients are passed on.",
    }),
    tls: serverTls,
    auth: authentication,
    read_buffer_size: integer({
      optional: true,
      min: 0,
      max: 2 ** 31 - 1,
      ignored: bufferIgnored,
      about: "Accepted, not used.",
    }),
    write_buffer_size: integer({
      optional: true,
      min: 0,
      max: 2 ** 31 - 1,
      ignored: bufferIgnored,
      about: "Accepted, not used.",
    }),
  },
  { optional: true, about: "OTLP over gRPC. `grpc:` alone takes every default; absent: not served." },
);

const urlPath = {
  pattern: /^\/[\w./~-]*$/,
  expected: 'a path such as "/v1/traces"',
  lengthMax: 256,
} as const;

const cors = section(
  {
    allowed_origins: list(text({ about: "An origin; `*` stands for any characters." }), {
      max: 256,
      about: "Origins of pages that may send, such as `https://*.example.com`.",
    }),
    allowed_headers: list(text({ about: "The name of a header." }), {
      max: 256,
      about: "Headers that such pages may send besides the harmless ones.",
    }),
    max_age: integer({
      default: 0,
      min: 0,
      max: 86_400,
      about: "Seconds that a browser may remember the answer. 0: the browser's own default.",
    }),
  },
  { optional: true, about: "Lets web pages send. Absent: they may not." },
);

const http = section(
  {
    endpoint: endpoint({ default: "localhost:4318", about: "The address to listen on." }),
    max_request_body_size: size({
      default: "20MiB",
      max: "1GiB",
      about: "The largest body, compressed or not; a larger one is answered 413.",
    }),
    traces_url_path: text({ default: "/v1/traces", ...urlPath, about: "Where traces are posted." }),
    metrics_url_path: text({ default: "/v1/metrics", ...urlPath, about: "Where metrics are posted." }),
    logs_url_path: text({ default: "/v1/logs", ...urlPath, about: "Where logs are posted." }),
    cors,
    read_header_timeout: duration({
      default: "10s",
      min: "100ms",
      max: "1h",
      about: "How long a request's headers may take to arrive.",
    }),
    read_timeout: duration({
      default: "30s",
      min: "100ms",
      max: "1h",
      about: "How long a whole request may take to arrive.",
    }),
    idle_timeout: duration({
      default: "1m",
      min: "1s",
      about: "Closes a connection that has had no request for this long.",
    }),
    keep_alives_enabled: flag({ default: true, about: "Lets a connection carry more than one request." }),
    include_metadata: flag({
      default: false,
      about: "Accepted: an exporter's `forward_headers` says which headers of clients are passed on.",
    }),
    tls: serverTls,
    auth: authentication,
  },
  { optional: true, about: "OTLP over HTTP: protobuf and JSON, HTTP/1.1 and HTTP/2, on one port." },
);

export const otlpReceiver = section(
  { protocols: section({ grpc, http }, { about: "What to serve: `grpc`, `http`, or both." }) },
  { about: "Receives OTLP." },
);

export type OtlpReceiverSection = Infer<typeof otlpReceiver>;
export type GrpcSection = Infer<typeof grpc>;
export type HttpSection = Infer<typeof http>;
export type ServerTlsSection = NonNullable<Infer<typeof serverTls>>;
