/** `receivers`, as the servers to start. */
import type { ServerTlsSettings } from "../../base/tls.ts";
import { signalFacts } from "../../otlp/signal.ts";
import type { Path } from "../fault.ts";
import type { ConfigurationReader } from "../reader.ts";
import type { GrpcSection, HttpSection, OtlpReceiverSection, ServerTlsSection } from "../schema/receivers.ts";
import type { GrpcReceiverSettings, HttpReceiverSettings, ReceiverSettings } from "../settings.ts";
import type { Component, Components } from "./components.ts";
import { defined } from "./defined.ts";
import type { Extensions } from "./extensions.ts";
import { commonTlsSettings } from "./tls.ts";

const MEBIBYTE = 1024 * 1024;

/** Receivers whose sections have no fault. */
export function resolveReceivers(
  reader: ConfigurationReader,
  components: Components<OtlpReceiverSection>,
  extensions: Extensions,
): ReceiverSettings[] {
  return [...components.values()].flatMap(
    (component) => resolveReceiver(reader, component, extensions) ?? [],
  );
}

function resolveReceiver(
  reader: ConfigurationReader,
  { name, path, section }: Component<OtlpReceiverSection>,
  extensions: Extensions,
): ReceiverSettings | undefined {
  if (section === undefined) return undefined;
  const { grpc, http } = section.protocols;
  const protocolsPath = [...path, "protocols"];
  if (grpc === undefined && http === undefined) {
    reader.expected(protocolsPath, "grpc, http or both", "neither");
    return undefined;
  }
  return {
    name,
    ...(grpc && { grpc: resolveGrpc(reader, grpc, [...protocolsPath, "grpc"], extensions) }),
    ...(http && { http: resolveHttp(reader, http, [...protocolsPath, "http"], extensions) }),
  };
}

function resolveGrpc(
  reader: ConfigurationReader,
  section: NonNullable<GrpcSection>,
  path: Path,
  extensions: Extensions,
): GrpcReceiverSettings {
  const { server_parameters: parameters, enforcement_policy: policy } = section.keepalive;
  return {
    ...section.endpoint,
    maxRecvMsgSizeBytes: section.max_recv_msg_size_mib * MEBIBYTE,
    maxConcurrentStreams: section.max_concurrent_streams,
    receiveTimeoutMs: section.receive_timeout,
    includeMetadata: section.include_metadata,
    keepalive: {
      ...defined({
        maxConnectionIdleMs: orNever(parameters.max_connection_idle),
        maxConnectionAgeMs: orNever(parameters.max_connection_age),
        maxConnectionAgeGraceMs: orNever(parameters.max_connection_age_grace),
      }),
      timeMs: parameters.time,
      timeoutMs: parameters.timeout,
      minTimeMs: policy.min_time,
      permitWithoutStream: policy.permit_without_stream,
    },
    ...resolveSecurity(reader, section, path, extensions),
  };
}

function resolveHttp(
  reader: ConfigurationReader,
  section: NonNullable<HttpSection>,
  path: Path,
  extensions: Extensions,
): HttpReceiverSettings {
  const paths = {
    traces: section.traces_url_path,
    metrics: section.metrics_url_path,
    logs: section.logs_url_path,
    // The Collector has no key for it either.
    profiles: signalFacts.profiles.httpPath,
  };
  for (const signal of ["metrics", "logs"] as const) {
    const isTaken = paths[signal] === paths.traces || (signal === "logs" && paths.logs === paths.metrics);
    if (isTaken) reader.expected([...path, `${signal}_url_path`], "a path of its own for each signal");
  }
  const { cors } = section;
  return {
    ...section.endpoint,
    maxRequestBodySizeBytes: section.max_request_body_size,
    paths,
    ...(cors && {
      cors: {
        allowedOrigins: cors.allowed_origins,
        allowedHeaders: cors.allowed_headers,
        maxAgeSeconds: cors.max_age,
      },
    }),
    readHeaderTimeoutMs: section.read_header_timeout,
    readTimeoutMs: section.read_timeout,
    idleTimeoutMs: section.idle_timeout,
    keepAlivesEnabled: section.keep_alives_enabled,
    includeMetadata: section.include_metadata,
    ...resolveSecurity(reader, section, path, extensions),
  };
}

function resolveSecurity(
  reader: ConfigurationReader,
  section: Pick<NonNullable<GrpcSection>, "tls" | "auth">,
  path: Path,
  extensions: Extensions,
) {
  const tls = section.tls && resolveServerTls(reader, section.tls, [...path, "tls"]);
  const authenticator = extensions.authenticator(section.auth, [...path, "auth"]);
  return defined({ tls, authenticator });
}

function resolveServerTls(
  reader: ConfigurationReader,
  section: ServerTlsSection,
  path: Path,
): ServerTlsSettings {
  const settings = commonTlsSettings(reader, section, path);
  if (settings.certFile === undefined && settings.certPem === undefined) {
    reader.expected(path, "a certificate and its key (cert_file and key_file)", "neither");
  }
  return {
    ...settings,
    ...defined({ clientCaFile: section.client_ca_file }),
    clientCaFileReload: section.client_ca_file_reload,
  };
}

/** gRPC's servers take 0 for "never". */
function orNever(durationMs: number | undefined): number | undefined {
  return durationMs === 0 ? undefined : durationMs;
}
