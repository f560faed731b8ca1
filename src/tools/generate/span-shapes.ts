/** The kinds of spans that the shop's instrumentations make, with the attributes of the semantic conventions. */
import type { Random } from "../random.ts";
import type { Attributes } from "./attributes.ts";
import type { ScopeKind, ServiceName } from "./shop.ts";

/** Numbers of Span.SpanKind. */
export const spanKind = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
export type SpanKind = keyof typeof spanKind;

export interface SpanFailure {
  /** The share of such spans that fail, from 0 to 1. */
  readonly rate: number;
  readonly type: string;
  readonly message: string;
  /** Attributes that a failed span has in place of, or beside, its usual ones. */
  readonly attributes?: Attributes;
}

export interface SpanShape {
  readonly service: ServiceName;
  readonly scope: ScopeKind;
  readonly name: string;
  readonly kind: SpanKind;
  /** Time that the span spends outside of its children. */
  readonly selfMs: number;
  readonly attributes: (random: Random) => Attributes;
  readonly failure?: SpanFailure;
  readonly events?: readonly string[];
  /** Takes up a message after its parent, the producer, has ended, and links to it. */
  readonly consumes?: true;
  readonly children?: readonly SpanShape[];
}

export const products = [
  "OLJCESPC7Z",
  "66VCHSJNUP",
  "1YMWWN1N4O",
  "L9ECAV7KIM",
  "2ZYFJ3GM2N",
  "0PUK6V6EV0",
] as const;

/** A page or an interface of the frontend. */
export function page(
  method: string,
  route: string,
  children: readonly SpanShape[],
  failure?: SpanFailure,
): SpanShape {
  return {
    service: "frontend",
    scope: "http",
    name: `${method} ${route}`,
    kind: "server",
    selfMs: 3,
    attributes: (random) => ({
      "http.request.method": method,
      "http.route": route,
      "url.path": route.replace("{productId}", random.pick(products)),
      "url.scheme": "https",
      "http.response.status_code": 200,
      "server.address": "shop.example.com",
      "client.address": `203.0.113.${random.integer(1, 254)}`,
      "user_agent.original": random.pick([
        "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
        "Shop/4.2 (Android 16; Pixel 9)",
      ]),
      "network.protocol.version": random.pick(["1.1", "2"]),
    }),
    ...(failure === undefined ? {} : { failure }),
    children,
  };
}

/** A call over gRPC: the caller's client span with the callee's server span in it. */
export function rpc(
  from: ServiceName,
  to: ServiceName,
  method: string,
  selfMs: number,
  children: readonly SpanShape[] = [],
  failure?: SpanFailure,
): SpanShape {
  const [service, name] = method.split("/");
  const attributes = (): Attributes => ({
    "rpc.system": "grpc",
    "rpc.service": `shop.${service}`,
    "rpc.method": name!,
    "rpc.grpc.status_code": 0,
    "server.address": to,
    "server.port": 8080,
  });
  const common = {
    scope: "rpc",
    name: `shop.${method}`,
    ...(failure === undefined ? {} : { failure }),
  } as const;
  return {
    ...common,
    service: from,
    kind: "client",
    selfMs: 0.6,
    attributes,
    events: ["message"],
    children: [
      {
        ...common,
        service: to,
        kind: "server",
        selfMs,
        attributes: (random) => ({
          ...attributes(),
          "client.address": `10.1.${random.integer(0, 3)}.${random.integer(2, 250)}`,
          "network.peer.port": random.integer(32_768, 60_999),
        }),
        children,
      },
    ],
  };
}

export function query(service: ServiceName, table: string, statement: string, selfMs: number): SpanShape {
  return {
    service,
    scope: "database",
    name: `SELECT ${table}`,
    kind: "client",
    selfMs,
    attributes: (random) => ({
      "db.system.name": "postgresql",
      "db.namespace": "shop",
      "db.operation.name": "SELECT",
      "db.collection.name": table,
      "db.query.text": statement,
      "db.response.returned_rows": random.integer(0, 40),
      "server.address": "postgresql",
      "server.port": 5432,
    }),
  };
}

export function cache(service: ServiceName, operation: string): SpanShape {
  return {
    service,
    scope: "database",
    name: operation,
    kind: "client",
    selfMs: 0.8,
    attributes: (random) => ({
      "db.system.name": "redis",
      "db.operation.name": operation,
      "db.query.text": `${operation} cart:${random.hex(8)} ?`,
      "db.operation.batch.size": random.integer(2, 6),
      "server.address": "valkey-cart",
      "server.port": 6379,
    }),
  };
}

export function work(
  service: ServiceName,
  name: string,
  selfMs: number,
  attributes: SpanShape["attributes"],
): SpanShape {
  return { service, scope: "application", name, kind: "internal", selfMs, attributes };
}

/** A service that takes orders from the queue. */
export function consumer(service: ServiceName, group: string, children: readonly SpanShape[]): SpanShape {
  return {
    service,
    scope: "messaging",
    name: "process orders",
    kind: "consumer",
    selfMs: 2,
    consumes: true,
    attributes: (random) => ({
      "messaging.system": "kafka",
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.destination.name": "orders",
      "messaging.destination.partition.id": String(random.integer(0, 11)),
      "messaging.consumer.group.name": group,
      "messaging.kafka.offset": random.integer(1, 9_000_000),
      "messaging.message.body.size": random.integer(180, 2_400),
    }),
    children,
  };
}
