// The life of the daemon process, from its first step to its last.
//
// Up: directories and lock (ground.ts); then the socket, at which clients wait from then on, since nothing is to be
// started by a daemon that nobody could reach; then the first set; then it answers and says `ready`. Down, on SIGTERM,
// SIGINT or a unit's exit action: units stop in reverse order while the socket still answers; a second signal hurries
// them (signals.ts). After the start, no error of one unit ends the daemon.
//
// Replaced, by a client's wish, once the version on disk has been tried (reexec.ts): clients are told, the loop comes to
// rest, and execve(2) puts that version here, with what handover.ts lists. Should the exec itself fail, this version
// takes over from itself in the same way. A wish that comes meanwhile is handed over. Signals that come while a version is
// being loaded are kept for it (early-signals.ts), but for those that come before node is there to run its first line:
// they do what they do to any process.
import { closeSync } from 'node:fs';
import { messageOf, stackOf } from '../base/fault.ts';
import { keepAcceptSpare } from '../os/accept-spare.ts';
import { currentBootId } from '../os/boot-id.ts';
import { createClock } from '../os/clock.ts';
import { trimMalloc } from '../os/libc/memory.ts';
import { createPidMeter } from '../os/meter.ts';
import type { Clock } from '../os/ports.ts';
import { createProcesses } from '../os/processes.ts';
import { ticksSinceBoot } from '../os/procfs.ts';
import { makeRoomForRaised } from '../os/raised-descriptor.ts';
import { createReadiness } from '../os/readiness.ts';
import { heldThroughExec } from '../os/replace.ts';
import { tellStarter } from '../os/starter.ts';
import { createMeter } from '../os/usage-meter.ts';
import { Daemon } from './daemon.ts';
import type { Left } from './daemon.ts';
import { openDaemonLog } from './daemon-log.ts';
import type { DaemonLog } from './daemon-log.ts';
import type { EarlySignals } from './early-signals.ts';
import { Ending } from './ending.ts';
import { inheritedEnvironment } from './environment.ts';
import { takeGround } from './ground.ts';
import type { Ground, GroundOptions } from './ground.ts';
import { arrivalFrom, HANDOVER_FORMAT, leaveTo } from './handover.ts';
import type { HandOver, Origin, ReplaceFailure } from './handover.ts';
import { obstacleTo } from './obstacle.ts';
import { reexecutor } from './reexec.ts';
import type { OpenSocket, Serve, Served } from './serving.ts';
import { listenToSignals, reloadQuietly } from './signals.ts';
import type { Listening } from './signals.ts';
import { tryVersionOnDisk } from './trial.ts';

export interface LifeOptions extends GroundOptions {
  readonly version: string;
  readonly insecurePermissions: boolean;
  /** null: usage is not measured. */
  readonly usageIntervalMs: number | null;
  readonly early: EarlySignals;
  readonly openSocket: OpenSocket;
  readonly serve: Serve;
}

/** Exit code of a daemon that could not start. */
const NOT_STARTED = 1;

/** Lives until it is told to end; the number is the exit code. */
export async function liveAsDaemon(options: LifeOptions): Promise<number> {
  // Until it has ended in a way that says another: what a bug leaves has not ended well.
  process.exitCode = NOT_STARTED;
  const arrival = arrivalFrom(process.env, process.pid);
  const { version } = options;
  if (arrival.kind === 'asked') {
    const reason = obstacleTo(arrival.format, options);
    process.stdout.write(
      `${JSON.stringify(reason === null ? { ok: true, version } : { ok: false, reason })}\n`,
    );
    return 0;
  }
  void makeRoomForRaised();
  const clock = createClock();
  const log = openDaemonLog(options.paths.logs, () => clock.wallMs());
  const refuse = (message: string): number => {
    log.write('error', 'start', message);
    log.close();
    return NOT_STARTED;
  };
  // From the beginning: where the output is a file, it is let go of (last-sync.ts) before node has printed any.
  catchBugs(log);
  let handOver = arrival.kind === 'handed-over' ? arrival.handOver : null;
  const taken = takeGround(options, handOver, log);
  if (!taken.ok) return refuse(taken.message);
  const ground = taken.value;
  const spawnsSinceTicks = handOver?.spawnsSinceTicks ?? ticksSinceBoot();
  const startedWall = handOver?.startedWall ?? clock.wallMs();
  // Once for all: a version that takes over from itself, since the exec failed, has replaced none.
  const replacedWall = handOver === null ? null : clock.wallMs();
  let replaceFailure: ReplaceFailure | null = null;
  const surroundings = { options, clock, log, ground, spawnsSinceTicks };
  let isUp = false;
  const onUp = (): void => {
    isUp = true;
  };
  for (;;) {
    let end: number | Departure;
    isUp = false;
    try {
      const origin = { version, startedWall, replacedWall, replaceFailure };
      end = await lifeOf({ ...surroundings, origin, onUp }, handOver);
    } catch (error) {
      if (isUp) throw error;
      ground.fence?.close();
      letGoOf(ground);
      const code = refuse(`cannot start daemon: ${messageOf(error)}`);
      // oxlint-disable-next-line no-process-exit -- what was opened before the error would keep the process
      return process.exit(code);
    }
    if (typeof end === 'number') return end;
    const lockFd = heldThroughExec(ground.lock.fd);
    const claimFds = ground.claimFds.map(heldThroughExec);
    const { wishes } = end.ending;
    const here = { format: HANDOVER_FORMAT, version, startedWall, spawnsSinceTicks, lockFd, claimFds };
    handOver = { ...here, wishes, ...end.left };
    const failed = `cannot replace daemon: ${leaveTo(handOver)}`;
    replaceFailure = { atWall: clock.wallMs(), detail: `${failed}; version ${version} goes on` };
    log.write('error', 'reexec', replaceFailure.detail);
    options.early.keep();
    end.signals.close();
    for (const fd of [lockFd, ...claimFds]) closeSync(fd);
  }
}

/** What is there of a daemon that has let go of everything but its signals. */
interface Departure {
  readonly ending: Ending;
  readonly signals: Listening;
  readonly left: Left & Pick<HandOver, 'listenFd'>;
}

interface Surroundings {
  readonly options: LifeOptions;
  readonly clock: Clock;
  readonly log: DaemonLog;
  readonly ground: Ground;
  readonly spawnsSinceTicks: number;
  readonly origin: Origin;
  /** It has started: from now on an exception is a bug, not a reason for not starting. */
  readonly onUp: () => void;
}

/** Until the daemon has ended, with its exit code, or is to be replaced at once. */
async function lifeOf(surroundings: Surroundings, handOver: HandOver | null): Promise<number | Departure> {
  const { options, clock, log, ground, spawnsSinceTicks, origin, onUp } = surroundings;
  const { fence, holding, groupId, hasState } = ground;
  const { paths, version } = options;
  const ending = new Ending();
  keepAcceptSpare();
  const readiness = createReadiness();
  const processes = createProcesses({ readiness, fence, sinceTicks: spawnsSinceTicks, bySession: holding });
  const monotonicMs = (): number => clock.monotonicMs();
  const daemon: Daemon = new Daemon({
    paths,
    holdsRuntime: () => ground.lock.isInPlace(),
    hasState,
    origin,
    bootId: currentBootId(),
    clock,
    processes,
    readiness,
    meter: createMeter({
      monotonicMs,
      byProcess: createPidMeter(monotonicMs),
      counting: fence?.controllers.counting ?? null,
    }),
    random: Math.random,
    inherited: inheritedEnvironment(process.env),
    log,
    insecurePermissions: options.insecurePermissions,
    usageIntervalMs: options.usageIntervalMs,
    onExitAction: (unit, code) => {
      log.write('info', 'exit', `ending with code ${code}, as unit "${unit}" asks`, { unit, code });
      ending.end(code);
    },
    handOver,
    tidy: trimMalloc,
    reexec: reexecutor({
      version,
      ending,
      log,
      trial: tryVersionOnDisk,
      cannotLeave: (): string | null => daemon.cannotBeReplaced,
    }),
  });
  let signals: Listening | null = null;
  const letGo = (): void => {
    processes.close();
    readiness.close();
    signals?.close();
    log.close();
    letGoOf(ground);
  };
  // Nothing was touched: what an earlier daemon left runs on.
  const notStarted = (message: string): number => {
    log.write('error', 'start', message);
    letGo();
    return NOT_STARTED;
  };
  const path = paths.socket;
  const opened = await options.openSocket({ path, groupId, inherited: handOver?.listenFd ?? null });
  if (!opened.ok) return notStarted(opened.message);
  // Not before the socket is open: a reload that comes from now on follows on the first load.
  signals = listenToSignals(daemon, log, ending);
  const early = options.early.take();
  for (const signal of early.stops) signals.stop(signal);
  let hasTakenUp: boolean;
  try {
    ({ hasTakenUp } = await daemon.boot());
  } catch (error) {
    opened.value.abandon();
    return notStarted(`cannot start daemon: ${messageOf(error)}`);
  }
  processes.beginReaping();
  onUp();
  for (const fd of handOver?.pipeFds ?? []) closeSync(fd);
  const served = await options
    .serve({
      path,
      listenFd: opened.value.fd,
      control: daemon.control,
      onBug: (error) => {
        log.write('error', 'bug', stackOf(error));
      },
    })
    .then(
      (value) => ({ ok: true, value }) as const,
      (error: unknown) => ({ ok: false, message: `cannot start daemon: ${messageOf(error)}` }) as const,
    );
  if (served.ok) {
    const before = handOver === null ? '' : `, took over from version ${handOver.version}`;
    const fields = { pid: process.pid, version, socket: paths.socket };
    const unsaid = tellStarter(process.env['NOTIFY_SOCKET'], 'READY=1');
    if (unsaid !== null) log.write('warning', 'start', unsaid);
    log.write('info', 'ready', `ready, pid ${process.pid}${before}`, fields);
    daemon.announceReady();
    const isReloadDue = handOver?.wishes.reload === true || early.reload;
    if (isReloadDue && ending.first === null) reloadQuietly(daemon, log);
    if (handOver?.wishes.hurry === true) daemon.hurry();
    if (handOver !== null && handOver.wishes.end !== null) ending.end(handOver.wishes.end);
  } else {
    log.write('error', 'start', served.message);
    ending.end(NOT_STARTED);
  }
  const end = await ending.ended;
  if (!served.ok && hasTakenUp) {
    // A next daemon, one that clients can reach, takes them back.
    log.write('warning', 'start', 'all units are left running');
    await daemon.close();
    letGo();
    return NOT_STARTED;
  }
  if (end.kind === 'replace' && served.ok) {
    log.write('info', 'reexec', `version ${end.version} takes over from version ${version}`);
    await daemon.prepareToLeave();
    const listenFd = await served.value.leave();
    const left = { listenFd, ...(await daemon.leave()) };
    readiness.close();
    return { ending, signals, left };
  }
  log.write('info', 'stopping', 'stopping all units');
  await daemon.stopAll();
  const closing = [...(served.ok ? [served.value] : []), daemon];
  const isClosed = await closed(closing, log);
  log.write('info', 'stopped', 'all units are down');
  letGo();
  const code = end.kind === 'end' ? end.code : NOT_STARTED;
  // oxlint-disable-next-line no-process-exit -- what could not be closed would keep a process that is for nothing more
  if (!isClosed) process.exit(code);
  return code;
}

/** For another daemon to use. */
function letGoOf({ lock, claimFds }: Ground): void {
  for (const fd of claimFds) closeSync(fd);
  lock.close();
}

/** Closes one after the other, whatever becomes of those before; false when one has failed. */
async function closed(all: readonly Pick<Served, 'close'>[], log: DaemonLog): Promise<boolean> {
  let isClosed = true;
  for (const each of all) {
    try {
      await each.close();
    } catch (error) {
      log.write('error', 'bug', stackOf(error));
      isClosed = false;
    }
  }
  return isClosed;
}

function catchBugs(log: DaemonLog): void {
  const report = (error: unknown): void => {
    log.write('error', 'bug', stackOf(error));
  };
  process.on('uncaughtException', report).on('unhandledRejection', report);
}
