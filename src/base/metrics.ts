/**
 * Counters, gauges and histograms as plain numbers: counting is one addition, and the text is
 * made when somebody asks (src/admin). Each module keeps a table of its definitions beside its
 * code; docs/metrics.md is generated from those tables.
 */

export interface MetricDefinition {
  /** Prometheus name with unit and, for a counter, `_total`. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** Label names; their values must come from configuration or discovery, never from clients. */
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, ascending, without +Inf. */
  readonly buckets?: readonly number[];
}

/** Values of a definition's labels, in the order of its `labels`. */
export type LabelValues = readonly string[];

export class Counter {
  value = 0;

  add(amount: number): void {
    this.value += amount;
  }
}

export class Gauge {
  #read: () => number = () => 0;

  /** The value is read when the metric is. */
  observe(read: () => number): void {
    this.#read = read;
  }

  set(value: number): void {
    this.#read = () => value;
  }

  get value(): number {
    return this.#read();
  }
}

export class Histogram {
  readonly bounds: readonly number[];
  /** Observations per bucket, not cumulated; the last is beyond every bound. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  record(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket += 1;
    this.counts[bucket]! += 1;
    this.sum += value;
  }
}

type Instrument = Counter | Gauge | Histogram;

export interface MetricFamily {
  readonly definition: MetricDefinition;
  readonly series: readonly { readonly labelValues: LabelValues; readonly instrument: Instrument }[];
}

/** All metrics of a process. Asking twice for the same series gives the same instrument. */
export class MetricRegistry {
  readonly #families = new Map<
    string,
    {
      definition: MetricDefinition;
      series: Map<string, { labelValues: LabelValues; instrument: Instrument }>;
    }
  >();

  counter(definition: MetricDefinition, ...labelValues: string[]): Counter {
    return this.#series(definition, "counter", labelValues, () => new Counter());
  }

  gauge(definition: MetricDefinition, ...labelValues: string[]): Gauge {
    return this.#series(definition, "gauge", labelValues, () => new Gauge());
  }

  histogram(definition: MetricDefinition, ...labelValues: string[]): Histogram {
    return this.#series(definition, "histogram", labelValues, () => new Histogram(definition.buckets ?? []));
  }

  /** Takes a series out, for a backend that has left; true when it was there. */
  remove(definition: MetricDefinition, ...labelValues: string[]): boolean {
    return this.#families.get(definition.name)?.series.delete(seriesKey(labelValues)) ?? false;
  }

  families(): MetricFamily[] {
    return Array.from(this.#families.values(), ({ definition, series }) => ({
      definition,
      series: [...series.values()],
    }));
  }

  #series<T extends Instrument>(
    definition: MetricDefinition,
    type: MetricDefinition["type"],
    labelValues: LabelValues,
    create: () => T,
  ): T {
    if (definition.type !== type || definition.labels.length !== labelValues.length) {
      throw new TypeError(
        `${definition.name} is a ${definition.type} with labels [${definition.labels.join(", ")}]`,
      );
    }
    let family = this.#families.get(definition.name);
    if (family === undefined) {
      family = { definition, series: new Map() };
      this.#families.set(definition.name, family);
    } else if (family.definition !== definition) {
      throw new TypeError(`${definition.name} is defined twice`);
    }
    const key = seriesKey(labelValues);
    let entry = family.series.get(key);
    if (entry === undefined) {
      entry = { labelValues, instrument: create() };
      family.series.set(key, entry);
    }
    return entry.instrument as T;
  }
}

function seriesKey(labelValues: LabelValues): string {
  return JSON.stringify(labelValues);
}
