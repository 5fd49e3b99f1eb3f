// How the daemon comes to end, or to be replaced: wishes of signals, units and clients, the first of which counts. Stops
// and replaces nothing itself.
import type { Wishes } from './handover.ts';

export type End =
  | { readonly kind: 'end'; readonly code: number }
  /** Another version takes this one's place. */
  | { readonly kind: 'replace'; readonly version: string };

export class Ending {
  readonly ended: Promise<End>;
  readonly #resolve: (end: End) => void;
  #first: End | null = null;
  #laterCode: number | null = null;
  #reloads = false;
  #hurries = false;

  constructor() {
    let resolve = (_end: End): void => undefined;
    this.ended = new Promise<End>((done) => {
      resolve = done;
    });
    this.#resolve = resolve;
  }

  /** What it will come to; null as long as nobody wishes for an end. */
  get first(): End | null {
    return this.#first;
  }

  /** The first call decides the exit code; during a replacement, that of the next version. */
  end(code: number): void {
    if (this.#first?.kind === 'replace') this.#laterCode ??= code;
    else this.#decide({ kind: 'end', code });
  }

  replace(version: string): void {
    this.#decide({ kind: 'replace', version });
  }

  /** A reload is wished for that nobody here can do any more. */
  reloadLater(): void {
    this.#reloads = true;
  }

  /** The end, which the next version may have to bring about, shall not wait for anybody's grace. */
  hurry(): void {
    this.#hurries = true;
  }

  /** What is left to the next version. */
  get wishes(): Wishes {
    return { end: this.#laterCode, reload: this.#reloads, hurry: this.#hurries };
  }

  #decide(end: End): void {
    this.#first ??= end;
    this.#resolve(end);
  }
}
