/** Retry-After (RFC 9110 §10.2.3): seconds, or the date at which to come back. */

/** HTTP-date (RFC 9110 §5.6.7) in the one form that senders may use: `Sun, 06 Nov 1994 08:49:37 GMT`. */
const httpDate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
/** Whoever names more than 31 years means never, which is for the reader to bound. */
const seconds = /^\d{1,9}$/;

/**
 * Milliseconds that Retry-After asks for, 0 for a date that has passed; undefined where it says nothing that can be
 * understood. `date` is the response's Date header: by it a date is measured on the server's own clock, whatever
 * ours says.
 */
export function retryAfterMs(
  retryAfter: string | undefined,
  date: string | undefined,
  nowMs: number = Date.now(),
): number | undefined {
  const text = retryAfter?.trim() ?? "";
  if (seconds.test(text)) return Number(text) * 1000;
  const untilMs = dateMs(text);
  return untilMs === undefined ? undefined : Math.max(0, untilMs - (dateMs(date?.trim() ?? "") ?? nowMs));
}

/** Milliseconds since 1970. */
function dateMs(text: string): number | undefined {
  if (!httpDate.test(text)) return undefined;
  const parsedMs = Date.parse(text);
  return Number.isNaN(parsedMs) ? undefined : parsedMs;
}
