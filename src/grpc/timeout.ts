/**
 * The `grpc-timeout` header: at most eight digits and a unit
 * (https://github.com/grpc/grpc/blob/v1.76.0/doc/PROTOCOL-HTTP2.md, "Timeout").
 */

const timeoutGrammar = /^(\d{1,8})([HMSmun])$/;
const timeoutDigitsMax = 99_999_999;

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

export type ParsedTimeout =
  | { readonly ok: true; readonly timeoutMs: number }
  | { readonly ok: false; readonly problem: string };

const malformed: ParsedTimeout = {
  ok: false,
  problem: "malformed grpc-timeout, expected at most 8 digits and one of H M S m u n",
};

/** How long the client waits, in milliseconds (with a fraction where the unit is smaller). */
export function parseTimeout(header: string): ParsedTimeout {
  const match = timeoutGrammar.exec(header);
  if (match === null) return malformed;
  return { ok: true, timeoutMs: Number(match[1]) * unitMs[match[2]!]! };
}

/** The header for a timeout in milliseconds: rounded up, in the finest unit from milliseconds that holds it. */
export function formatTimeout(timeoutMs: number): string {
  if (!(timeoutMs > 0)) return "0m";
  for (const unit of ["m", "S", "M"]) {
    const count = Math.ceil(timeoutMs / unitMs[unit]!);
    if (count <= timeoutDigitsMax) return `${count}${unit}`;
  }
  return `${Math.min(Math.ceil(timeoutMs / unitMs["H"]!), timeoutDigitsMax)}H`;
}
