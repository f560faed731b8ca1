/** The receivers of a gateway, each with what its pipelines make of a request. */
import type { ByteBudget } from "../base/byte-budget.ts";
import type { Logger } from "../base/logger.ts";
import type { MetricRegistry } from "../base/metrics.ts";
import { loadServerTls, type ServerTls } from "../base/tls.ts";
import type { AuthenticatorSettings, GatewaySettings } from "../config/settings.ts";
import { Dispatcher } from "../pipeline/dispatcher.ts";
import {
  createBasicAuthenticator,
  createBearerTokenAuthenticator,
  type FileBackedAuthenticator,
} from "../receive/authentication.ts";
import { GrpcReceiver } from "../receive/grpc-receiver.ts";
import type { Routes } from "./routes.ts";

export interface ReceiverModules {
  readonly routes: Routes;
  readonly budget: ByteBudget;
  readonly metrics: MetricRegistry;
  readonly logger: Logger;
}

export interface Receiver {
  /** For logs and health: `otlp/grpc`. */
  readonly name: string;
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Sends clients elsewhere; what is in flight goes on. */
  drain(): void;
  close(graceMs: number): Promise<void>;
}

/** @throws OtlpRingError where certificates or credentials cannot be used. */
export function createReceivers(settings: GatewaySettings, modules: ReceiverModules): Receiver[] {
  const forwardHeaders = [
    ...new Set(settings.exporters.flatMap((exporter) => exporter.forwardHeaders)),
  ].sort();
  const { logger, metrics, budget, routes } = modules;
  return settings.receivers.flatMap((receiver): Receiver[] => {
    const { grpc } = receiver;
    if (grpc === undefined) return [];
    const tls = grpc.tls && loadServerTls(grpc.tls, { logger, metrics });
    const authenticator = grpc.authenticator && createAuthenticator(grpc.authenticator, logger);
    const identity = { name: receiver.name, transport: "grpc" } as const;
    const server = new GrpcReceiver(
      {
        host: grpc.host,
        port: grpc.port,
        maxRecvMsgSizeBytes: grpc.maxRecvMsgSizeBytes,
        maxConcurrentStreams: grpc.maxConcurrentStreams,
        receiveTimeoutMs: grpc.receiveTimeoutMs,
        keepalive: grpc.keepalive,
        forwardHeaders,
        ...(tls && { tls }),
        ...(authenticator && { authenticator }),
      },
      {
        sink: new Dispatcher(identity, routes.of(receiver.name), metrics),
        budget,
        metrics,
        logger: logger.child({ receiver: receiver.name }),
      },
    );
    return [closing(`${receiver.name}/grpc`, server, tls, authenticator)];
  });
}

function closing(
  name: string,
  server: GrpcReceiver,
  tls: ServerTls | undefined,
  authenticator: FileBackedAuthenticator | undefined,
): Receiver {
  return {
    name,
    listen: () => server.listen(),
    drain: () => server.drain(),
    async close(graceMs) {
      await server.close(graceMs);
      tls?.close();
      authenticator?.close();
    },
  };
}

function createAuthenticator(settings: AuthenticatorSettings, logger: Logger): FileBackedAuthenticator {
  switch (settings.type) {
    case "basic":
      return createBasicAuthenticator(settings, { logger });
    case "bearer":
      return createBearerTokenAuthenticator(settings, { logger });
  }
}
