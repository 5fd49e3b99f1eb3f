// The life of the daemon process: directories, lock, first set, socket, signals, and the way down.
//
// Up: directories and lock; then the first set, so that units start at once; then the socket; then it says `ready`.
// Down, on SIGTERM, SIGINT or a unit's exit action: units stop in reverse order while the socket still answers; a
// second signal hurries them. SIGHUP reloads. After the start, no error of one unit ends the daemon.
import { constants } from 'node:os';
import { join } from 'node:path';
import { currentBootId } from '../os/boot-id.ts';
import { acquireLock, ensureDirectory } from '../os/files.ts';
import { createClock } from '../os/clock.ts';
import { openLogSink } from '../os/log-sink.ts';
import { createMeter } from '../os/meter.ts';
import { createProcesses } from '../os/processes.ts';
import { lookupGroup } from '../os/users.ts';
import type { Control } from './control.ts';
import { Daemon } from './daemon.ts';
import { createDaemonLog, logProblem } from './daemon-log.ts';
import type { DaemonLog } from './daemon-log.ts';
import { inheritedEnvironment } from './environment.ts';
import type { DaemonPaths } from './paths.ts';

export interface Served {
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly path: string;
  readonly control: Control;
  readonly groupId: number | null;
  readonly onBug: (error: unknown) => void;
}

/** Opens the control socket; a refusal is a sentence. Handed in, since the API stands above the daemon. */
export type Serve = (
  options: ServeOptions,
) => Promise<
  { readonly ok: true; readonly value: Served } | { readonly ok: false; readonly message: string }
>;

export interface LifeOptions {
  readonly paths: DaemonPaths & { readonly socket: string };
  readonly version: string;
  /** Name or number of the group that may use the socket too. */
  readonly socketGroup: string | null;
  readonly insecurePermissions: boolean;
  /** null: usage is not measured. */
  readonly usageIntervalMs: number | null;
  /** Makes the directory of the unit files if it is missing. */
  readonly makesUnits: boolean;
  readonly serve: Serve;
}

/** Stop signals closer together than this are one. */
const SAME_WISH_MS = 250;

/** Exit code of a daemon that could not start. */
const NOT_STARTED = 1;

/** Lives until it is told to end; the number is the exit code. */
export async function liveAsDaemon(options: LifeOptions): Promise<number> {
  const clock = createClock();
  const log = createDaemonLog(openLogSink(2), () => clock.wallMs(), process.env);
  const refuse = (message: string): number => {
    log.write('error', 'start', message);
    log.close();
    return NOT_STARTED;
  };
  const { paths } = options;
  const group = options.socketGroup === null ? null : lookupGroup(options.socketGroup);
  if (options.socketGroup !== null && group === null) {
    return refuse(`cannot start daemon: there is no group "${options.socketGroup}"`);
  }
  const lockPath = join(paths.runtime, 'unitd.pid');
  try {
    ensureDirectory(paths.runtime, 0o700);
    ensureDirectory(join(paths.runtime, 'fifo'), 0o700);
    ensureDirectory(paths.state, 0o700);
    ensureDirectory(paths.logs, 0o750);
    if (options.makesUnits) ensureDirectory(paths.units, 0o755);
  } catch (error) {
    return refuse(`cannot start daemon: ${messageOf(error)}`);
  }
  const locked = acquireLock(lockPath);
  if (!locked.ok) {
    const holder = locked.holderPid === null ? 'another daemon' : `the daemon with pid ${locked.holderPid}`;
    return refuse(`cannot start daemon: ${holder} uses runtime directory "${paths.runtime}"`);
  }
  catchBugs(log);
  const ending = endingOf();
  const processes = createProcesses();
  const daemon = new Daemon({
    paths,
    version: options.version,
    bootId: currentBootId(),
    clock,
    processes,
    meter: createMeter(() => clock.monotonicMs()),
    random: Math.random,
    inherited: inheritedEnvironment(process.env),
    log,
    insecurePermissions: options.insecurePermissions,
    usageIntervalMs: options.usageIntervalMs,
    onExitAction: (unit, code) => {
      log.write('info', 'exit', `ending with code ${code}, as unit "${unit}" asks`, { unit, code });
      ending.end(code);
    },
  });
  const signals = listenToSignals(daemon, log, ending);
  try {
    await daemon.boot();
  } catch (error) {
    // Nothing was touched: what an earlier daemon left runs on.
    processes.close();
    signals.close();
    locked.lock.close();
    return refuse(messageOf(error));
  }
  const served = await options.serve({
    path: paths.socket,
    control: daemon.control,
    groupId: group?.gid ?? null,
    onBug: (error) => {
      log.write('error', 'bug', stackOf(error));
    },
  });
  if (served.ok) {
    log.write('info', 'ready', `ready, pid ${process.pid}`, { pid: process.pid, socket: paths.socket });
    daemon.announceReady();
  } else {
    log.write('error', 'start', served.message);
    ending.end(NOT_STARTED);
  }
  const code = await ending.ended;
  log.write('info', 'stopping', 'stopping all units');
  await daemon.stopAll();
  if (served.ok) await served.value.close();
  await daemon.close();
  processes.close();
  signals.close();
  log.write('info', 'stopped', 'all units are down');
  log.close();
  locked.lock.close();
  return code;
}

interface Ending {
  readonly ended: Promise<number>;
  /** The first call decides the exit code. */
  readonly end: (code: number) => void;
}

function endingOf(): Ending {
  let end = (_code: number): void => undefined;
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  return { ended, end };
}

function listenToSignals(daemon: Daemon, log: DaemonLog, ending: Ending): { close(): void } {
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
    if (asked > 1) daemon.hurry();
  };
  const reload = (): void => {
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
  };
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', reload);
  return {
    close: () => {
      process.off('SIGTERM', stop).off('SIGINT', stop).off('SIGHUP', reload);
    },
  };
}

function catchBugs(log: DaemonLog): void {
  const report = (error: unknown): void => {
    log.write('error', 'bug', stackOf(error));
  };
  process.on('uncaughtException', report).on('unhandledRejection', report);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
