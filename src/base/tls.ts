/**
 * TLS for both sides of a connection. The settings are those of the Collector's configtls, in our spelling;
 * certificates are read again while the program runs.
 */
import type { ConnectionOptions, SecureContextOptions } from "node:tls";

/** A version of TLS as the Collector's `min_version` and `max_version` write it. */
export type TlsVersion = "1.2" | "1.3";

interface CommonTlsSettings {
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
