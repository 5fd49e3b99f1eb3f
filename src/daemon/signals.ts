// What signals to the daemon mean: SIGTERM and SIGINT its end, said once more without grace; SIGHUP a reload.
import { constants } from 'node:os';
import { stackOf } from '../base/fault.ts';
import type { Daemon } from './daemon.ts';
import { logProblem } from './daemon-log.ts';
import type { DaemonLog } from './daemon-log.ts';
import { IGNORED_SIGNALS, stopSignals } from './early-signals.ts';
import type { Ending } from './ending.ts';

const ignore = (): void => undefined;

/** Stop signals closer together than this are one. */
const SAME_WISH_MS = 250;

export interface Listening {
  /** As if that signal came now, one of stopSignals(). */
  stop(signal: NodeJS.Signals): void;
  close(): void;
}

export function reloadQuietly(daemon: Pick<Daemon, 'control'>, log: DaemonLog): void {
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

export function listenToSignals(
  daemon: Pick<Daemon, 'control' | 'hurry' | 'startNothing'>,
  log: DaemonLog,
  ending: Ending,
): Listening {
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
    if (ending.first?.kind === 'end') daemon.startNothing();
    if (asked === 1) return;
    ending.hurry();
    daemon.hurry();
  };
  const reload = (): void => {
    if (ending.first?.kind === 'replace') ending.reloadLater();
    else reloadQuietly(daemon, log);
  };
  const stops = stopSignals();
  for (const signal of stops) process.on(signal, stop);
  for (const signal of IGNORED_SIGNALS) process.on(signal, ignore);
  process.on('SIGHUP', reload);
  return {
    stop,
    close: () => {
      for (const signal of stops) process.off(signal, stop);
      for (const signal of IGNORED_SIGNALS) process.off(signal, ignore);
      process.off('SIGHUP', reload);
    },
  };
}
