/** `protocol`: how an exporter's backends are spoken to. */
import type { ClientTlsSettings } from "../../base/tls.ts";
import { type Signal, signalFacts, signals } from "../../otlp/signal.ts";
import type { Path } from "../fault.ts";
import type { ConfigurationReader } from "../reader.ts";
import type { LoadBalancingSection } from "../schema/exporters.ts";
import type { OtlpHttpProtocolSection } from "../schema/otlp-http-protocol.ts";
import type { ClientTlsSection, OtlpProtocolSection } from "../schema/otlp-protocol.ts";
import type { OtlpHttpProtocolSettings, ProtocolSettings } from "../settings.ts";
import { defined } from "./defined.ts";
import type { Extensions } from "./extensions.ts";
import { commonTlsSettings } from "./tls.ts";

/** Of backends, where they name none; as IANA has them for OTLP. */
export const portDefault = { otlp_grpc: 4317, otlp_http: 4318 } as const satisfies Record<
  ProtocolSettings["type"],
  number
>;

export type ChosenProtocol = { readonly path: Path } & (
  | { readonly type: "otlp_grpc"; readonly section: OtlpProtocolSection }
  | { readonly type: "otlp_http"; readonly section: OtlpHttpProtocolSection }
);

const callTimeoutDefaultMs = 5000;

/** The one that is given, OTLP/gRPC where none is; two are a fault. */
export function chosenProtocol(
  reader: ConfigurationReader,
  { otlp, ...overHttp }: LoadBalancingSection["protocol"],
  path: Path,
): ChosenProtocol {
  const given = ["otlp", "otlp_http", "otlphttp"].filter((key) => reader.node([...path, key]) !== undefined);
  if (given.length > 1) reader.expected(path, "exactly one of otlp and otlp_http", given.join(" and "));
  for (const key of ["otlp_http", "otlphttp"] as const) {
    const section = overHttp[key];
    if (section !== undefined) return { type: "otlp_http", path: [...path, key], section };
  }
  return { type: "otlp_grpc", path: [...path, "otlp"], section: otlp };
}

/** @param timeoutMs overrules the protocol's own. */
export function resolveProtocol(
  reader: ConfigurationReader,
  protocol: ChosenProtocol,
  timeoutMs: number | undefined,
  extensions: Extensions,
): ProtocolSettings {
  const { path, section } = protocol;
  const common = {
    timeoutMs: timeoutMs ?? section.timeout ?? callTimeoutDefaultMs,
    compression: section.compression === "none" ? ("identity" as const) : section.compression,
    headers: Object.fromEntries(Array.from(section.headers, ([name, value]) => [name.toLowerCase(), value])),
    ...defined({
      tls: resolveClientTls(reader, section.tls, [...path, "tls"]),
      auth: extensions.credentials(section.auth, [...path, "auth"]),
    }),
  };
  switch (protocol.type) {
    case "otlp_grpc": {
      const { time, timeout } = protocol.section.keepalive;
      return { type: "otlp_grpc", ...common, keepalive: { timeMs: time, timeoutMs: timeout } };
    }
    case "otlp_http":
      return {
        type: "otlp_http",
        ...common,
        paths: resolvePaths(reader, protocol.section, path),
        idleTimeoutMs: protocol.section.idle_conn_timeout,
      };
  }
}

function resolvePaths(
  reader: ConfigurationReader,
  section: OtlpHttpProtocolSection,
  path: Path,
): OtlpHttpProtocolSettings["paths"] {
  for (const key of ["endpoint", ...signals.map((signal) => `${signal}_endpoint`)]) {
    const node = reader.node([...path, key]);
    if (node?.kind === "scalar" && typeof node.value === "string" && !node.value.startsWith("/")) {
      reader.warn([...path, key], "only its path has an effect: the resolver says where backends are");
    }
  }
  const prefix = (section.endpoint ?? "").replace(/\/$/, "");
  const pathOf = (signal: Signal): string =>
    section[`${signal}_endpoint`] ?? prefix + signalFacts[signal].httpPath;
  return {
    traces: pathOf("traces"),
    metrics: pathOf("metrics"),
    logs: pathOf("logs"),
    profiles: pathOf("profiles"),
  };
}

/** Undefined for plain text, which an authority overrules, as in the Collector. */
function resolveClientTls(
  reader: ConfigurationReader,
  section: ClientTlsSection,
  path: Path,
): ClientTlsSettings | undefined {
  const { ca_file: caFile, ca_pem: caPem, server_name_override: serverNameOverride } = section;
  if (caFile !== undefined && caPem !== undefined) {
    reader.expected([...path, "ca_pem"], "one of ca_file and ca_pem", "both");
  }
  const settings = commonTlsSettings(reader, section, path);
  if (section.insecure && caFile === undefined && caPem === undefined) {
    if (section.insecure_skip_verify) {
      reader.warn([...path, "insecure_skip_verify"], "has no effect beside insecure: nothing is encrypted");
    }
    return undefined;
  }
  return {
    ...settings,
    insecureSkipVerify: section.insecure_skip_verify,
    includeSystemCaCertsPool: section.include_system_ca_certs_pool,
    ...defined({ caFile, caPem, serverNameOverride }),
  };
}
