// Says when something may have changed in a directory, which need not exist yet. Says it too often rather than not.
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../base/fault.ts';
import { identityOf, statusOf } from './inspect.ts';

/** For what inotify does not tell: network file systems, and a user's watches used up. */
const RECHECK_MS = 1000;

export class Watch {
  readonly #directory: string;
  readonly #signals: readonly AbortSignal[];
  #watcher: FSWatcher | null = null;
  #watched: string | null = null;
  #changed = false;
  #wake: (() => void) | null = null;
  readonly #onChange = (): void => {
    this.#changed = true;
    this.#wake?.();
  };

  /** An abort of one of the signals is a change too. */
  constructor(directory: string, signals: readonly AbortSignal[]) {
    this.#directory = directory;
    this.#signals = signals;
    for (const signal of signals) signal.addEventListener('abort', this.#onChange);
  }

  /** Makes sure that the watch is on the directory, or else on the nearest one above it that exists. */
  async aim(): Promise<void> {
    for (let path = this.#directory; ; path = dirname(path)) {
      const status = await statusOf(path).catch(() => null);
      if (status === null && path !== dirname(path)) continue;
      // By its identity too: a directory that was removed and made again is another one.
      const aimed = `${path} ${identityOf(status)}`;
      if (aimed === this.#watched) return;
      this.#watcher?.close();
      this.#watcher = this.#startedOn(path);
      this.#watched = this.#watcher === null ? null : aimed;
      // Changed between the look and the watch; by an event that comes meanwhile, also if this look does not see it.
      if (path !== this.#directory && (await statusOf(this.#directory).catch(() => null)) !== null)
        this.#changed = true;
      return;
    }
  }

  /** Resolves at the next change after the last call, at the latest after a second. */
  async next(): Promise<void> {
    if (!this.#changed && !this.#signals.some(({ aborted }) => aborted)) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, RECHECK_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = null;
    }
    this.#changed = false;
  }

  close(): void {
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#onChange);
    this.#watcher?.close();
    this.#watcher = null;
  }

  #startedOn(path: string): FSWatcher | null {
    try {
      const watcher = watch(path, { persistent: true }, this.#onChange);
      watcher.on('error', this.#onChange);
      return watcher;
    } catch (error) {
      if (codeOf(error) === null) throw error;
      return null;
    }
  }
}
