/** What both sides of TLS have in common, checked before any file is opened. */
import type { CommonTlsSettings } from "../../base/tls.ts";
import type { Path } from "../fault.ts";
import type { ConfigurationReader } from "../reader.ts";
import type { ClientTlsSection } from "../schema/otlp-protocol.ts";
import type { ServerTlsSection } from "../schema/receivers.ts";
import { defined } from "./defined.ts";

export function commonTlsSettings(
  reader: ConfigurationReader,
  section: ServerTlsSection | ClientTlsSection,
  path: Path,
): CommonTlsSettings {
  const { cert_file: certFile, cert_pem: certPem, key_file: keyFile, key_pem: keyPem } = section;
  if (certFile !== undefined && certPem !== undefined) {
    reader.expected([...path, "cert_pem"], "one of cert_file and cert_pem", "both");
  }
  if (keyFile !== undefined && keyPem !== undefined) {
    reader.expected([...path, "key_pem"], "one of key_file and key_pem", "both");
  }
  const hasCertificate = certFile !== undefined || certPem !== undefined;
  const hasKey = keyFile !== undefined || keyPem !== undefined;
  if (hasCertificate && !hasKey) reader.expected([...path, "key_file"], "the key of the certificate");
  if (hasKey && !hasCertificate) reader.expected([...path, "cert_file"], "the certificate of the key");
  const { min_version: minVersion, max_version: maxVersion } = section;
  if (maxVersion !== undefined && maxVersion < minVersion) {
    reader.expected([...path, "max_version"], `at least min_version, ${minVersion}`);
  }
  return {
    ...defined({ certFile, certPem, keyFile, keyPem, maxVersion }),
    minVersion,
    ...(section.cipher_suites.length > 0 && { cipherSuites: section.cipher_suites }),
    ...defined({ reloadIntervalMs: section.reload_interval }),
  };
}
