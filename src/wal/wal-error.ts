/** Everything that can go wrong with the log and that somebody outside can act upon. */
import { errorMessage, OtlpRingError } from "../base/errors.ts";

/**
 * - `wal_full`: no room below `max_size`, or none on the volume; it comes back by itself.
 * - `wal_io`: the disk failed; nothing of the append is promised, it may be tried again.
 * - `wal_closed`: the log has been closed.
 * - `wal_in_use`: another process holds the directory.
 * - `wal_newer_format`: files of a later release, which are left as they are.
 * - `wal_invalid_record`: a record beyond what the format can hold.
 */
export type WalErrorCode =
  | "wal_full"
  | "wal_io"
  | "wal_closed"
  | "wal_in_use"
  | "wal_newer_format"
  | "wal_invalid_record";

export class WalError extends OtlpRingError {
  declare readonly code: WalErrorCode;

  constructor(code: WalErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.name = "WalError";
  }
}

/** What the operating system says when a volume, or the user's share of it, is full. */
const fullCodes: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);

export function isDiskFull(thrown: unknown): boolean {
  return fullCodes.has(systemCode(thrown) ?? "");
}

export function isMissing(thrown: unknown): boolean {
  return systemCode(thrown) === "ENOENT";
}

/** The WalError that `thrown` is, or what it means for an operation on `place`. */
export function toWalError(thrown: unknown, place: string): WalError {
  if (thrown instanceof WalError) return thrown;
  const options = { cause: thrown };
  if (isDiskFull(thrown)) {
    return new WalError("wal_full", `${place}: the volume is full; free space on it`, options);
  }
  return new WalError("wal_io", `${place}: ${errorMessage(thrown)}; check the volume`, options);
}

function systemCode(thrown: unknown): string | undefined {
  return thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;
}
