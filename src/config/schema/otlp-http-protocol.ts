/** `protocol.otlp_http`: the Collector's OTLP/HTTP exporter, as backends of a ring are spoken to by it. */
import { anything, type Infer, section } from "../fields.ts";
import { choice, duration, flag, integer, text, urlPath } from "../values.ts";
import { commonProtocol } from "./otlp-protocol.ts";

const onlyPath = "Of a URL the path alone counts: the resolver says where backends are.";

const connectionCount = integer({
  optional: true,
  min: 0,
  max: 2 ** 31 - 1,
  ignored: "a backend has at most delivery.max_in_flight connections",
  about: "Accepted, not used.",
});

const overHttp1 = "backends are spoken to by HTTP/1.1";

const shape = {
  ...commonProtocol,
  endpoint: urlPath({
    optional: true,
    about: `What stands before \`/v1/traces\`, \`/v1/metrics\` and \`/v1/logs\`: \`/api/v1/otlp\` for Prometheus. ${onlyPath}`,
  }),
  traces_endpoint: urlPath({
    optional: true,
    mayHaveQuery: true,
    about: `The whole path for traces, in place of \`endpoint\` and \`/v1/traces\`. ${onlyPath}`,
  }),
  metrics_endpoint: urlPath({
    optional: true,
    mayHaveQuery: true,
    about: `The whole path for metrics. ${onlyPath}`,
  }),
  logs_endpoint: urlPath({
    optional: true,
    mayHaveQuery: true,
    about: `The whole path for logs. ${onlyPath}`,
  }),
  profiles_endpoint: urlPath({
    optional: true,
    mayHaveQuery: true,
    about: `The whole path for profiles. ${onlyPath}`,
  }),
  encoding: choice(["proto"], { default: "proto", about: "Requests are protobuf." }),
  idle_conn_timeout: duration({
    default: "4s",
    min: "10ms",
    about:
      "Closes a connection that has been idle for this long, or a second before the backend would by its Keep-Alive header. Longer than the backend's own time, calls may be lost with a connection that it just closed.",
  }),
  max_idle_conns: connectionCount,
  max_idle_conns_per_host: connectionCount,
  max_conns_per_host: connectionCount,
  disable_keep_alives: flag({
    optional: true,
    ignored: "connections are kept for idle_conn_timeout",
    about: "Accepted, not used.",
  }),
  force_attempt_http2: flag({ optional: true, ignored: overHttp1, about: "Accepted, not used." }),
  http2_read_idle_timeout: duration({ optional: true, ignored: overHttp1, about: "Accepted, not used." }),
  http2_ping_timeout: duration({ optional: true, ignored: overHttp1, about: "Accepted, not used." }),
  proxy_url: text({
    optional: true,
    ignored: "each backend is dialled at its own address",
    about: "Accepted, not used.",
  }),
  compression_params: anything({
    ignored: "the level that costs least is used",
    about: "Accepted, not used.",
  }),
  cookies: anything({ ignored: "cookies are not kept", about: "Accepted, not used." }),
};

export const otlpHttpProtocol = section(shape, {
  optional: true,
  about: "OTLP over HTTP/1.1, in protobuf; a Collector's load-balancing exporter does not have it.",
});

export const otlphttpProtocol = section(shape, {
  optional: true,
  oldNameOf: "otlp_http",
  about: "The old name of `otlp_http`.",
});

export type OtlpHttpProtocolSection = NonNullable<Infer<typeof otlpHttpProtocol>>;
