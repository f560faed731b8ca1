/**
 * The small shop whose telemetry is generated: its services, and the scopes (instrumentation
 * libraries) that each of them uses. Names and attributes follow the semantic conventions.
 */
import type { InstrumentationScope, Resource } from "../otlp-messages.ts";
import type { Random } from "../random.ts";
import { type Attributes, toKeyValues } from "./attributes.ts";

export const serviceNames = [
  "frontend",
  "checkout",
  "cart",
  "product-catalog",
  "payment",
  "shipping",
  "currency",
  "quote",
  "recommendation",
  "email",
  "accounting",
  "fraud-detection",
  "ad",
] as const;
export type ServiceName = (typeof serviceNames)[number];

export const scopeKinds = ["http", "rpc", "database", "messaging", "application"] as const;
export type ScopeKind = (typeof scopeKinds)[number];

export const resourceSchemaUrl = "https://opentelemetry.io/schemas/1.37.0";

interface Language {
  readonly sdk: Attributes;
  readonly scopes: Readonly<Record<ScopeKind, string>>;
}

const languages = {
  java: {
    sdk: {
      "telemetry.sdk.language": "java",
      "telemetry.sdk.version": "1.54.0",
      "process.runtime.name": "OpenJDK Runtime Environment",
      "process.runtime.version": "21.0.8+9-LTS",
    },
    scopes: {
      http: "io.opentelemetry.netty-4.1",
      rpc: "io.opentelemetry.grpc-1.6",
      database: "io.opentelemetry.jdbc",
      messaging: "io.opentelemetry.kafka-clients-0.11",
      application: "shop.Application",
    },
  },
  go: {
    sdk: {
      "telemetry.sdk.language": "go",
      "telemetry.sdk.version": "1.38.0",
      "process.runtime.name": "go",
      "process.runtime.version": "go1.25.1",
    },
    scopes: {
      http: "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
      rpc: "go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc",
      database: "github.com/XSAM/otelsql",
      messaging: "go.opentelemetry.io/contrib/instrumentation/kafka",
      application: "shop",
    },
  },
  nodejs: {
    sdk: {
      "telemetry.sdk.language": "nodejs",
      "telemetry.sdk.version": "2.1.0",
      "process.runtime.name": "nodejs",
      "process.runtime.version": "24.8.0",
    },
    scopes: {
      http: "@opentelemetry/instrumentation-http",
      rpc: "@opentelemetry/instrumentation-grpc",
      database: "@opentelemetry/instrumentation-pg",
      messaging: "@opentelemetry/instrumentation-kafkajs",
      application: "shop",
    },
  },
  python: {
    sdk: {
      "telemetry.sdk.language": "python",
      "telemetry.sdk.version": "1.37.0",
      "process.runtime.name": "cpython",
      "process.runtime.version": "3.13.7",
    },
    scopes: {
      http: "opentelemetry.instrumentation.asgi",
      rpc: "opentelemetry.instrumentation.grpc",
      database: "opentelemetry.instrumentation.psycopg",
      messaging: "opentelemetry.instrumentation.kafka",
      application: "shop",
    },
  },
} as const satisfies Record<string, Language>;

const languageOf: Readonly<Record<ServiceName, keyof typeof languages>> = {
  frontend: "nodejs",
  checkout: "go",
  cart: "java",
  "product-catalog": "go",
  payment: "nodejs",
  shipping: "go",
  currency: "go",
  quote: "python",
  recommendation: "python",
  email: "python",
  accounting: "java",
  "fraud-detection": "java",
  ad: "java",
};

/** One service as it runs: where there are more services than names, a name comes again as "cart-2". */
export interface ServiceInstance {
  readonly kind: ServiceName;
  /** service.name, different for every instance of this list. */
  readonly name: string;
  readonly resource: Resource;
  readonly scopes: Readonly<Record<ScopeKind, InstrumentationScope>>;
}

/** So many services, each with the resource that its SDK would send. */
export function createServices(count: number, random: Random): ServiceInstance[] {
  return Array.from({ length: count }, (_, index) => {
    const kind = serviceNames[index % serviceNames.length]!;
    const shop = Math.floor(index / serviceNames.length) + 1;
    const name = shop === 1 ? kind : `${kind}-${shop}`;
    return { kind, name, resource: createResource(kind, name, random), scopes: createScopes(kind) };
  });
}

function createResource(kind: ServiceName, name: string, random: Random): Resource {
  const pod = `${name}-${random.hex(10)}-${random.hex(5)}`;
  const attributes = toKeyValues({
    "service.name": name,
    "service.namespace": "shop",
    "service.version": `${random.integer(1, 4)}.${random.integer(0, 20)}.${random.integer(0, 9)}`,
    "service.instance.id": [8, 4, 4, 4, 12].map((digits) => random.hex(digits)).join("-"),
    "deployment.environment.name": "production",
    "telemetry.sdk.name": "opentelemetry",
    ...languages[languageOf[kind]].sdk,
    "process.pid": random.integer(1, 4_000),
    "host.name": `node-${random.integer(1, 12)}`,
    "host.arch": random.pick(["amd64", "arm64"]),
    "os.type": "linux",
    "k8s.namespace.name": "shop",
    "k8s.deployment.name": name,
    "k8s.pod.name": pod,
    "container.id": random.hex(64),
  });
  return { attributes };
}

function createScopes(kind: ServiceName): Readonly<Record<ScopeKind, InstrumentationScope>> {
  const { sdk, scopes } = languages[languageOf[kind]];
  const scope = (scopeKind: ScopeKind): InstrumentationScope => ({
    name: scopes[scopeKind],
    version: scopeKind === "application" ? "1.0.0" : sdk["telemetry.sdk.version"],
  });
  return {
    http: scope("http"),
    rpc: scope("rpc"),
    database: scope("database"),
    messaging: scope("messaging"),
    application: scope("application"),
  };
}
