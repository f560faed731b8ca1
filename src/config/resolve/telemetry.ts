/** `service.telemetry`: the gateway's own logs and metrics. */
import type { Path } from "../fault.ts";
import type { ConfigurationReader } from "../reader.ts";
import type { ServiceSection } from "../schema/service.ts";
import type { GatewaySettings, LogSettings } from "../settings.ts";

const metricsPath: Path = ["service", "telemetry", "metrics"];
const defaultEndpoint = { host: "localhost", port: 8888 };

export function resolveLogs({ telemetry }: ServiceSection): LogSettings {
  return { level: telemetry.logs.level, encoding: telemetry.logs.encoding ?? "auto" };
}

/** Undefined: no metrics are served (level none, or readers without a pull). */
export function resolveMetrics(
  reader: ConfigurationReader,
  { telemetry }: ServiceSection,
): GatewaySettings["metrics"] | undefined {
  const { level, readers, address } = telemetry.metrics;
  if (address !== undefined) {
    const isRead = readers === undefined;
    reader.warn(
      [...metricsPath, "address"],
      isRead ? "is the old way to say this; readers is the new one" : "has no effect beside readers",
    );
  }
  if (level === "none") return undefined;
  if (readers === undefined) return { ...(address ?? defaultEndpoint), level };
  const pulls = readers.flatMap((entry, index) =>
    entry.pull === undefined ? [] : [{ pull: entry.pull, index }],
  );
  const [first, second] = pulls;
  if (second !== undefined) {
    reader.expected([...metricsPath, "readers", second.index], "one pull reader", "a second one");
  }
  if (first === undefined) return undefined;
  const { host, port } = first.pull.exporter.prometheus;
  return { host, port, level };
}
