/** The metrics of the shop: names, units and attributes of the semantic conventions, of all five kinds. */
import type { Exemplar, Int64, KeyValue, Metric } from "../otlp-messages.ts";
import type { Random } from "../random.ts";
import type { Attributes } from "./attributes.ts";
import type { ScopeKind } from "./shop.ts";

const delta = 1;
const cumulative = 2;

/** What every point has, before its values. */
export interface PointStamp {
  readonly startTimeUnixNano: Int64;
  readonly timeUnixNano: Int64;
  readonly attributes: KeyValue[];
  readonly exemplars?: Exemplar[];
}

export interface MetricShape {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly scope: ScopeKind;
  /** Summaries have none. */
  readonly hasExemplars: boolean;
  readonly attributes: (random: Random) => Attributes;
  /** The metric's data with one point for each stamp. */
  readonly data: (stamps: readonly PointStamp[], random: Random) => Metric;
}

const serverRequest = (random: Random): Attributes => ({
  "http.request.method": random.pick(["GET", "POST"]),
  "http.route": random.pick(["/product/{productId}", "/api/cart", "/api/checkout", "/api/currency"]),
  "http.response.status_code": random.pick([200, 200, 200, 204, 404, 500]),
  "url.scheme": "https",
  "network.protocol.version": random.pick(["1.1", "2"]),
});

const call = (random: Random): Attributes => ({
  "rpc.system": "grpc",
  "rpc.service": random.pick(["shop.CartService", "shop.CurrencyService", "shop.PaymentService"]),
  "rpc.method": random.pick(["GetCart", "Convert", "Charge", "AddItem"]),
  "rpc.grpc.status_code": random.pick([0, 0, 0, 3, 14]),
});

/** A distribution over buckets as a busy service has it: most in the lower ones. */
function bucketCounts(buckets: number, random: Random): number[] {
  return Array.from({ length: buckets }, (_, index) => random.integer(0, Math.ceil(900 / (index + 1))));
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

const durationBounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

const histogram: MetricShape["data"] = (stamps, random) => ({
  histogram: {
    aggregationTemporality: cumulative,
    dataPoints: stamps.map((stamp) => {
      const counts = bucketCounts(durationBounds.length + 1, random);
      const count = total(counts);
      const sum = count * 0.04 * (0.5 + random.fraction());
      return {
        ...stamp,
        count,
        sum,
        bucketCounts: counts,
        explicitBounds: durationBounds,
        min: 0.001 + random.fraction() / 1000,
        max: 1 + random.fraction() * 9,
      };
    }),
  },
});

const exponentialHistogram: MetricShape["data"] = (stamps, random) => ({
  exponentialHistogram: {
    aggregationTemporality: delta,
    dataPoints: stamps.map((stamp) => {
      const counts = bucketCounts(random.integer(8, 40), random);
      return {
        ...stamp,
        count: total(counts) + 2,
        sum: total(counts) * 0.02,
        scale: random.integer(2, 6),
        zeroCount: 2,
        positive: { offset: random.integer(-40, 10), bucketCounts: counts },
        min: 0,
        max: random.fraction(),
      };
    }),
  },
});

const summary: MetricShape["data"] = (stamps, random) => ({
  summary: {
    dataPoints: stamps.map(({ exemplars: _none, ...stamp }) => ({
      ...stamp,
      count: random.integer(10, 4_000),
      sum: random.fraction() * 3,
      quantileValues: [0, 0.25, 0.5, 0.75, 1].map((quantile) => ({
        quantile,
        value: quantile * random.fraction() * 0.002,
      })),
    })),
  },
});

function sum(
  isMonotonic: boolean,
  value: (random: Random) => { asInt: number } | { asDouble: number },
): MetricShape["data"] {
  return (stamps, random) => ({
    sum: {
      aggregationTemporality: cumulative,
      isMonotonic,
      dataPoints: stamps.map((stamp) => ({ ...stamp, ...value(random) })),
    },
  });
}

const gauge: MetricShape["data"] = (stamps, random) => ({
  gauge: { dataPoints: stamps.map((stamp) => ({ ...stamp, asDouble: random.fraction() })) },
});

export const metricShapes: readonly MetricShape[] = [
  {
    name: "http.server.request.duration",
    description: "Duration of HTTP server requests.",
    unit: "s",
    scope: "http",
    hasExemplars: true,
    attributes: serverRequest,
    data: histogram,
  },
  {
    name: "http.server.active_requests",
    description: "Number of active HTTP server requests.",
    unit: "{request}",
    scope: "http",
    hasExemplars: true,
    attributes: (random) => ({ "http.request.method": random.pick(["GET", "POST"]), "url.scheme": "https" }),
    data: sum(false, (random) => ({ asInt: random.integer(0, 200) })),
  },
  {
    name: "rpc.server.duration",
    description: "Measures the duration of inbound RPC.",
    unit: "ms",
    scope: "rpc",
    hasExemplars: true,
    attributes: call,
    data: exponentialHistogram,
  },
  {
    name: "db.client.operation.duration",
    description: "Duration of database client operations.",
    unit: "s",
    scope: "database",
    hasExemplars: true,
    attributes: (random) => ({
      "db.system.name": "postgresql",
      "db.operation.name": random.pick(["SELECT", "INSERT", "UPDATE"]),
      "db.collection.name": random.pick(["products", "ledger", "orders"]),
      "server.address": "postgresql",
    }),
    data: histogram,
  },
  {
    name: "messaging.client.sent.messages",
    description: "Number of messages producer attempted to send to the broker.",
    unit: "{message}",
    scope: "messaging",
    hasExemplars: true,
    attributes: () => ({ "messaging.system": "kafka", "messaging.destination.name": "orders" }),
    data: sum(true, (random) => ({ asInt: random.integer(0, 9_000_000) })),
  },
  {
    name: "process.cpu.time",
    description: "Total CPU seconds broken down by different states.",
    unit: "s",
    scope: "application",
    hasExemplars: true,
    attributes: (random) => ({ "cpu.mode": random.pick(["user", "system"]) }),
    data: sum(true, (random) => ({ asDouble: random.fraction() * 9000 })),
  },
  {
    name: "system.memory.utilization",
    description: "Share of the memory by state.",
    unit: "1",
    scope: "application",
    hasExemplars: true,
    attributes: (random) => ({ "system.memory.state": random.pick(["used", "free", "cached"]) }),
    data: gauge,
  },
  {
    name: "shop.orders",
    description: "Orders placed, by currency.",
    unit: "{order}",
    scope: "application",
    hasExemplars: true,
    attributes: (random) => ({
      "app.currency": random.pick(["EUR", "USD", "CHF", "JPY"]),
      "app.payment.card_type": random.pick(["visa", "mastercard"]),
    }),
    data: sum(true, (random) => ({ asInt: random.integer(1, 2_000_000) })),
  },
  {
    name: "go_gc_duration_seconds",
    description: "A summary of the pause duration of garbage collection cycles.",
    unit: "s",
    scope: "application",
    hasExemplars: false,
    attributes: () => ({}),
    data: summary,
  },
];
