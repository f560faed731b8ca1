/**
 * What arrived of the load that `otlp-ring generate` sent: for each run and signal the set of
 * sequence numbers, and how many arrived more than once. Exact up to the limits below.
 */
import { formatRun, type ItemIdentity } from "../item-identity.ts";
import { type Signal, signals } from "../otlp-proto.ts";
import { defaultSequenceLimit, type EncodedSequenceSet, SequenceSet } from "../sequence-set.ts";

/** Runs that are kept; items of later ones are counted only. A reset makes room. */
const runsMax = 8;

/** Service names that are told apart within a run. */
const servicesPerRunMax = 4096;

export interface RunSignalReport {
  /** All items of the run that came and were not rejected, duplicates included. */
  readonly arrived: number;
  readonly duplicated: number;
  /** Arrived with a sequence number past the limit: not in the set, nor among the duplicates. */
  readonly beyondLimit: number;
  /** Bear the run's mark, yet no whole identity. */
  readonly damaged: number;
  /** Items by service.name. */
  readonly services: Readonly<Record<string, number>>;
  /** The distinct items; in full only when the report is asked for this run. */
  readonly distinct: number;
  readonly sequences?: EncodedSequenceSet;
}

export interface RunReport {
  readonly run: string;
  readonly signals: Readonly<Record<Signal, RunSignalReport>>;
  /** Distinct traces among the spans. */
  readonly traceCount: number;
  readonly traces?: EncodedSequenceSet;
}

class RunSignal {
  arrived = 0;
  duplicated = 0;
  beyondLimit = 0;
  damaged = 0;
  readonly services = new Map<string, number>();
  readonly sequences: SequenceSet;

  constructor(sequenceLimit: number) {
    this.sequences = new SequenceSet(sequenceLimit);
  }

  /** Notes one item; without a sequence it is a damaged one. */
  note(sequence: number | undefined, service: string): void {
    this.arrived += 1;
    if (this.services.has(service) || this.services.size < servicesPerRunMax) {
      this.services.set(service, (this.services.get(service) ?? 0) + 1);
    }
    if (sequence === undefined) this.damaged += 1;
    else if (sequence >= this.sequences.limit) this.beyondLimit += 1;
    else if (!this.sequences.add(sequence)) this.duplicated += 1;
  }

  report(withSets: boolean): RunSignalReport {
    return {
      arrived: this.arrived,
      duplicated: this.duplicated,
      beyondLimit: this.beyondLimit,
      damaged: this.damaged,
      services: Object.fromEntries(this.services),
      distinct: this.sequences.size,
      ...(withSets ? { sequences: this.sequences.encode() } : {}),
    };
  }
}

interface Run {
  readonly signals: Readonly<Record<Signal, RunSignal>>;
  readonly traces: SequenceSet;
}

export class RunTracker {
  readonly #runs = new Map<number, Run>();
  readonly #sequenceLimit: number;
  /** Items of runs that found no room. */
  itemsOfOtherRuns = 0;

  constructor(sequenceLimit: number = defaultSequenceLimit) {
    this.#sequenceLimit = sequenceLimit;
  }

  /** A span of this trace; `sequence` is undefined where its span id is not one of the run's. */
  noteSpan(trace: ItemIdentity, sequence: number | undefined, service: string): void {
    const run = this.#run(trace.run);
    if (run === undefined) return;
    if (trace.sequence < run.traces.limit) run.traces.add(trace.sequence);
    run.signals.traces.note(sequence, service);
  }

  /** A point or a record. */
  noteItem(signal: Signal, item: ItemIdentity, service: string): void {
    this.#run(item.run)?.signals[signal].note(item.sequence, service);
  }

  /** The runs in short, but with their sets for the one that is asked for. */
  report(runWithSets?: number): RunReport[] {
    return Array.from(this.#runs, ([number, run]) => {
      const withSets = number === runWithSets;
      return {
        run: formatRun(number),
        signals: {
          traces: run.signals.traces.report(withSets),
          metrics: run.signals.metrics.report(withSets),
          logs: run.signals.logs.report(withSets),
        },
        traceCount: run.traces.size,
        ...(withSets ? { traces: run.traces.encode() } : {}),
      };
    });
  }

  #run(number: number): Run | undefined {
    let run = this.#runs.get(number);
    if (run === undefined) {
      if (this.#runs.size >= runsMax) {
        this.itemsOfOtherRuns += 1;
        return undefined;
      }
      const [traces, metrics, logs] = signals.map(() => new RunSignal(this.#sequenceLimit));
      run = {
        signals: { traces: traces!, metrics: metrics!, logs: logs! },
        traces: new SequenceSet(this.#sequenceLimit),
      };
      this.#runs.set(number, run);
    }
    return run;
  }
}
