/** What customers of the shop do, as trees of spans over its services. */
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

export interface Journey {
  /** How often it happens, against the others. */
  readonly weight: number;
  readonly root: SpanShape;
}

const products = [
  "OLJCESPC7Z",
  "66VCHSJNUP",
  "1YMWWN1N4O",
  "L9ECAV7KIM",
  "2ZYFJ3GM2N",
  "0PUK6V6EV0",
] as const;
const currencies = ["EUR", "USD", "CHF", "JPY", "GBP"] as const;

/** A page or an interface of the frontend. */
function page(
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
function rpc(
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

function query(service: ServiceName, table: string, statement: string, selfMs: number): SpanShape {
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

function cache(service: ServiceName, operation: string): SpanShape {
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

function work(
  service: ServiceName,
  name: string,
  selfMs: number,
  attributes: SpanShape["attributes"],
): SpanShape {
  return { service, scope: "application", name, kind: "internal", selfMs, attributes };
}

/** A service that takes orders from the queue. */
function consumer(service: ServiceName, group: string, children: readonly SpanShape[]): SpanShape {
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

const getProduct = (from: ServiceName): SpanShape =>
  rpc(from, "product-catalog", "ProductCatalogService/GetProduct", 1, [
    query("product-catalog", "products", "SELECT id, name, price FROM products WHERE id = $1", 2.5),
  ]);

const convert = (from: ServiceName): SpanShape => rpc(from, "currency", "CurrencyService/Convert", 0.4);

const paymentRefused: SpanFailure = {
  rate: 0.08,
  type: "CardDeclined",
  message: "the card ending in 0454 expired on 1/2026",
  attributes: { "rpc.grpc.status_code": 3, "app.payment.card_type": "visa", "app.payment.retries": [] },
};

const pageFailed: SpanFailure = {
  rate: 0.05,
  type: "500",
  message: "",
  attributes: { "http.response.status_code": 500 },
};

const placeOrder: SpanShape = rpc("frontend", "checkout", "CheckoutService/PlaceOrder", 4, [
  rpc("checkout", "cart", "CartService/GetCart", 0.7, [cache("cart", "HGETALL")]),
  getProduct("checkout"),
  convert("checkout"),
  work("checkout", "prepareOrderItemsAndShippingQuoteFromCart", 2, (random) => ({
    "app.cart.items.count": random.integer(1, 12),
    "app.order.items": [random.pick(products), random.pick(products)],
  })),
  rpc("checkout", "payment", "PaymentService/Charge", 9, [], paymentRefused),
  rpc("checkout", "shipping", "ShippingService/ShipOrder", 3, [
    {
      service: "shipping",
      scope: "http",
      name: "POST",
      kind: "client",
      selfMs: 1,
      attributes: () => ({
        "http.request.method": "POST",
        "url.full": "http://quote:8080/getquote",
        "http.response.status_code": 200,
        "server.address": "quote",
        "server.port": 8080,
      }),
      children: [
        {
          service: "quote",
          scope: "http",
          name: "POST /getquote",
          kind: "server",
          selfMs: 4,
          attributes: (random) => ({
            "http.request.method": "POST",
            "http.route": "/getquote",
            "url.scheme": "http",
            "http.response.status_code": 200,
            "app.quote.cost.total": random.integer(100, 9_999) / 100,
          }),
          events: ["Calculating quote", "Quote calculated"],
        },
      ],
    },
  ]),
  rpc("checkout", "email", "EmailService/SendOrderConfirmation", 6),
  {
    service: "checkout",
    scope: "messaging",
    name: "send orders",
    kind: "producer",
    selfMs: 1.5,
    attributes: (random) => ({
      "messaging.system": "kafka",
      "messaging.operation.name": "send",
      "messaging.operation.type": "send",
      "messaging.destination.name": "orders",
      "messaging.client.id": `checkout-${random.integer(1, 3)}`,
      "messaging.message.body.size": random.integer(180, 2_400),
    }),
    children: [
      consumer("accounting", "accounting", [
        query("accounting", "ledger", "SELECT balance FROM ledger WHERE account = $1 FOR UPDATE", 3),
      ]),
      consumer("fraud-detection", "fraud-detection", [
        work("fraud-detection", "score", 5, (random) => ({
          "app.fraud.score": random.fraction(),
          "app.fraud.blocked": false,
        })),
      ]),
    ],
  },
]);

export const journeys: readonly Journey[] = [
  {
    weight: 5,
    root: page(
      "GET",
      "/product/{productId}",
      [
        getProduct("frontend"),
        convert("frontend"),
        rpc("frontend", "recommendation", "RecommendationService/ListRecommendations", 5, [
          getProduct("recommendation"),
        ]),
        rpc("frontend", "ad", "AdService/GetAds", 2, [], {
          rate: 0.04,
          type: "StatusRuntimeException",
          message: "RESOURCE_EXHAUSTED",
          attributes: { "rpc.grpc.status_code": 8 },
        }),
      ],
      pageFailed,
    ),
  },
  {
    weight: 3,
    root: page("POST", "/api/cart", [
      getProduct("frontend"),
      rpc("frontend", "cart", "CartService/AddItem", 1, [cache("cart", "HSET"), cache("cart", "EXPIRE")]),
    ]),
  },
  { weight: 1, root: page("POST", "/api/checkout", [placeOrder], pageFailed) },
  {
    weight: 2,
    root: page("GET", "/api/currency", [
      rpc("frontend", "currency", "CurrencyService/GetSupportedCurrencies", 0.5, [
        work("currency", "load rates", 0.3, (random) => ({ "app.currency.base": random.pick(currencies) })),
      ]),
    ]),
  },
];
