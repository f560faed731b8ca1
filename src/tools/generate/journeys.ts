/** What customers of the shop do, as trees of spans over its services. */
import type { ServiceName } from "./shop.ts";
import {
  cache,
  consumer,
  page,
  products,
  query,
  rpc,
  type SpanFailure,
  type SpanShape,
  work,
} from "./span-shapes.ts";

export interface Journey {
  /** How often it happens, against the others. */
  readonly weight: number;
  readonly root: SpanShape;
}

const currencies = ["EUR", "USD", "CHF", "JPY", "GBP"] as const;

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
