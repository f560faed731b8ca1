/** The test certificates (scripts/make-test-certificates): paths of the PEM files. */
import { fileURLToPath } from "node:url";

function file(name: string): string {
  return fileURLToPath(new URL(`./${name}.pem`, import.meta.url));
}

export const certificates = {
  /** Signed server-one and client. */
  authorityOne: file("authority-one"),
  /** Signed server-two. */
  authorityTwo: file("authority-two"),
  /** Both servers are good for localhost, 127.0.0.1 and ::1. */
  serverOne: { cert: file("server-one"), key: file("server-one-key") },
  serverTwo: { cert: file("server-two"), key: file("server-two-key") },
  client: { cert: file("client"), key: file("client-key") },
} as const;
