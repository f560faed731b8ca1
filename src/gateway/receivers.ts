/** The receivers of a gateway, each with what its pipelines make of a request. */
import type { ByteBudget } from "../base/byte-budget.ts";
import type { Logger } from "../base/logger.ts";
import type { MetricRegistry } from "../base/metrics.ts";
import { loadServerTls, type ServerTls } from "../base/tls.ts";
import type {
  AuthenticatorSettings,
  GatewaySettings,
  GrpcReceiverSettings,
  HttpReceiverSettings,
} from "../config/settings.ts";
import { Dispatcher, type ReceiverIdentity } from "../pipeline/dispatcher.ts";
import {
  createBasicAuthenticator,
  createBearerTokenAuthenticator,
  type FileBackedAuthenticator,
} from "../receive/authentication.ts";
import { GrpcReceiver } from "../receive/grpc-receiver.ts";
import { HttpReceiver } from "../receive/http-receiver.ts";
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
  return settings.receivers.flatMap(({ name, grpc, http }): Receiver[] => [
    ...(grpc === undefined ? [] : [createGrpcReceiver(name, grpc, forwardHeaders, modules)]),
    ...(http === undefined ? [] : [createHttpReceiver(name, http, forwardHeaders, modules)]),
  ]);
}

function createGrpcReceiver(
  name: string,
  settings: GrpcReceiverSettings,
  forwardHeaders: readonly string[],
  modules: ReceiverModules,
): Receiver {
  const { host, port, maxRecvMsgSizeBytes, maxConcurrentStreams, receiveTimeoutMs, keepalive } = settings;
  const security = loadSecurity(settings, modules);
  const server = new GrpcReceiver(
    {
      host,
      port,
      maxRecvMsgSizeBytes,
      maxConcurrentStreams,
      receiveTimeoutMs,
      keepalive,
      forwardHeaders,
      ...security,
    },
    serverModules({ name, transport: "grpc" }, modules),
  );
  return closing(`${name}/grpc`, server, security);
}

function createHttpReceiver(
  name: string,
  settings: HttpReceiverSettings,
  forwardHeaders: readonly string[],
  modules: ReceiverModules,
): Receiver {
  const { host, port, maxRequestBodySizeBytes, paths, cors } = settings;
  const { readHeaderTimeoutMs, readTimeoutMs, idleTimeoutMs, keepAlivesEnabled } = settings;
  const security = loadSecurity(settings, modules);
  const server = new HttpReceiver(
    {
      host,
      port,
      maxRequestBodySizeBytes,
      paths,
      readHeaderTimeoutMs,
      readTimeoutMs,
      idleTimeoutMs,
      keepAlivesEnabled,
      forwardHeaders,
      ...(cors && { cors }),
      ...security,
    },
    serverModules({ name, transport: "http" }, modules),
  );
  return closing(`${name}/http`, server, security);
}

interface Security {
  readonly tls?: ServerTls;
  readonly authenticator?: FileBackedAuthenticator;
}

function loadSecurity(
  settings: Pick<GrpcReceiverSettings, "tls" | "authenticator">,
  { logger, metrics }: ReceiverModules,
): Security {
  const tls = settings.tls && loadServerTls(settings.tls, { logger, metrics });
  const authenticator = settings.authenticator && createAuthenticator(settings.authenticator, logger);
  return { ...(tls && { tls }), ...(authenticator && { authenticator }) };
}

function serverModules(identity: ReceiverIdentity, { routes, budget, metrics, logger }: ReceiverModules) {
  return {
    sink: new Dispatcher(identity, routes.of(identity.name), metrics),
    budget,
    metrics,
    logger: logger.child({ receiver: identity.name }),
  };
}

function closing(
  name: string,
  server: Pick<Receiver, "listen" | "drain" | "close">,
  { tls, authenticator }: Security,
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
