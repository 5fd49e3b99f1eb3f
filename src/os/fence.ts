// The fence of cgroups: one cgroup v2 for each activation of a unit, below one that is this daemon's alone. It makes
// them, puts processes in, kills and removes them. Which process belongs to which unit is told by the kernel alone.
//
//   BASE                      the cgroup that the daemon was started in; the one above, if that is called unitd.daemon
//     unitd-<id>              of one runtime directory: two daemons do not meet
//       daemon                the daemon itself, and nobody else
//       session               processes of activations that have no cgroup of their own
//       web.unit              an activation of unit "web"
//       web.unit.2            the next one, should something of the first live on (killMode process or none)
//
// Entering. With glibc 2.39 (posix_spawnattr_setcgroup_np(3)) a child begins in its unit's cgroup, where the kernel
// does that. Else it begins in its parent's, and is moved at once, which may hold the daemon up for ten milliseconds
// and more: the kernel waits for an RCU grace period, beside the daemon where a reload is about to spawn
// (ready-moves.ts). Until it is moved it may have forked: but nobody beside the daemon is ever in the daemon's own
// cgroup, spawns come one at a time, and each ends only when that cgroup is empty again but for the daemon. So whoever
// is met there belongs to the spawn that is under way, and is moved after it; but not who is older than that: another
// daemon, come after this one's runtime directory was replaced. What a daemon that was killed left there belongs to the
// one spawn that was under way then. A process whose first thread has ended before the move takes its other threads
// along, but is listed where its first thread was, and stays so for as long as it lives: it is moved once, and then
// left to be held as one that has left its cgroup.
//
// Controllers. Which of them are at work in the units' cgroups is controllers.ts's to say and to arrange.
//
// Removal. A cgroup goes as soon as it is empty at the end of its activation; whatever could not go then, with the next
// activation or with the daemon.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isPopulated, processesIn, removeCgroup, subgroups, writeControl } from './cgroup.ts';
import { ownCgroup } from './cgroup-hierarchy.ts';
import type { ProcessId } from '../model/process.ts';
import { openControllers } from './controllers.ts';
import type { Controllers } from './controllers.ts';
import { thrownErrno } from './errno.ts';
import { isAlive, processStat } from './procfs.ts';
import type { ProcessStat } from './procfs.ts';
import { readyMoves } from './ready-moves.ts';
import type { ReadyMoves } from './ready-moves.ts';

export interface Fence {
  /** The cgroup that holds those of all units. */
  readonly directory: string;
  readonly controllers: Controllers;
  /** An empty cgroup for a new activation of the unit. Throws what the kernel says when there can be none. */
  add(unit: string): string;
  /**
   * Moves a child that was just spawned, with all that it has forked meanwhile; to a cgroup of no unit if its own is
   * null. `isForeign`: children of the daemon that no unit asked for. An errno's name when it cannot: then some of it
   * may be inside and some not.
   */
  enter(cgroup: string | null, child: ProcessId, isForeign: (pid: number) => boolean): string | null;
  /** Moves follow soon. */
  expectMoves(): ReadyMoves;
  /** Moves what an earlier daemon had spawned and not moved yet. */
  enterLeft(cgroup: string, leader: number | null): void;
  /** Calls back once when nothing lives in it any more; false when that cannot be watched. */
  whenEmpty(cgroup: string, callback: () => void): boolean;
  /** False when something lives in it. */
  remove(cgroup: string): boolean;
  /** Removes every empty cgroup of an earlier daemon that is not among `kept`; gives those that are not empty. */
  sweep(kept: ReadonlySet<string>): readonly string[];
  /** Watches no more. All else stays as it is, for a daemon that goes on in this process. */
  leave(): void;
  /** The daemon goes back to where it was started, and the fence goes if no unit is left in it. */
  close(): void;
}

export type FenceResult =
  { readonly ok: true; readonly fence: Fence } | { readonly ok: false; readonly reason: string };

/**
 * A starter that puts the daemon into a cgroup of this name leaves the one above to it, and does not mind what becomes
 * of that: DelegateSubgroup of systemd.
 */
const STARTED = 'unitd.daemon';
const DAEMON = 'daemon';
const SESSION = 'session';
const FENCE_NAME = /^unitd-[0-9a-f]{12}$/;
/** Moves that a bomb of forks may outrun before its spawn counts as failed. */
const MOST_ROUNDS = 1000;

/** `key`: what tells this daemon from others, its runtime directory. */
export function openFence(key: string): FenceResult {
  const own = ownCgroup(
    readFileSync('/proc/self/mountinfo', 'utf8'),
    readFileSync('/proc/self/cgroup', 'utf8'),
  );
  if (!own.ok) return own;
  const base = baseOf(own.directory);
  const subgroup = join(base, STARTED);
  const home = existsSync(subgroup) ? subgroup : base;
  const id = createHash('sha256').update(key).digest('hex').slice(0, 12);
  const directory = join(base, `unitd-${id}`);
  const daemon = join(directory, DAEMON);
  const refusal =
    madeOrThere(directory) ??
    madeOrThere(daemon) ??
    (hasKill(daemon) ? null : 'the kernel has no cgroup.kill (Linux 5.14)');
  const left = processesIn(daemon).filter((pid) => pid !== process.pid);
  const refused = refusal ?? writeControl(daemon, 'cgroup.procs', '0');
  if (refused === null) return { ok: true, fence: createFence({ base, home, directory, daemon, left }) };
  removeEmpty(directory);
  return { ok: false, reason: `cannot use cgroup "${directory}": ${refused}` };
}

/** A daemon that was started by exec in the place of another is in that one's cgroup already. */
function baseOf(own: string): string {
  const parent = dirname(own);
  if (basename(own) === STARTED) return parent;
  return basename(own) === DAEMON && FENCE_NAME.test(basename(parent)) ? dirname(parent) : own;
}

/** null, or the errno of mkdir(2). */
function made(directory: string): string | null {
  try {
    mkdirSync(directory, { mode: 0o755 });
    return null;
  } catch (error) {
    return thrownErrno(error);
  }
}

function madeOrThere(directory: string): string | null {
  const errno = made(directory);
  return errno === 'EEXIST' ? null : errno;
}

function hasKill(cgroup: string): boolean {
  return existsSync(join(cgroup, 'cgroup.kill'));
}

/** Removes a fence that holds no unit; nothing when it does. */
function removeEmpty(directory: string): void {
  if (!isPopulated(directory)) removeCgroup(directory);
}

/**
 * Removes a cgroup below the fence of an earlier daemon that was started elsewhere, or of one whose successor holds its
 * units by session: the last to go takes that fence along. False when something lives in it.
 */
export function removeInherited(cgroup: string): boolean {
  const isGone = removeCgroup(cgroup);
  const parent = dirname(cgroup);
  if (isGone && FENCE_NAME.test(basename(parent))) removeEmpty(parent);
  return isGone;
}

interface Place {
  readonly base: string;
  /** Where the daemon goes back to. */
  readonly home: string;
  readonly directory: string;
  readonly daemon: string;
  /** Processes that an earlier daemon left in the daemon's own cgroup. */
  readonly left: readonly number[];
}

function move(pid: number, cgroup: string): string | null {
  const errno = writeControl(cgroup, 'cgroup.procs', String(pid));
  // It has ended meanwhile.
  return errno === 'ESRCH' ? null : errno;
}

/** Who has ended since it was listed may have forked in between, and counts, so that one looks again. */
function isSince(pid: number, ticks: number): boolean {
  const stat = processStat(pid);
  return stat === null || stat.startTicks >= ticks;
}

/** The kernel moves all of it but its first thread, which has ended and where all of it is listed. */
function isHeadless(stat: ProcessStat | null): stat is ProcessStat {
  return isAlive(stat) && stat.state === 'Z';
}

function createFence({ base, home, directory, daemon, left }: Place): Fence {
  /** Start times of the headless that have been moved. */
  const headless = new Map<number, number>();
  const leaveHeadless = (pids: readonly number[]): void => {
    for (const stat of pids.map(processStat)) if (isHeadless(stat)) headless.set(stat.pid, stat.startTicks);
  };
  leaveHeadless(left);
  const strangers = new Set(left.filter((pid) => !headless.has(pid)));
  const controllers = openControllers(base, directory, home !== base);
  const watchers = new Map<string, FSWatcher>();
  /** The last, until it is over. */
  let expected: ReadyMoves | null = null;

  const enter: Fence['enter'] = (wanted, { pid, startTicks: since }, isForeign) => {
    const cgroup = wanted ?? join(directory, SESSION);
    const errno = (wanted === null ? madeOrThere(cgroup) : null) ?? move(pid, cgroup);
    if (errno !== null) return errno;
    let moved = [pid];
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const here = processesIn(daemon);
      leaveHeadless(moved.filter((other) => here.includes(other)));
      for (const [other, startTicks] of headless) {
        if (processStat(other)?.startTicks !== startTicks) headless.delete(other);
      }
      const forked = here.filter(
        (other) =>
          other !== process.pid &&
          !strangers.has(other) &&
          !headless.has(other) &&
          !isForeign(other) &&
          isSince(other, since),
      );
      if (forked.length === 0) return null;
      moved = forked;
      // A pid that is free again could only be a stranger's by now if all pids had been given out in between.
      for (const other of forked) {
        const refused = move(other, cgroup);
        if (refused !== null) return refused;
      }
    }
    return 'EAGAIN';
  };

  const forget = (cgroup: string): void => {
    watchers.get(cgroup)?.close();
    watchers.delete(cgroup);
  };

  const remove = (cgroup: string): boolean => {
    forget(cgroup);
    return dirname(cgroup) === directory ? removeCgroup(cgroup) : removeInherited(cgroup);
  };

  const leave = (): void => {
    expected?.close();
    for (const cgroup of watchers.keys()) forget(cgroup);
  };

  const goHome = (): void => {
    writeControl(home, 'cgroup.procs', '0');
    removeEmpty(directory);
  };

  const sweep = (kept: ReadonlySet<string>): readonly string[] =>
    unitsIn(directory).filter((cgroup) => !kept.has(cgroup) && !remove(cgroup));

  return {
    directory,
    controllers,
    add: (unit) => {
      for (let number = 1; ; number++) {
        const cgroup = join(directory, number === 1 ? `${unit}.unit` : `${unit}.unit.${number}`);
        let errno = made(cgroup);
        // One that was left is made anew if nothing lives there: its limits and its counts are of another life.
        if (errno === 'EEXIST' && remove(cgroup)) errno = made(cgroup);
        if (errno === null) return cgroup;
        if (errno !== 'EEXIST') throw new Error(`cannot make cgroup "${cgroup}": ${errno}`);
      }
    },
    enter,
    expectMoves: () => {
      const moves = readyMoves(daemon);
      expected = moves;
      void moves.over.then(() => {
        if (expected === moves) expected = null;
      });
      return moves;
    },
    enterLeft: (cgroup, leader) => {
      for (const pid of leader === null ? strangers : [leader, ...strangers]) move(pid, cgroup);
      strangers.clear();
    },
    whenEmpty: (cgroup, callback) => {
      if (watchers.has(cgroup)) return true;
      const look = (): void => {
        if (isPopulated(cgroup) || !watchers.has(cgroup)) return;
        forget(cgroup);
        callback();
      };
      try {
        // The kernel tells of a change of `populated` as of a modification (cgroup-v2.rst, "Un-populated Notification").
        const watcher = watch(join(cgroup, 'cgroup.events'), { persistent: false }, look);
        watcher.on('error', () => forget(cgroup));
        watchers.set(cgroup, watcher);
      } catch (error) {
        // It was removed, and so it is empty.
        if (thrownErrno(error) !== 'ENOENT') return false;
        setImmediate(callback);
        return true;
      }
      // It may have run empty before it was watched.
      setImmediate(look);
      return true;
    },
    remove,
    sweep,
    leave,
    close: () => {
      leave();
      sweep(new Set());
      controllers.withdraw(unitsIn(directory).length > 0);
      goHome();
      // One that was under way may have come after that.
      void expected?.over.then(goHome);
    },
  };
}

function unitsIn(directory: string): readonly string[] {
  return subgroups(directory).filter((cgroup) => basename(cgroup) !== DAEMON);
}
