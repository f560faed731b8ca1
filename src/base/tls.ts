/**
 * TLS for both sides of a connection. The settings are those of the Collector's configtls, in our spelling;
 * certificates are read again while the program runs.
 */
import { isIP } from "node:net";
import {
  type ConnectionOptions,
  checkServerIdentity,
  createSecureContext,
  type PeerCertificate,
  type SecureContextOptions,
} from "node:tls";
import { errorMessage } from "./errors.ts";
import type { Logger } from "./logger.ts";
import type { MetricDefinition, MetricRegistry } from "./metrics.ts";
import {
  certificates,
  commonOptions,
  material,
  publicAuthorities,
  readFiles,
  tlsFault,
} from "./tls-material.ts";
import { type FileContents, watchFiles } from "./watched-files.ts";

export const tlsMetrics = {
  reloads: {
    name: "otlpring_tls_reloads_total",
    type: "counter",
    help: "Times that changed certificate files were read again, by whether they could be used.",
    labels: ["success"],
  },
} as const satisfies Record<string, MetricDefinition>;

/** How often, at the least, clientCaFile is looked at when it is to be reloaded. */
const CLIENT_CA_INTERVAL_MS = 10_000;

/** A version of TLS as the Collector's `min_version` and `max_version` write it. */
export type TlsVersion = "1.2" | "1.3";

export interface CommonTlsSettings {
  /** A PEM chain, leaf first, and its private key; each as a file or as text. */
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly certPem?: string;
  readonly keyPem?: string;
  /** Default "1.2", which is also the least. */
  readonly minVersion?: TlsVersion;
  /** Default: the newest that Node speaks. */
  readonly maxVersion?: TlsVersion;
  /** IANA names, as the Collector takes them; those of TLS 1.3 are always offered. Default: Node's. */
  readonly cipherSuites?: readonly string[];
  /** How often the files are read again; 0 or absent: never. */
  readonly reloadIntervalMs?: number;
}

export interface ServerTlsSettings extends CommonTlsSettings {
  /** Certificate authorities of clients; when given, a client without a certificate of theirs is refused. */
  readonly clientCaFile?: string;
  /** Reads clientCaFile again when it changes, whatever reloadIntervalMs says. Default false. */
  readonly clientCaFileReload?: boolean;
}

export interface ClientTlsSettings extends CommonTlsSettings {
  /** Plain text, unless a certificate authority is given. Default false. */
  readonly insecure?: boolean;
  /** Encrypts, but takes any certificate. Default false. */
  readonly insecureSkipVerify?: boolean;
  /** Certificate authorities of the server. Default: the system's and those that Node brings. */
  readonly caFile?: string;
  readonly caPem?: string;
  /** Trusts the system's authorities as well as the given ones. Default false. */
  readonly includeSystemCaCertsPool?: boolean;
  /** The name asked for (SNI) and expected in the certificate, instead of the one dialled. */
  readonly serverNameOverride?: string;
}

/** What a TLS server listens with. */
export interface ServerTls {
  /** For `createSecureServer`; always the newest that was good. */
  readonly options: SecureContextOptions & { requestCert?: boolean; rejectUnauthorized?: boolean };
  /** Calls `apply` (usually with `server.setSecureContext`) after each good reload; the answer unsubscribes. */
  onReload(apply: (options: SecureContextOptions) => void): () => void;
  /** Stops reading files. */
  close(): void;
}

/** What a TLS client connects with. */
export interface ClientTls {
  /** For `tls.connect` or `http2.connect`; ask anew for each connection, since certificates change. */
  connectOptions(): ConnectionOptions;
  /** Stops reading files. */
  close(): void;
}

export interface TlsModules {
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

/**
 * Reads and checks a server's certificate, key and clients' authorities.
 * @throws OtlpRingError `tls_unusable` or `file_unreadable`, with the file and what to do.
 */
export function loadServerTls(settings: ServerTlsSettings, modules: TlsModules): ServerTls {
  const { certFile, keyFile, clientCaFile, clientCaFileReload, reloadIntervalMs = 0 } = settings;
  if (certFile === undefined && settings.certPem === undefined) {
    throw tlsFault("tls: a server needs a certificate and its key; add cert_file and key_file");
  }
  const subscribers = new Set<(options: SecureContextOptions) => void>();
  const reloading = new Reloading(
    [
      {
        files: [
          [certFile, "tls.cert_file"],
          [keyFile, "tls.key_file"],
        ],
        intervalMs: reloadIntervalMs,
      },
      {
        files: [[clientCaFile, "tls.client_ca_file"]],
        intervalMs:
          clientCaFileReload === true
            ? Math.min(reloadIntervalMs || CLIENT_CA_INTERVAL_MS, CLIENT_CA_INTERVAL_MS)
            : 0,
      },
    ],
    (contents) => serverOptions(settings, contents),
    (options) => {
      for (const apply of subscribers) apply(options);
    },
    modules,
  );
  return {
    get options() {
      return reloading.current;
    },
    onReload(apply) {
      subscribers.add(apply);
      return () => subscribers.delete(apply);
    },
    close: () => reloading.close(),
  };
}

/**
 * Reads and checks what a client trusts and shows. Undefined means plain text: `insecure`, and no authority given.
 * @throws OtlpRingError `tls_unusable` or `file_unreadable`, with the file and what to do.
 */
export function loadClientTls(settings: ClientTlsSettings, modules: TlsModules): ClientTls | undefined {
  const { certFile, keyFile, caFile, reloadIntervalMs = 0 } = settings;
  if (settings.insecure === true && caFile === undefined && settings.caPem === undefined) return undefined;
  const reloading = new Reloading(
    [
      {
        files: [
          [certFile, "tls.cert_file"],
          [keyFile, "tls.key_file"],
          [caFile, "tls.ca_file"],
        ],
        intervalMs: reloadIntervalMs,
      },
    ],
    (contents) => clientOptions(settings, contents),
    () => undefined,
    modules,
  );
  return { connectOptions: () => reloading.current, close: () => reloading.close() };
}

function serverOptions(settings: ServerTlsSettings, contents: FileContents): ServerTls["options"] {
  const options: ServerTls["options"] = commonOptions(settings, contents);
  const clientCa = material("client_ca", settings.clientCaFile, undefined, contents);
  if (clientCa === undefined) return options;
  options.ca = certificates(clientCa.text, clientCa.place);
  options.requestCert = true;
  options.rejectUnauthorized = true;
  return options;
}

function clientOptions(settings: ClientTlsSettings, contents: FileContents): ConnectionOptions {
  const options = commonOptions(settings, contents);
  const ca = material("ca", settings.caFile, settings.caPem, contents);
  const given = ca === undefined ? [] : certificates(ca.text, ca.place);
  const withPublic = ca === undefined || settings.includeSystemCaCertsPool === true;
  options.ca = withPublic ? [...given, ...publicAuthorities()] : given;
  return {
    secureContext: createSecureContext(options),
    rejectUnauthorized: settings.insecureSkipVerify !== true,
    ...nameOptions(settings.serverNameOverride),
  };
}

function nameOptions(name: string | undefined): ConnectionOptions {
  if (name === undefined || name === "") return {};
  // An address is never asked for by SNI (RFC 6066 §3), but the certificate may be for one.
  if (isIP(name) === 0) return { servername: name };
  return {
    servername: "",
    checkServerIdentity: (_dialled: string, certificate: PeerCertificate) =>
      checkServerIdentity(name, certificate),
  };
}

interface FileGroup {
  readonly files: readonly (readonly [path: string | undefined, purpose: string])[];
  /** 0: never read again. */
  readonly intervalMs: number;
}

/** Something built from files, and built anew when they change; what could not be built leaves the old one. */
class Reloading<T> {
  current: T;
  #contents: FileContents;
  readonly #closers: (() => void)[] = [];

  constructor(
    groups: readonly FileGroup[],
    build: (contents: FileContents) => T,
    onReload: (current: T) => void,
    { logger, metrics }: TlsModules,
  ) {
    this.#contents = readFiles(groups.flatMap(({ files }) => files));
    this.current = build(this.#contents);
    const succeeded = metrics.counter(tlsMetrics.reloads, "true");
    const failed = metrics.counter(tlsMetrics.reloads, "false");
    for (const { files, intervalMs } of groups) {
      const contents = new Map([...this.#contents].filter(([path]) => files.some(([file]) => file === path)));
      if (intervalMs === 0 || contents.size === 0) continue;
      const paths = [...contents.keys()];
      this.#closers.push(
        watchFiles({
          purpose: "tls",
          intervalMs,
          contents,
          onChange: (changed) => {
            const merged = new Map([...this.#contents, ...changed]);
            this.current = build(merged);
            this.#contents = merged;
            succeeded.add(1);
            logger.info({ files: paths }, "TLS files changed; new connections use them");
            onReload(this.current);
          },
          onFailure: (error) => {
            failed.add(1);
            logger.error(
              { files: paths, error: errorMessage(error) },
              "TLS files cannot be used; the old ones stay",
            );
          },
        }),
      );
    }
  }

  close(): void {
    for (const close of this.#closers) close();
  }
}
