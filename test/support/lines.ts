// Lines of a stream as they come, and promises for the first that fits. Every wait has a deadline that says what
// was seen instead: it is there for the failing case alone, no passing test depends on it.
import { StringDecoder } from 'node:string_decoder';

/** UNITD_TEST_PATIENCE in seconds is for machines so busy that a program takes as long to start; so does a virtual one. */
export const WAIT_LIMIT_MS = 1000 * Number(process.env['UNITD_TEST_PATIENCE'] ?? 20);

/** Cuts chunks into lines; a last line without its newline stays inside. */
export function lineSplitter(take: (line: string) => void): (chunk: Buffer | string) => void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return (chunk) => {
    const lines = (rest + (typeof chunk === 'string' ? chunk : decoder.write(chunk))).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(take);
  };
}

interface Waiter<T> {
  readonly fits: (value: T) => boolean;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: Error) => void;
  readonly what: string;
  readonly timer: NodeJS.Timeout;
}

/** All values so far, in order, and waits for the first one that fits. */
export class Arrivals<T> {
  readonly #seen: T[] = [];
  readonly #waiters = new Set<Waiter<T>>();
  readonly #name: string;
  readonly #limitMs: number;
  #ended: string | undefined;

  constructor(name: string, limitMs = WAIT_LIMIT_MS) {
    this.#name = name;
    this.#limitMs = limitMs;
  }

  get seen(): readonly T[] {
    return this.#seen;
  }

  add(value: T): void {
    this.#seen.push(value);
    for (const waiter of [...this.#waiters]) if (waiter.fits(value)) this.#settle(waiter).resolve(value);
  }

  /** No more will come: pending and later waits fail with this reason. */
  end(why: string): void {
    this.#ended ??= why;
    for (const waiter of [...this.#waiters]) this.#settle(waiter).reject(this.#failure(waiter.what, why));
  }

  /** The first fitting value, `from` index on (default: of all, also those that came before the call). */
  async first(fits: (value: T) => boolean, what = fits.toString(), from = 0): Promise<T> {
    const there = this.#seen.slice(from).find(fits);
    if (there !== undefined) return there;
    if (this.#ended !== undefined) throw this.#failure(what, this.#ended);
    return await new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(this.#failure(what, `none came in ${this.#limitMs} ms`));
      }, this.#limitMs);
      const waiter: Waiter<T> = { fits, resolve, reject, what, timer };
      this.#waiters.add(waiter);
    });
  }

  #settle(waiter: Waiter<T>): Waiter<T> {
    clearTimeout(waiter.timer);
    this.#waiters.delete(waiter);
    return waiter;
  }

  #failure(what: string, why: string): Error {
    const last = this.#seen
      .slice(-20)
      .map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
    return new Error(`cannot see ${what} from ${this.#name}: ${why}; it said:\n  ${last.join('\n  ')}`);
  }
}
