/** No two things may listen on one address. */
import { type Endpoint, formatEndpoint } from "../endpoint.ts";
import type { Path } from "../fault.ts";
import type { ConfigurationReader } from "../reader.ts";
import type { GatewaySettings } from "../settings.ts";

interface Listener {
  readonly endpoint: Endpoint | undefined;
  /** Where the address is said, or would be. */
  readonly path: Path;
}

type ListeningSettings = Pick<GatewaySettings, "receivers" | "healthCheck" | "zpages" | "metrics">;

export function checkListeners(reader: ConfigurationReader, settings: ListeningSettings): void {
  const seen: { endpoint: Endpoint; path: Path }[] = [];
  for (const { endpoint, path } of listeners(settings)) {
    if (endpoint === undefined || endpoint.port === 0) continue;
    const other = seen.find((before) => isSame(before.endpoint, endpoint));
    if (other === undefined) seen.push({ endpoint, path });
    else {
      const what = `an address that nothing else listens on (${other.path.join(".")} does)`;
      reader.expected(path, what, formatEndpoint(endpoint));
    }
  }
}

function listeners(settings: ListeningSettings): Listener[] {
  return [
    ...settings.receivers.flatMap(({ name, grpc, http }) => [
      { endpoint: grpc, path: ["receivers", name, "protocols", "grpc", "endpoint"] },
      { endpoint: http, path: ["receivers", name, "protocols", "http", "endpoint"] },
    ]),
    { endpoint: settings.healthCheck, path: ["extensions", "health_check", "endpoint"] },
    { endpoint: settings.zpages, path: ["extensions", "zpages", "endpoint"] },
    { endpoint: settings.metrics, path: ["service", "telemetry", "metrics"] },
  ];
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  const isEverywhere = (host: string): boolean => host === "" || host === "0.0.0.0" || host === "::";
  return a.port === b.port && (a.host === b.host || isEverywhere(a.host) || isEverywhere(b.host));
}
