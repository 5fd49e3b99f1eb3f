// The Linux adapter of the Processes port: puts spawning, reaping, signalling and membership together, and owns the
// table of living children. Knows no units.
import { constants } from 'node:os';
import { keyOf, UNKNOWN_STATUS } from '../model/process.ts';
import type { ExitStatus, ProcessId, SpawnRequest } from '../model/process.ts';
import type { SignalName } from '../model/unit.ts';
import { killCgroup, processesBelow } from './cgroup.ts';
import { createEnclosure } from './enclosure.ts';
import { errnoName } from './errno.ts';
import { removeInherited } from './fence.ts';
import type { Fence } from './fence.ts';
import { findLeader } from './leader-search.ts';
import { kill } from './libc/signal.ts';
import { becomeSubreaper } from './libc/wait.ts';
import { createMembership } from './membership.ts';
import { INVOCATION_VARIABLE } from './ports.ts';
import type { Processes, Readiness, SignalResult, SpawnResult } from './ports.ts';
import { processStat } from './procfs.ts';
import { createReaper, type Reaped, type Reaper } from './reap.ts';
import { knownSignalNumber, signalProcess } from './signal.ts';
import { createSpawner } from './spawn.ts';
import { createTreeSignals } from './tree-signals.ts';
import { createTreeFinder } from './tree.ts';
import { createProcessWatch } from './watch.ts';

type ReapListener = (process: ProcessId | null, status: ExitStatus) => void;

export interface HeldProcesses extends Processes {
  /** From here on children are reaped, those too that have ended before. */
  beginReaping(): void;
}

export interface ProcessesOptions {
  /** Tells of the ends of those that are adopted; to be closed later than this. */
  readonly readiness: Readiness;
  /** The cgroups to hold units with, closed with the rest; null: sessions hold them. */
  readonly fence: Fence | null;
  /** When this process began to be the only daemon, in clock ticks since boot; now, if nothing is said. */
  readonly sinceTicks?: number;
  /** Why units cannot have what only cgroups give, where there is no fence. */
  readonly bySession?: string;
}

/**
 * Makes this process the reaper of all its descendants (PR_SET_CHILD_SUBREAPER), for good. Nothing is reaped before it is
 * asked for: a child that ended before it was adopted must wait.
 */
export function createProcesses({
  readiness,
  fence,
  sinceTicks,
  bySession,
}: ProcessesOptions): HeldProcesses {
  const errno = becomeSubreaper();
  if (errno !== 0)
    throw new Error(`cannot become a subreaper: ${errnoName(errno)}, expected Linux 3.4 or newer`);

  const children = new Map<number, ProcessId>();
  /** Adopted, and not ours to reap. One that has ended stays until the watch tells, when its pid may be another's. */
  const watched = new Map<number, ProcessId>();
  /** Watched until we reaped them, and told of then. */
  const told = new Set<string>();
  const trees = createTreeFinder((pid) => children.has(pid), sinceTicks);
  const membership = createMembership(trees);
  const spawner = createSpawner();
  let listener: ReapListener | null = null;
  let reaper: Reaper | null = null;

  const watchesNoLonger = ({ pid, startTicks }: ProcessId): boolean =>
    watched.get(pid)?.startTicks === startTicks && watched.delete(pid);

  const reaped = (ends: readonly Reaped[]): void => {
    // First all leave the table, then their owners hear of it: they ask for members and signal, and every pid in
    // the table must still be held by an unreaped child.
    const facts = ends.map(({ pid, status }) => {
      // One that was watched until now has become our child since, as its parent has ended.
      const process = children.get(pid) ?? watched.get(pid) ?? null;
      children.delete(pid);
      if (process !== null && watchesNoLonger(process)) told.add(keyOf(process));
      trees.forget(pid);
      return { process, status };
    });
    trees.refresh();
    for (const { process: child, status } of facts) {
      try {
        listener?.(child, status);
      } catch (error) {
        // A listener's bug must not lose the other ends.
        process.nextTick(() => {
          throw error;
        });
      }
    }
  };

  const watch = createProcessWatch(readiness, (child, status) => {
    watchesNoLonger(child);
    if (told.delete(keyOf(child))) return;
    trees.refresh();
    listener?.(child, status);
  });

  const spawn = (request: SpawnRequest): SpawnResult => {
    const result = spawner.spawn(request);
    if (!result.ok) return result;
    // What comes after a signal to the tree was not meant by it; a cgroup may be the next tree's by now, of the same name.
    const invocationId = request.environment[INVOCATION_VARIABLE];
    const { cgroup = null } = request;
    treeSignals.callOff(
      (tree) => tree.invocationId === invocationId || (cgroup !== null && tree.cgroup === cgroup),
    );
    const isForeign = (pid: number): boolean => reaper?.isForeign(pid) ?? false;
    const refused = result.isEnclosed ? null : (fence?.enter(cgroup, result.process, isForeign) ?? null);
    if (refused !== null) {
      if (cgroup !== null) killCgroup(cgroup);
      kill(-result.process.pid, constants.signals.SIGKILL);
      const reason = `its process could not be moved to its cgroup (${refused})`;
      return { ok: false, failure: { stage: 'resources', errno: refused, reason } };
    }
    children.set(result.process.pid, result.process);
    return result;
  };

  const adopt = (adopted: ProcessId): boolean => {
    const stat = processStat(adopted.pid);
    // Still our own, when this program was replaced by exec: even a zombie is reaped, with its status.
    if (stat?.startTicks === adopted.startTicks && stat.parentPid === process.pid) {
      children.set(adopted.pid, adopted);
      return true;
    }
    const isWatched = watch.add(adopted);
    if (isWatched) watched.set(adopted.pid, adopted);
    return isWatched;
  };

  const signal = (process: ProcessId, name: SignalName): SignalResult => {
    if (children.get(process.pid)?.startTicks !== process.startTicks) return signalProcess(process, name);
    // An unreaped child keeps its pid: nothing to verify.
    return kill(process.pid, knownSignalNumber(name)) === constants.errno.EPERM ? 'denied' : 'sent';
  };

  const treeSignals = createTreeSignals(membership.members, signal, trees.refresh);

  const letGo = (): void => {
    reaper?.close();
    watch.close();
    treeSignals.close();
    spawner.close();
    listener = null;
  };

  return {
    ...createEnclosure(fence, bySession),
    release: ({ cgroup, invocationId }) => {
      membership.forget(invocationId);
      if (cgroup === undefined) return true;
      return (fence?.remove ?? removeInherited)(cgroup);
    },
    tellWhenEmpty: (tree) => {
      const inside = tree.cgroup === undefined ? [] : processesBelow(tree.cgroup);
      if (tree.cgroup === undefined || fence === null || inside.length === 0) return false;
      const isTold = fence.whenEmpty(tree.cgroup, () => listener?.(null, UNKNOWN_STATUS));
      return isTold && membership.outside(tree, new Set(inside)).length === 0;
    },
    spawn,
    adopt,
    findLeader,
    onReaped: (added) => {
      if (listener !== null) throw new Error('cannot listen for reaped processes: somebody does already');
      listener = added;
    },
    signal,
    members: membership.members,
    isUnsure: membership.isUnsure,
    signalTree: treeSignals.send,
    beginReaping: () => {
      reaper ??= createReaper(reaped);
    },
    leave: () => {
      fence?.leave();
      letGo();
    },
    close: () => {
      fence?.close();
      letGo();
    },
  };
}
