/** Calls to one backend by the protocol that its exporter is configured with. */
import type { ExporterSettings } from "../config/settings.ts";
import { createGrpcSender, type GrpcSenderOptions } from "../export/grpc-sender.ts";
import { createHttpSender, type HttpSenderOptions } from "../export/http-sender.ts";
import type { Sender } from "../export/sender.ts";

/** What is not in the settings: the backend, and what its exporter's backends share. */
export type SenderOptions = Pick<
  GrpcSenderOptions & HttpSenderOptions,
  "member" | "userAgent" | "tls" | "credentials" | "lookup"
>;

/** @throws {OtlpRingError} `invalid_endpoint` or `invalid_header`. */
export function createSender(
  { protocol, delivery }: Pick<ExporterSettings, "protocol" | "delivery">,
  options: SenderOptions,
  modules: Parameters<typeof createGrpcSender>[1],
): Sender {
  const { compression, headers } = protocol;
  switch (protocol.type) {
    case "otlp_grpc": {
      const { timeMs: keepaliveTimeMs, timeoutMs: keepaliveTimeoutMs } = protocol.keepalive;
      return createGrpcSender(
        { ...options, compression, headers, keepaliveTimeMs, keepaliveTimeoutMs },
        modules,
      );
    }
    case "otlp_http": {
      const { paths, idleTimeoutMs } = protocol;
      // A call holds its connection, so no more of them are of use.
      const connectionsMax = delivery.maxInFlight;
      return createHttpSender(
        { ...options, compression, headers, paths, idleTimeoutMs, connectionsMax },
        modules,
      );
    }
  }
}
