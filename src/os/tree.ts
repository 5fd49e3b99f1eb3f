// Finds the living processes of a tree. Reads and remembers; signals nobody.
//
// A tree that this daemon spawned is found from above. The daemon is a subreaper, so every living process of the tree
// hangs below one of the daemon's own children: a leader, or an orphan that the kernel handed over. Following
// /proc/PID/task/*/children from those costs what the tree costs. One reading of our own children per round of
// decisions tells the orphans; it is exact (see procfs) and shared by all trees asked for in one go.
//
// The orphans of a tree that an earlier daemon spawned went to another subreaper when that daemon died, so such a tree
// is looked for among all processes of the machine.
import { constants } from 'node:os';
import type { ProcessTree } from '../model/process.ts';
import { kill } from './libc/signal.ts';
import { isOfInvocation, markOf, type Mark } from './mark.ts';
import { INVOCATION_VARIABLE } from './ports.ts';
import {
  allProcesses,
  childrenOf,
  childrenOfThread,
  initialEnvironmentOf,
  EXEC_PATIENCE_MS,
  isAlive,
  processStat,
  type ProcessStat,
  readsFailed,
  ticksSinceBoot,
  variableIn,
} from './procfs.ts';

const KTHREADD = 2;

export interface TreeFinder {
  /** Living processes of the tree. Calls within one synchronous run may share one reading of the process list. */
  members(tree: ProcessTree): readonly ProcessStat[];
  /**
   * In this run some process could not be told to be anybody's, as it is in the middle of execve(2), or could not be seen
   * at all, as the machine has no memory or no open file left for a look.
   */
  isUnsure(): boolean;
  /** Makes the next call read anew. */
  refresh(): void;
  /** A child was reaped: its pid means nothing any more. */
  forget(pid: number): void;
}

/** Where a process says it is from: the invocation id in its environment, or, where none can be read, its mark. */
type Origin = string | Mark;

/**
 * Whether a process that is no leader belongs to a tree in its own right. Its origin decides. Where it has none (its
 * limits were set, and its environment was cleared or is another user's), session and group do: as long as the kernel
 * has a process in session or group N it gives out no pid N.
 */
function belongs(tree: ProcessTree, stat: ProcessStat, origin: Origin | null): boolean {
  if (typeof origin === 'string') return origin === tree.invocationId;
  if (origin !== null) return isOfInvocation(origin, tree.invocationId);
  return tree.leaders.some(
    ({ pid, startTicks }) =>
      (stat.session === pid || stat.group === pid) && stat.pid !== pid && stat.startTicks >= startTicks,
  );
}

function isLeader(tree: ProcessTree, stat: ProcessStat): boolean {
  return tree.leaders.some(({ pid, startTicks }) => pid === stat.pid && startTicks === stat.startTicks);
}

/** Adds the process and all that descend from it, by asking each for its children. */
function descend(root: ProcessStat, found: Map<number, ProcessStat>): void {
  const stack = [root];
  for (let stat = stack.pop(); stat !== undefined; stat = stack.pop()) {
    if (!isAlive(stat) || found.has(stat.pid)) continue;
    found.set(stat.pid, stat);
    for (const pid of childrenOf(stat)) {
      const child = processStat(pid);
      if (child !== null && child.parentPid === stat.pid) stack.push(child);
    }
  }
}

function byParent(stats: readonly ProcessStat[]): ReadonlyMap<number, readonly ProcessStat[]> {
  const children = new Map<number, ProcessStat[]>();
  for (const stat of stats) {
    const siblings = children.get(stat.parentPid);
    if (siblings === undefined) children.set(stat.parentPid, [stat]);
    else siblings.push(stat);
  }
  return children;
}

/**
 * `isSpawned` knows the living children that spawn() made: they are leaders, never orphans. `sinceTicks`: whatever is
 * spawned has been spawned by this process for so long, and by no earlier daemon (clock ticks since boot).
 */
export function createTreeFinder(
  isSpawned: (pid: number) => boolean,
  sinceTicks: number = ticksSinceBoot(),
): TreeFinder {
  /** Kept while the process lives: an origin, once read, is not swapped for another tree's. */
  const origins = new Map<number, { readonly startTicks: number; readonly origin: Origin }>();
  /** Who has shown nothing since when. */
  const nameless = new Map<number, { readonly startTicks: number; readonly sinceMs: number }>();
  /** Processes read in this run that show no origin; asked again next time, as in mid-exec they show no environment. */
  const withoutOrigin = new Set<number>();
  let isUnsure = false;
  let orphans: readonly ProcessStat[] | null = null;
  let everyone: readonly ProcessStat[] | null = null;
  const hasChildrenFiles = childrenOfThread(process.pid, process.pid) !== null;

  const refresh = (): void => {
    orphans = null;
    everyone = null;
    withoutOrigin.clear();
    isUnsure = false;
  };

  const shareUntilRunEnds = (): void => queueMicrotask(refresh);

  /** With a process that shows nothing, as it has not done so for long. */
  const hasPatience = (stat: ProcessStat): boolean => {
    const known = nameless.get(stat.pid);
    if (known?.startTicks === stat.startTicks) return performance.now() - known.sinceMs < EXEC_PATIENCE_MS;
    nameless.set(stat.pid, { startTicks: stat.startTicks, sinceMs: performance.now() });
    return true;
  };

  const readOrigin = (stat: ProcessStat): Origin | null => {
    const environment = initialEnvironmentOf(stat.pid);
    const origin = variableIn(environment, INVOCATION_VARIABLE) ?? markOf(stat.pid);
    if (origin !== null || !environment.isNameless || stat.parentPid === KTHREADD) nameless.delete(stat.pid);
    else if (hasPatience(stat)) isUnsure = true;
    return origin;
  };

  const originOf = (stat: ProcessStat): Origin | null => {
    const known = origins.get(stat.pid);
    if (known !== undefined && known.startTicks === stat.startTicks) return known.origin;
    if (withoutOrigin.has(stat.pid)) return null;
    const origin = readOrigin(stat);
    if (origin === null) withoutOrigin.add(stat.pid);
    else origins.set(stat.pid, { startTicks: stat.startTicks, origin });
    return origin;
  };

  // A child that dies after it was listed hands its own children to us, at the end of a list already read. The
  // kernel does so before the child becomes a zombie, so a list read after that has them: read until no new zombie.
  const ownOrphans = (): readonly ProcessStat[] => {
    if (orphans !== null) return orphans;
    const dead = new Set<number>();
    let living: ProcessStat[] = [];
    for (let deadBefore = -1; deadBefore < dead.size;) {
      deadBefore = dead.size;
      living = [];
      for (const pid of childrenOfThread(process.pid, process.pid) ?? []) {
        if (isSpawned(pid)) continue;
        const stat = processStat(pid);
        if (isAlive(stat)) living.push(stat);
        else dead.add(pid);
      }
    }
    orphans = living;
    shareUntilRunEnds();
    return orphans;
  };

  const allStats = (): readonly ProcessStat[] => {
    if (everyone === null) {
      everyone = allProcesses();
      const living = new Set(everyone.map(({ pid }) => pid));
      for (const known of [origins, nameless]) {
        for (const pid of known.keys()) if (!living.has(pid)) known.delete(pid);
      }
      shareUntilRunEnds();
    }
    return everyone;
  };

  const fromAbove = (tree: ProcessTree): readonly ProcessStat[] => {
    const found = new Map<number, ProcessStat>();
    for (const { pid } of tree.leaders) {
      // Whom this daemon has as a child is there, also one that was adopted and leads no group.
      if (!isSpawned(pid) && kill(-pid, 0) === constants.errno.ESRCH) continue;
      const stat = processStat(pid);
      if (stat !== null && isLeader(tree, stat)) descend(stat, found);
    }
    // After the leaders: what a process below them leaves behind when it dies meanwhile has come to us by now.
    for (const stat of ownOrphans()) if (belongs(tree, stat, originOf(stat))) descend(stat, found);
    return [...found.values()];
  };

  const amongAll = (tree: ProcessTree): readonly ProcessStat[] => {
    const stats = allStats();
    const oldest = Math.min(...tree.leaders.map(({ startTicks }) => startTicks));
    // Without a reaper's knowledge a session or group of a leader that is gone may be a stranger's by now.
    const standing = stats.filter((stat) => isLeader(tree, stat));
    const provable: ProcessTree = { invocationId: tree.invocationId, leaders: standing };
    const children = byParent(stats);
    const members = new Map<number, ProcessStat>();
    const add = (stat: ProcessStat): void => {
      // What this daemon spawned is none of it, also where it was itself started by the tree, as out of a terminal there.
      if (!isAlive(stat) || members.has(stat.pid) || stat.pid === process.pid) return;
      members.set(stat.pid, stat);
      for (const child of children.get(stat.pid) ?? []) add(child);
    };
    for (const stat of stats) {
      if (stat.startTicks < oldest || members.has(stat.pid)) continue;
      // It shows nothing, as what is in the middle of exec does.
      if (!isAlive(stat)) continue;
      if (isLeader(tree, stat) || belongs(provable, stat, originOf(stat))) add(stat);
    }
    return [...members.values()];
  };

  return {
    members: (tree) => {
      if (tree.leaders.length === 0) return [];
      const ours = hasChildrenFiles && tree.leaders.every(({ startTicks }) => startTicks > sinceTicks);
      const failed = readsFailed();
      const found = ours ? fromAbove(tree) : amongAll(tree);
      isUnsure ||= readsFailed() !== failed;
      return found;
    },
    isUnsure: () => isUnsure,
    refresh,
    forget: (pid) => {
      origins.delete(pid);
      nameless.delete(pid);
    },
  };
}
