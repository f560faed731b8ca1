/** What happened lately that an operator would ask about: ring changes, backends lost and found, reloads. */

export interface OperationalEvent {
  readonly at: Date;
  /** "ring", "backend", "configuration": a word to group by. */
  readonly kind: string;
  readonly message: string;
}

const EVENTS_MAX = 200;

/** The last events, the newest first. */
export class RecentEvents {
  readonly #events: OperationalEvent[] = [];

  record(kind: string, message: string): void {
    this.#events.unshift({ at: new Date(), kind, message });
    if (this.#events.length > EVENTS_MAX) this.#events.pop();
  }

  list(): readonly OperationalEvent[] {
    return [...this.#events];
  }
}
