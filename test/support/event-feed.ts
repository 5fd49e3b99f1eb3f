// Follows GET /v1/events?snapshot=1 of one daemon: the latest state of each unit, and waits for what a test wants
// to see. It knows the wire alone, and starts nothing.
import { get, type IncomingMessage } from 'node:http';
import type { EventLine } from '../../src/wire/v1.ts';
import { Arrivals, lineSplitter } from './lines.ts';

export type StateLine = Extract<EventLine, { type: 'state' }>;
/** The latest state line of a unit; undefined for one that the daemon has not named, or has removed. */
export type Look = (unit: string) => StateLine | undefined;

export class EventFeed {
  readonly #arrivals: Arrivals<EventLine>;
  readonly #latest = new Map<string, StateLine>();
  readonly #look: Look = (unit) => this.#latest.get(unit);
  readonly #response: IncomingMessage;

  private constructor(response: IncomingMessage) {
    this.#arrivals = new Arrivals('the event stream');
    this.#response = response;
    response.on(
      'data',
      lineSplitter((text) => {
        if (text !== '') this.#take(parseEvent(text));
      }),
    );
    response.on('error', (error) => this.#arrivals.end(error.message));
    response.on('close', () => this.#arrivals.end('the stream ended'));
  }

  static async open(socketPath: string): Promise<EventFeed> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ socketPath, path: '/v1/events?snapshot=1', agent: false }, resolve).on('error', reject);
    });
    if (response.statusCode === 200) return new EventFeed(response);
    response.resume();
    throw new Error(`cannot follow events: HTTP ${response.statusCode}, expected 200`);
  }

  #take(line: EventLine): void {
    if (line.type === 'state') this.#latest.set(line.unit, line);
    if (line.type === 'removed') this.#latest.delete(line.unit);
    this.#arrivals.add(line);
  }

  get look(): Look {
    return this.#look;
  }

  /** Index for `event`: only lines that come from here on. */
  get mark(): number {
    return this.#arrivals.seen.length;
  }

  /** The first line that fits, of all since the feed opened, or from a `mark` on. */
  async event(fits: (line: EventLine) => boolean, from = 0): Promise<EventLine> {
    return await this.#arrivals.first(fits, fits.toString(), from);
  }

  /** Resolves when the latest states satisfy it: at once if they do already. */
  async until(holds: (look: Look) => boolean, what: string): Promise<void> {
    if (!holds(this.#look)) await this.#arrivals.first(() => holds(this.#look), what, this.mark);
  }

  close(): void {
    this.#response.destroy();
  }
}

function parseEvent(text: string): EventLine {
  return JSON.parse(text);
}
