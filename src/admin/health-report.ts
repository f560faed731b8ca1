/** Health in the shapes of the Collector's extensions: health_check at `/`, healthcheckv2 at `/status`. */
import type { ComponentHealth, HealthModel, HealthStatus } from "./health.ts";

/** What health_check answers; its times are zero while not available. */
export interface AvailabilityReport {
  readonly status: "Server available" | "Server not available";
  readonly upSince: string;
  readonly uptime: string;
}

/** What healthcheckv2 answers, for the whole, a group and a component alike. */
export interface StatusReport {
  readonly start_time?: string;
  readonly healthy: boolean;
  readonly status: string;
  readonly error?: string;
  readonly status_time: string;
  readonly components?: Readonly<Record<string, StatusReport>>;
}

const GO_ZERO_TIME = "0001-01-01T00:00:00Z";

/** The Collector's words: what has failed here is tried again, so its error is recoverable. */
const COLLECTOR_STATUS: Readonly<Record<HealthStatus, string>> = {
  starting: "StatusStarting",
  ok: "StatusOK",
  draining: "StatusStopping",
  failed: "StatusRecoverableError",
};

/** Of several components the worst status stands for all, from the best to the worst. */
const BADNESS: readonly HealthStatus[] = ["ok", "starting", "draining", "failed"];

export function availabilityReport(model: HealthModel, now = new Date()): AvailabilityReport {
  const since = model.readySince;
  if (since === undefined) return { status: "Server not available", upSince: GO_ZERO_TIME, uptime: "" };
  return {
    status: "Server available",
    upSince: since.toISOString(),
    uptime: goDuration(now.getTime() - since.getTime()),
  };
}

/** The whole, and with `verbose` its groups and their components. */
export function statusReport(model: HealthModel, verbose: boolean): StatusReport {
  const components = model.components();
  const start_time = model.startTime.toISOString();
  const whole = { start_time, ...summary(components, start_time), healthy: model.ready };
  if (!verbose) return whole;
  const groups = Map.groupBy(components, ({ group }) => group);
  return {
    ...whole,
    components: Object.fromEntries(
      [...groups].map(([group, members]) => [
        group,
        {
          ...summary(members, start_time),
          components: Object.fromEntries(
            members.map((member) => [member.name, summary([member], start_time)]),
          ),
        },
      ]),
    ),
  };
}

function summary(components: readonly ComponentHealth[], startTime: string): StatusReport {
  // Of equally bad ones the needed come first, then the latest.
  const [worst] = components.toSorted(
    (a, b) =>
      BADNESS.indexOf(b.status) - BADNESS.indexOf(a.status) ||
      Number(b.needed) - Number(a.needed) ||
      b.since.getTime() - a.since.getTime(),
  );
  if (worst === undefined) {
    return { healthy: true, status: COLLECTOR_STATUS.ok, status_time: startTime };
  }
  return {
    healthy: components.every(({ needed, status }) => !needed || status === "ok"),
    status: COLLECTOR_STATUS[worst.status],
    ...(worst.message === "" ? {} : { error: worst.message }),
    status_time: worst.since.toISOString(),
  };
}

/** As Go writes a duration: `1h2m3.5s`, `12.25s`, `250ms`, `0s`. */
export function goDuration(milliseconds: number): string {
  if (milliseconds <= 0) return "0s";
  if (milliseconds < 1000) return `${milliseconds}ms`;
  const totalSeconds = milliseconds / 1000;
  const hours = Math.floor(totalSeconds / 3600);
  const minutes = Math.floor((totalSeconds % 3600) / 60);
  const seconds = `${Number((totalSeconds % 60).toFixed(3))}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
