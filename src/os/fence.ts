// The fence of cgroups: one cgroup v2 for each activation of a unit, below one that is this daemon's alone. It makes and
// removes them; how processes get in is cgroup-entry.ts's. Which process belongs to which unit is told by the kernel alone.
//
//   BASE                      the cgroup that the daemon was started in; the one above, if that is called unitd.daemon
//     unitd-<id>              of one runtime directory: two daemons do not meet
//       daemon                the daemon itself, and nobody else
//       session               processes of activations that have no cgroup of their own
//       web.unit              an activation of unit "web"
//       web.unit.2            the next one, should something of the first live on (killMode process or none)
//
// Controllers. Which of them are at work in the units' cgroups is controllers.ts's to say and to arrange.
//
// Removal. A cgroup goes as soon as it is empty at the end of its activation; whatever could not go then, with the next
// activation or with the daemon.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createCgroupEntry } from './cgroup-entry.ts';
import type { CgroupEntry } from './cgroup-entry.ts';
import { hierarchyTop, ownCgroup } from './cgroup-hierarchy.ts';
import {
  ensureCgroup,
  isPopulated,
  makeCgroup,
  processesIn,
  removeCgroup,
  subgroups,
  writeControl,
} from './cgroup.ts';
import { openControllers } from './controllers.ts';
import type { Controllers } from './controllers.ts';
import { createEmptinessWatch } from './emptiness-watch.ts';
import type { EmptinessWatch } from './emptiness-watch.ts';
import { readyMoves } from './ready-moves.ts';
import type { ReadyMoves } from './ready-moves.ts';

export interface Fence extends CgroupEntry, Pick<EmptinessWatch, 'whenEmpty'> {
  /** The cgroup that holds those of all units. */
  readonly directory: string;
  readonly controllers: Controllers;
  /** An empty cgroup for a new activation of the unit. Throws what the kernel says when there can be none. */
  add(unit: string): string;
  /** Moves follow soon. */
  expectMoves(): ReadyMoves;
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
/** `key`: what tells this daemon from others, its runtime directory. */
export function openFence(key: string): FenceResult {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');
  const own = ownCgroup(mountinfo, readFileSync('/proc/self/cgroup', 'utf8'));
  if (!own.ok) return own;
  const name = `unitd-${createHash('sha256').update(key).digest('hex').slice(0, 12)}`;
  const base = baseOf(own.directory, name);
  const subgroup = join(base, STARTED);
  const home = existsSync(subgroup) ? subgroup : base;
  const directory = join(base, name);
  const daemon = join(directory, DAEMON);
  const refusal =
    ensureCgroup(directory) ??
    ensureCgroup(daemon) ??
    (hasKill(daemon) ? null : 'the kernel has no cgroup.kill (Linux 5.14)');
  const left = processesIn(daemon).filter((pid) => pid !== process.pid);
  const refused = refusal ?? writeControl(daemon, 'cgroup.procs', '0');
  if (refused === null) {
    const isFree = home !== base || isOfContainer(base, mountinfo);
    return { ok: true, fence: createFence({ base, home, isFree, directory, daemon, left }) };
  }
  removeEmpty(directory);
  return { ok: false, reason: `cannot use cgroup "${directory}": ${refused}` };
}

/**
 * A daemon that was started by exec in the place of another is in that one's cgroup already. One that was started by a
 * unit of its predecessor, as out of a session of its sshd or by a job of its cron, would be killed with that unit. A
 * daemon that lives in a fence of this name is no predecessor: that of the host, as seen from a container.
 */
function baseOf(own: string, name: string): string {
  const parent = dirname(own);
  if (basename(own) === STARTED) return parent;
  if (basename(own) === DAEMON && FENCE_NAME.test(basename(parent))) return dirname(parent);
  const [base = own] = own.split(`/${name}/`, 1);
  return base !== own && isPopulated(join(base, name, DAEMON)) ? own : base;
}

/**
 * The cgroup of a container ends with its first process, and no daemon is started there after it. Its runtime comes in
 * at any time, with a look at the health or a client of this daemon's, and keeps the controllers away as long as that
 * lasts, unless they are passed on by then: runc and crun put it into the cgroup of the first process in that case.
 */
function isOfContainer(base: string, mountinfo: string): boolean {
  const top = hierarchyTop(mountinfo);
  return process.pid === 1 && top.ok && top.directory === base;
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
  /** No daemon is ever started in BASE. */
  readonly isFree: boolean;
  readonly directory: string;
  readonly daemon: string;
  /** Processes that an earlier daemon left in the daemon's own cgroup. */
  readonly left: readonly number[];
}

function createFence({ base, home, isFree, directory, daemon, left }: Place): Fence {
  const entry = createCgroupEntry(daemon, join(directory, SESSION), left);
  const controllers = openControllers(base, directory, isFree);
  const emptiness = createEmptinessWatch();
  /** The last, until it is over. */
  let expected: ReadyMoves | null = null;

  const remove = (cgroup: string): boolean => {
    emptiness.forget(cgroup);
    return dirname(cgroup) === directory ? removeCgroup(cgroup) : removeInherited(cgroup);
  };

  const leave = (): void => {
    expected?.close();
    emptiness.close();
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
        let errno = makeCgroup(cgroup);
        // One that was left is made anew if nothing lives there: its limits and its counts are of another life.
        if (errno === 'EEXIST' && remove(cgroup)) errno = makeCgroup(cgroup);
        if (errno === null) return cgroup;
        if (errno !== 'EEXIST') throw new Error(`cannot make cgroup "${cgroup}": ${errno}`);
      }
    },
    enter: entry.enter,
    expectMoves: () => {
      const moves = readyMoves(daemon);
      expected = moves;
      void moves.over.then(() => {
        if (expected === moves) expected = null;
      });
      return moves;
    },
    enterLeft: entry.enterLeft,
    whenEmpty: emptiness.whenEmpty,
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
