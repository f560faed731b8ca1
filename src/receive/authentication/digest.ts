/** Secrets are compared by their SHA-256 digests: of one length, and in a time that tells nothing. */
import { hash, timingSafeEqual } from "node:crypto";

/** A longer credential is refused unread; the longest tokens in use, with many claims, are about 8 KiB. */
export const CREDENTIAL_BYTES_MAX = 16 * 1024;

export function sha256(secret: string): Buffer {
  return hash("sha256", secret, "buffer");
}

/** True when `candidate` is among `digests`. Looks at every one, so that the time does not tell which. */
export function isAmong(candidate: Buffer, digests: readonly Buffer[]): boolean {
  let found = false;
  for (const digest of digests) found = timingSafeEqual(candidate, digest) || found;
  return found;
}
