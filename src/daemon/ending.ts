// How the daemon comes to end, or to be replaced: wishes of signals and units, the first of which counts. Stops and
// replaces nothing itself.
import { constants } from 'node:os';
import { stackOf } from '../base/fault.ts';
import type { Daemon } from './daemon.ts';
import type { DaemonLog } from './daemon-log.ts';
import { logProblem } from './daemon-log.ts';
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

const STOPS = ['SIGTERM', 'SIGINT'] as const;
/**
 * What container managers send to a first process beside these: SIGPWR is LXC's, SIGQUIT the STOPSIGNAL of many images.
 * The kernel drops what a first process does not handle; anybody else may mean SIGQUIT as an end without a farewell.
 */
const STOPS_OF_INIT = ['SIGQUIT', 'SIGPWR'] as const;
/** Node would open its debugger for the first, and end by the second. */
const IGNORED = ['SIGUSR1', 'SIGUSR2'] as const;
const ignore = (): void => undefined;

/** Stop signals closer together than this are one. */
const SAME_WISH_MS = 250;

export function reloadQuietly(daemon: Daemon, log: DaemonLog): void {
  daemon.control
    .reload({ wait: false }, () => undefined, new AbortController().signal)
    .then(
      (answer) => {
        if (answer.ok) return;
        for (const problem of answer.error.problems ?? []) logProblem(log, problem);
        log.write('error', 'reload', answer.error.detail);
      },
      (error: unknown) => {
        log.write('error', 'bug', stackOf(error));
      },
    );
}

export function listenToSignals(daemon: Daemon, log: DaemonLog, ending: Ending): { close(): void } {
  let asked = 0;
  let askedAt = -Infinity;
  const stop = (signal: NodeJS.Signals): void => {
    // A terminal sends Ctrl-C to npm and to us, and npm passes it on: that is one wish, not two.
    const now = performance.now();
    if (now - askedAt < SAME_WISH_MS) return;
    askedAt = now;
    asked += 1;
    log.write('info', 'signal', asked === 1 ? `${signal}: stopping` : `${signal} again: hurrying`, {
      signal,
      number: constants.signals[signal],
    });
    ending.end(0);
    if (asked === 1) return;
    ending.hurry();
    daemon.hurry();
  };
  const reload = (): void => {
    if (ending.first?.kind === 'replace') ending.reloadLater();
    else reloadQuietly(daemon, log);
  };
  const stops = process.pid === 1 ? [...STOPS, ...STOPS_OF_INIT] : STOPS;
  for (const signal of stops) process.on(signal, stop);
  for (const signal of IGNORED) process.on(signal, ignore);
  process.on('SIGHUP', reload);
  return {
    close: () => {
      for (const signal of stops) process.off(signal, stop);
      for (const signal of IGNORED) process.off(signal, ignore);
      process.off('SIGHUP', reload);
    },
  };
}
