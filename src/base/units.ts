/**
 * Durations and sizes as people write them in configuration: Go's `1m30s`, and `64MiB`. What is formatted
 * here is read back as the same number.
 */

/** Go's units (https://pkg.go.dev/time#ParseDuration), longest first, so that formatting begins with the largest. */
const millisecondsOf = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
} as const;
type DurationUnit = keyof typeof millisecondsOf;

/** Longer texts are no duration that anyone means, and would only cost time. */
const durationLengthMax = 64;
const durationPattern = /^(?:\d+(?:\.\d+)?(?:h|ms|us|µs|ns|m|s))+$/;
const durationPart = /(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)/g;

/** Milliseconds of a duration such as `5s`, `500ms`, `1.5h` or `1m30s`; a bare `0` needs no unit. Undefined: none. */
export function parseDurationMs(text: string): number | undefined {
  if (text === "0") return 0;
  if (text.length > durationLengthMax || !durationPattern.test(text)) return undefined;
  let sumMs = 0;
  for (const [, amount, unit] of text.matchAll(durationPart)) {
    sumMs += Number(amount) * millisecondsOf[unit as DurationUnit];
  }
  if (sumMs > Number.MAX_SAFE_INTEGER) return undefined;
  // A tenth of a nanosecond beside a whole number is the arithmetic's: `1.005s` would be 1004.9999999999999.
  const wholeMs = Math.round(sumMs);
  return Math.abs(sumMs - wholeMs) < 1e-7 ? wholeMs : sumMs;
}

/** The shortest writing of whole milliseconds: `90s` is `1m30s`, 1500 is `1.5s`. */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return "0s";
  if (durationMs < 1000) return `${durationMs}ms`;
  const hours = Math.floor(durationMs / millisecondsOf.h);
  const minutes = Math.floor((durationMs % millisecondsOf.h) / millisecondsOf.m);
  const restMs = durationMs % millisecondsOf.m;
  const seconds = restMs % 1000 === 0 ? String(restMs / 1000) : (restMs / 1000).toFixed(3).replace(/0+$/, "");
  return `${hours > 0 ? `${hours}h` : ""}${minutes > 0 ? `${minutes}m` : ""}${restMs > 0 ? `${seconds}s` : ""}`;
}

/** Binary units first, largest first: those are what formatting uses. */
const bytesOf = {
  TiB: 2 ** 40,
  GiB: 2 ** 30,
  MiB: 2 ** 20,
  KiB: 2 ** 10,
  TB: 1e12,
  GB: 1e9,
  MB: 1e6,
  kB: 1e3,
  KB: 1e3,
  B: 1,
} as const;
type SizeUnit = keyof typeof bytesOf;

const sizePattern = /^(\d{1,16})(?:\.(\d{1,6}))? ?(TiB|GiB|MiB|KiB|TB|GB|MB|kB|KB|B)?$/;
const formattedUnits = ["TiB", "GiB", "MiB", "KiB"] as const satisfies readonly SizeUnit[];

/** Bytes of a size such as `64MiB`, `3.5 MiB`, `1GB` or `1048576`. Undefined: none, or not a whole number of bytes. */
export function parseSizeBytes(text: string): number | undefined {
  const [, whole, fraction = "0", unit = "B"] = sizePattern.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const unitBytes = bytesOf[unit as SizeUnit];
  // The fraction apart, in whole numbers: 1.1 * 1e6 is not an integer.
  const sizeBytes = Number(whole) * unitBytes + (Number(fraction) * unitBytes) / 10 ** fraction.length;
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : undefined;
}

/** The shortest exact writing of whole bytes: `64MiB`, `3.5MiB`, else `1000B`. */
export function formatSize(sizeBytes: number): string {
  for (const unit of formattedUnits) {
    const halves = (sizeBytes * 2) / bytesOf[unit];
    if (halves >= 2 && Number.isInteger(halves)) return `${halves / 2}${unit}`;
  }
  return `${sizeBytes}B`;
}
