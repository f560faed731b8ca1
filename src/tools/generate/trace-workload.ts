/**
 * Traces that span services, sent as SDKs send them: each service gathers its own spans of many
 * traces, so that a trace's spans come in several requests.
 */
import type { Random } from "../random.ts";
import type { Batch, Workload, WorkloadOptions } from "./batch.ts";
import { type Envelope, serviceEnvelope } from "./envelope.ts";
import { type Journey, journeys } from "./journeys.ts";
import { type ServiceInstance, scopeKinds, serviceNames } from "./shop.ts";
import type { SpanFailure, SpanShape } from "./span-shapes.ts";
import { type SpanIdentity, SpanTemplate } from "./span-template.ts";

/** Templates a span shape: more would only hold more attribute values. */
const variantsPerShape = 8;

/** How long a message waits for its consumer. */
const queueMs = 5;

/** A span of a journey, laid out in time; its parent comes before it. */
interface PlannedSpan {
  readonly shape: SpanShape;
  /** Index in the plan; -1 for the root. */
  readonly parent: number;
  startMs: number;
  endMs: number;
  readonly healthy: readonly SpanTemplate[];
  readonly failed: readonly SpanTemplate[];
}

interface WaitingSpan {
  readonly template: SpanTemplate;
  readonly identity: SpanIdentity;
}

class ServiceBuffer {
  readonly envelope: Envelope;
  #spansByScope: WaitingSpan[][] = scopeKinds.map(() => []);
  #size = 0;

  constructor(service: ServiceInstance) {
    this.envelope = serviceEnvelope(service);
  }

  get size(): number {
    return this.#size;
  }

  add(scope: number, span: WaitingSpan): void {
    this.#spansByScope[scope]!.push(span);
    this.#size += 1;
  }

  takeAll(): Batch {
    const sequences = new Uint32Array(this.#size);
    let placed = 0;
    const payload = this.envelope.build(
      this.#spansByScope,
      ({ template }) => template.framed,
      (request, offset, { template, identity }) => {
        template.patch(request, offset, identity);
        sequences[placed] = identity.span;
        placed += 1;
      },
    );
    this.#spansByScope = scopeKinds.map(() => []);
    this.#size = 0;
    return { signal: "traces", payload, sequences };
  }
}

export class TraceWorkload implements Workload {
  readonly #options: WorkloadOptions;
  readonly #random: Random;
  readonly #buffers: readonly ServiceBuffer[];
  readonly #plans: readonly { readonly upTo: number; readonly spans: readonly PlannedSpan[] }[];
  readonly #full: Batch[] = [];
  #traces = 0;
  #spans = 0;

  constructor(options: WorkloadOptions, services: readonly ServiceInstance[], random: Random) {
    this.#options = options;
    this.#random = random;
    this.#buffers = services.map((service) => new ServiceBuffer(service));
    let upTo = 0;
    this.#plans = journeys.map((journey) => {
      upTo += journey.weight;
      return { upTo, spans: planJourney(journey, random) };
    });
  }

  /** Traces begun so far; also the number of the latest. */
  get traces(): number {
    return this.#traces;
  }

  next(): Batch {
    // Every trace adds spans, so that a buffer fills.
    while (this.#full.length === 0) this.#addTrace();
    return this.#full.shift()!;
  }

  drain(): Batch | undefined {
    return this.#full.shift() ?? this.#buffers.find((buffer) => buffer.size > 0)?.takeAll();
  }

  #addTrace(): void {
    const { run, batchSize, now } = this.#options;
    const random = this.#random;
    const draw = random.integer(1, this.#plans.at(-1)!.upTo);
    const { spans } = this.#plans.find(({ upTo }) => draw <= upTo)!;
    this.#traces += 1;
    const first = this.#spans + 1;
    this.#spans += spans.length;
    const pace = 0.5 + random.fraction() * 1.5;
    const beginNs = (now() - spans[0]!.endMs * pace) * 1e6;
    const shop = random.integer(0, Math.ceil(this.#buffers.length / serviceNames.length) - 1);
    const outcomes: boolean[] = [];
    spans.forEach((span, index) => {
      // Both ends of a call see the same failure.
      const sharesFate = span.parent >= 0 && spans[span.parent]!.shape.failure === span.shape.failure;
      const failed = sharesFate ? outcomes[span.parent]! : fails(span.shape.failure, random);
      outcomes.push(failed);
      const identity: SpanIdentity = {
        run,
        trace: this.#traces,
        span: first + index,
        parent: span.parent < 0 ? 0 : first + span.parent,
        startNs: beginNs + span.startMs * pace * 1e6,
        endNs: beginNs + span.endMs * pace * 1e6,
      };
      const service = shop * serviceNames.length + serviceNames.indexOf(span.shape.service);
      const buffer = this.#buffers[service % this.#buffers.length]!;
      const template = random.pick(failed ? span.failed : span.healthy);
      buffer.add(scopeKinds.indexOf(span.shape.scope), { template, identity });
      if (buffer.size >= batchSize) this.#full.push(buffer.takeAll());
    });
  }
}

function fails(failure: SpanFailure | undefined, random: Random): boolean {
  return failure !== undefined && random.chance(failure.rate);
}

function planJourney(journey: Journey, random: Random): PlannedSpan[] {
  const plan: PlannedSpan[] = [];
  const visit = (shape: SpanShape, parent: number, startMs: number): PlannedSpan => {
    const templates = (failed: boolean): SpanTemplate[] =>
      Array.from(
        { length: variantsPerShape },
        () => new SpanTemplate(shape, { isRoot: parent < 0, failed }, random),
      );
    const span: PlannedSpan = {
      shape,
      parent,
      startMs,
      endMs: 0,
      healthy: templates(false),
      failed: shape.failure === undefined ? [] : templates(true),
    };
    const index = plan.push(span) - 1;
    const children = shape.children ?? [];
    let endMs = startMs + shape.selfMs / 2;
    for (const child of children) {
      if (!child.consumes) endMs = visit(child, index, endMs).endMs;
    }
    span.endMs = endMs + shape.selfMs / 2;
    for (const child of children) {
      if (child.consumes) visit(child, index, span.endMs + queueMs);
    }
    return span;
  };
  visit(journey.root, -1, 0);
  return plan;
}
