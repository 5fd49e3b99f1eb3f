// Logs of units as they are written, of several in one order; each goes on through restarts of its unit and of the
// daemon, and its lines come once although it is opened again.
import { setMaxListeners } from 'node:events';
import type { LogLine } from '../wire/v1.ts';
import type { Client } from './client.ts';
import { EXIT } from './exit-code.ts';
import type { Failure } from './failure.ts';
import { inBatches, logPath } from './log-request.ts';
import type { LogWish, Print } from './log-request.ts';
import { liveOrder, readMark } from './log-order.ts';
import type { LiveOrder, ReadMark } from './log-order.ts';
import { keepStreaming } from './reconnect.ts';
import type { StreamEnd } from './reconnect.ts';

/** While following several units: how often to look which lines wait for nobody any more. */
const REORDER_MS = 50;
/** How long a log is silent until the lines of others do not wait for it; a busy machine may hold it up. */
const SILENT_MS = 250;

export interface FollowerOptions {
  readonly client: Client;
  readonly wish: LogWish;
  readonly print: Print;
  /** Wall clock. */
  readonly begunMs: number;
  /** Lines are printed as they come. */
  readonly isAlone: boolean;
}

export interface LogEnd {
  readonly end: StreamEnd;
  /** It was there, and its file was removed; `end` says so. */
  readonly isRemoved: boolean;
}

export class LogFollower {
  readonly #options: FollowerOptions;
  readonly #stop = new AbortController();
  readonly #marks = new Map<string, ReadMark>();
  readonly #order: LiveOrder = liveOrder(SILENT_MS);
  readonly #take: (line: LogLine) => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#take = options.isAlone ? inBatches(options.print) : (line) => this.#waitForOthers(line);
    // Each request listens to it, which node would take for a leak.
    setMaxListeners(0, this.#stop.signal);
  }

  /** Aborted by close(). */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** From the lines on that were wished for; ends when the unit is removed, or where it is unknown. */
  async follow(unit: string): Promise<LogEnd> {
    const mark = readMark(this.#options.wish.lines !== null && this.#options.wish.lines > 0);
    this.#marks.set(unit, mark);
    return await this.#read(unit, mark, this.#options.wish);
  }

  /** As follow(), of a unit that has come since, or has come back: all that it has written meanwhile. */
  async followNewcomer(unit: string): Promise<LogEnd> {
    const mark = this.#marks.get(unit) ?? readMark();
    this.#marks.set(unit, mark);
    mark.reopened();
    return await this.#read(unit, mark, this.#laterWish(mark));
  }

  /** Prints what waits for lines of others. */
  close(): void {
    this.#stop.abort();
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#flush(Infinity);
  }

  async #read(unit: string, mark: ReadMark, first: LogWish): Promise<LogEnd> {
    const { client } = this.#options;
    let times = 0;
    let isFruitful = false;
    const open = (): Promise<StreamEnd> => {
      const wish = times === 0 ? first : this.#laterWish(mark);
      if (times > 0) mark.reopened();
      times += 1;
      isFruitful = false;
      const takeNew = (line: LogLine): void => {
        if (!mark.isNew(line)) return;
        isFruitful = true;
        this.#take(line);
      };
      return client.stream<LogLine>(logPath(unit, wish, true), takeNew, this.#stop.signal);
    };
    const end = await keepStreaming(open, this.#stop.signal, { cameNew: () => isFruitful });
    if (end.ok || times < 2 || end.failure.exitCode !== EXIT.noSuchUnit) return { end, isRemoved: false };
    return { end: { ok: false, failure: removed(unit) }, isRemoved: true };
  }

  /** What to ask for when the log is opened again; of a log without times only what is written from then on. */
  #laterWish(mark: ReadMark): LogWish {
    const { wish, begunMs } = this.#options;
    const time = mark.time();
    if (time !== null) return { ...wish, lines: null, sinceMs: Date.parse(time) };
    return mark.begun() ? { ...wish, lines: 0, sinceMs: null } : { ...wish, lines: null, sinceMs: begunMs };
  }

  #waitForOthers(line: LogLine): void {
    this.#order.take(line, performance.now());
    this.#timer ??= setTimeout(() => this.#flush(performance.now()), REORDER_MS);
  }

  #flush(nowMs: number): void {
    this.#options.print(this.#order.due(nowMs));
    const isOver = this.#order.isEmpty();
    this.#timer = isOver ? null : setTimeout(() => this.#flush(performance.now()), REORDER_MS);
  }
}

function removed(unit: string): Failure {
  const message = `cannot go on with the log of unit "${unit}": its file was removed, expected it to stay`;
  return { exitCode: EXIT.noSuchUnit, message, hints: [], details: null };
}
