// Hands every event of the daemon to whoever subscribed, in order and at once. Keeps nothing.
import { API_VERSION } from '../wire/v1.ts';
import type { EventLine } from '../wire/v1.ts';
import type { EventQuery, Subscription } from './control.ts';

/** An event before it has its number and time. */
export type EventBody = EventLine extends infer Line
  ? Line extends EventLine
    ? Omit<Line, 'apiVersion' | 'seq' | 'at'>
    : never
  : never;

interface Subscriber {
  readonly query: EventQuery;
  readonly listener: (line: EventLine) => void;
}

export class EventHub {
  readonly #subscribers = new Set<Subscriber>();
  readonly #wallMs: () => number;
  #seq = 0;

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs;
  }

  /** A listener that throws keeps no other from hearing; what it threw is thrown afterwards. */
  publish(body: EventBody): void {
    const line = this.numbered(body);
    const failures: unknown[] = [];
    for (const { query, listener } of this.#subscribers) {
      const concerns = !('unit' in line) || query.units.length === 0 || query.units.includes(line.unit);
      if (!concerns || !wantsType(query, line.type)) continue;
      try {
        listener(line);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** The event with its place in the order, for a snapshot that only one subscriber gets. */
  numbered(body: EventBody): EventLine {
    this.#seq += 1;
    return { apiVersion: API_VERSION, seq: this.#seq, at: new Date(this.#wallMs()).toISOString(), ...body };
  }

  subscribe(query: EventQuery, listener: (line: EventLine) => void): Subscription {
    const subscriber = { query, listener };
    this.#subscribers.add(subscriber);
    return {
      close: () => {
        this.#subscribers.delete(subscriber);
      },
    };
  }
}

function wantsType(query: EventQuery, type: EventLine['type']): boolean {
  return query.types.length === 0 || query.types.includes(type);
}
