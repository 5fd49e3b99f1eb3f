// Hands every event of the daemon to whoever subscribed, in order and at once. Keeps the latest, so that a client whose
// stream was cut by a reexec can ask for what it has missed; numbers go on through it.
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

/** What the next version goes on with. */
export interface EventsSoFar {
  readonly seq: number;
  /** The last of which nothing is kept. */
  readonly forgotten: number;
  readonly kept: readonly EventLine[];
}

/** Many times what a fleet says while its daemon is replaced. */
const MOST_KEPT = 1024;

export class EventHub {
  readonly #subscribers = new Set<Subscriber>();
  readonly #wallMs: () => number;
  #seq: number;
  #forgotten: number;
  #kept: EventLine[];
  /** Of the latest event: a sample of all units is one moment. */
  #wall = { ms: NaN, text: '' };

  constructor(wallMs: () => number, earlier: EventsSoFar = { seq: 0, forgotten: 0, kept: [] }) {
    this.#wallMs = wallMs;
    this.#seq = earlier.seq;
    this.#forgotten = earlier.forgotten;
    this.#kept = [...earlier.kept];
  }

  soFar(): EventsSoFar {
    return { seq: this.#seq, forgotten: this.#forgotten, kept: this.#kept };
  }

  /**
   * What was published after number `seq`, as far as it is kept; what is not is counted by a first line `lost`. A number
   * that was never given is another daemon's: all that is kept came after it.
   */
  since(seq: number, query: EventQuery): readonly EventLine[] {
    const after = seq > this.#seq ? 0 : seq;
    const lines = this.#kept.filter((line) => line.seq > after && concerns(query, line));
    if (after >= this.#forgotten) return lines;
    const at = this.#now();
    const count = this.#forgotten - after;
    return [{ apiVersion: API_VERSION, seq: this.#forgotten, at, type: 'lost', count }, ...lines];
  }

  /** Somebody listens, to whatever. */
  get isHeard(): boolean {
    return this.#subscribers.size > 0;
  }

  /** A listener that throws keeps no other from hearing; what it threw is thrown afterwards. */
  publish(body: EventBody): void {
    const line = this.numbered(body);
    this.#keep(line);
    const failures: unknown[] = [];
    for (const { query, listener } of this.#subscribers) {
      if (!concerns(query, line)) continue;
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
    return { apiVersion: API_VERSION, seq: this.#seq, at: this.#now(), ...body };
  }

  #now(): string {
    const ms = this.#wallMs();
    if (ms !== this.#wall.ms) this.#wall = { ms, text: new Date(ms).toISOString() };
    return this.#wall.text;
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

  /** Twice as many before the older half goes: so that an event costs no copy of all. */
  #keep(line: EventLine): void {
    this.#kept.push(line);
    if (this.#kept.length < 2 * MOST_KEPT) return;
    this.#forgotten = this.#kept[MOST_KEPT - 1]?.seq ?? this.#forgotten;
    this.#kept = this.#kept.slice(MOST_KEPT);
  }
}

function concerns({ units, types }: EventQuery, line: EventLine): boolean {
  // Whoever listens has to know from where to go on listening.
  if (line.type === 'daemon' && line.phase === 'replacing') return true;
  if (units.length > 0 && !('unit' in line && units.includes(line.unit))) return false;
  return types.length === 0 || types.includes(line.type);
}
