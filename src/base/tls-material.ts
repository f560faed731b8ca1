/** Certificates, keys, versions and cipher suites, checked before a socket sees them. */
import { X509Certificate } from "node:crypto";
import {
  createSecureContext,
  getCACertificates,
  type SecureContextOptions,
  type SecureVersion,
} from "node:tls";
import { errorMessage, OtlpRingError } from "./errors.ts";
import type { CommonTlsSettings, TlsVersion } from "./tls.ts";
import { type FileContents, readSmallFile } from "./watched-files.ts";

const NODE_VERSIONS: Readonly<Record<TlsVersion, SecureVersion>> = { "1.2": "TLSv1.2", "1.3": "TLSv1.3" };

/** RFC 8446 §B.4. Always offered, as Go does: its cipher_suites governs TLS 1.2 alone. */
const TLS_1_3_CIPHER_SUITES = [
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_AES_128_GCM_SHA256",
];

/** IANA names of the suites of TLS 1.2 that Go calls secure, and OpenSSL's names of the same. */
const OPENSSL_CIPHER_NAMES: ReadonlyMap<string, string> = new Map([
  ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"],
  ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"],
  ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"],
  ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"],
  ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"],
  ["TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"],
]);

/** A fault of the user's TLS settings or files. */
export function tlsFault(message: string, cause?: unknown): OtlpRingError {
  return new OtlpRingError("tls_unusable", message, { cause });
}

/** Reads every file that is named, once. @throws OtlpRingError `file_unreadable`. */
export function readFiles(
  files: readonly (readonly [path: string | undefined, purpose: string])[],
): FileContents {
  const contents = new Map<string, string>();
  for (const [path, purpose] of files) {
    if (path !== undefined) contents.set(path, readSmallFile(path, purpose));
  }
  return contents;
}

/** The text of a setting that may be a file or the text itself; `place` names the file for the user. */
export function material(
  name: string,
  file: string | undefined,
  pem: string | undefined,
  contents: FileContents,
): { text: string; place: string } | undefined {
  if (file !== undefined && pem !== undefined) {
    throw tlsFault(`tls: both ${name}_file and ${name}_pem are given; keep one of them`);
  }
  if (file !== undefined) return { text: contents.get(file) ?? "", place: `${name}_file ${file}` };
  if (pem !== undefined) return { text: pem, place: `${name}_pem` };
  return undefined;
}

/** What both sides share: versions, cipher suites, certificate chain and key. */
export function commonOptions(settings: CommonTlsSettings, contents: FileContents): SecureContextOptions {
  const { minVersion = "1.2", maxVersion } = settings;
  if (maxVersion !== undefined && maxVersion < minVersion) {
    throw tlsFault(`tls: max_version ${maxVersion} is below min_version ${minVersion}; raise max_version`);
  }
  const cert = material("cert", settings.certFile, settings.certPem, contents);
  const key = material("key", settings.keyFile, settings.keyPem, contents);
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = cert === undefined ? ["key", "cert"] : ["cert", "key"];
    throw tlsFault(`tls: a ${given} is given without its ${missing}; add ${missing}_file or ${missing}_pem`);
  }
  const options: SecureContextOptions = { minVersion: NODE_VERSIONS[minVersion] };
  if (maxVersion !== undefined) options.maxVersion = NODE_VERSIONS[maxVersion];
  if (settings.cipherSuites !== undefined && settings.cipherSuites.length > 0) {
    options.ciphers = opensslCiphers(settings.cipherSuites);
  }
  if (cert === undefined || key === undefined) return options;

  certificates(cert.text, cert.place);
  options.cert = cert.text;
  options.key = key.text;
  try {
    createSecureContext({ cert: cert.text, key: key.text });
  } catch (cause) {
    throw tlsFault(
      `tls: ${cert.place} and ${key.place} cannot be used together (${errorMessage(cause)}); ` +
        "the key must be the unencrypted PEM key of the first certificate",
      cause,
    );
  }
  return options;
}

/**
 * The certificates in a PEM text, each checked, since OpenSSL takes authorities that hold none without a word.
 * @throws OtlpRingError `tls_unusable` that names the place.
 */
export function certificates(pem: string, place: string): string[] {
  const blocks = pem.match(
    /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]*-----END (?:TRUSTED )?CERTIFICATE-----/g,
  );
  if (blocks === null) throw tlsFault(`tls: ${place} holds no PEM certificate; give a file in PEM format`);
  for (const [index, block] of blocks.entries()) {
    try {
      new X509Certificate(block);
    } catch (cause) {
      throw tlsFault(`tls: ${place}: certificate ${index + 1} is damaged (${errorMessage(cause)})`, cause);
    }
  }
  return [...blocks];
}

/** The operating system's authorities and those that Node brings, each once. */
export function publicAuthorities(): string[] {
  return [...new Set([...getCACertificates("system"), ...getCACertificates("default")])];
}

function opensslCiphers(names: readonly string[]): string {
  const ciphers = names
    .filter((name) => !TLS_1_3_CIPHER_SUITES.includes(name))
    .map((name) => {
      const cipher = OPENSSL_CIPHER_NAMES.get(name);
      if (cipher === undefined) {
        const known = [...TLS_1_3_CIPHER_SUITES, ...OPENSSL_CIPHER_NAMES.keys()].join(", ");
        throw tlsFault(`tls: cipher_suites: ${JSON.stringify(name)} is not one of ${known}`);
      }
      return cipher;
    });
  return [...TLS_1_3_CIPHER_SUITES, ...ciphers].join(":");
}
