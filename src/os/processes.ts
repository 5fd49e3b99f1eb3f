// The Linux adapter of the Processes port: puts spawning, reaping, signalling and tree search together and owns the
// table of living children. Knows no units.
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { keyOf } from '../model/process.ts';
import type { ExitStatus, ProcessId, ProcessTree, SpawnRequest } from '../model/process.ts';
import { isUnlimited, RESOURCE_KEYS, RESOURCES } from '../model/unit.ts';
import type { ResourceSpec, SignalName } from '../model/unit.ts';
import { flatValue, killCgroup, processesBelow, readControl, thawCgroup } from './cgroup.ts';
import { removeInherited } from './fence.ts';
import type { Fence } from './fence.ts';
import { errnoName } from './errno.ts';
import { kill } from './libc/signal.ts';
import { SPAWNS_INTO_CGROUP } from './libc/spawn.ts';
import { becomeSubreaper } from './libc/wait.ts';
import { RUN_VARIABLE } from './ports.ts';
import type { Expectation, Member, Processes, SignalResult, SpawnResult } from './ports.ts';
import {
  allProcesses,
  environmentOf,
  EXEC_PATIENCE_MS,
  isAlive,
  lifeOf,
  processStat,
  readsFailed,
  variableIn,
} from './procfs.ts';
import { limitCgroup, limitNewCgroup } from './resource-limits.ts';
import { createReaper, type Reaped, type Reaper } from './reap.ts';
import { knownSignalNumber, signalProcess } from './signal.ts';
import { createSpawner } from './spawn.ts';
import { createTreeFinder } from './tree.ts';
import { createProcessWatch } from './watch.ts';

/** A fork bomb outruns any number of rounds; whoever stops it asks again when its members die. */
const MOST_ROUNDS = 32;
const MOST_LATER_LOOKS = 8;

/** Signals that stopped processes act on at once, or that must not wake them. */
const KEEPS_STOPPED = new Set(['SIGKILL', 'SIGCONT', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU']);

/** Signals a tree until a look at it finds nobody new. */
interface Pursuit {
  readonly tree: ProcessTree;
  readonly signal: SignalName;
  readonly reached: Set<string>;
  looksLeft: number;
}

const EXEC_PAUSE_MS = 2;

/** Costs all processes of the machine, and waits for whoever is in the middle of exec: for the start of a daemon. */
function findLeader(invocationId: string, run: number): ProcessId | null {
  const deadlineMs = performance.now() + EXEC_PATIENCE_MS;
  for (;;) {
    const { oldest, isUnsure } = lookForLeader(invocationId, run);
    if (!isUnsure || performance.now() > deadlineMs) return oldest;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, EXEC_PAUSE_MS);
  }
}

function lookForLeader(invocationId: string, run: number): { oldest: ProcessId | null; isUnsure: boolean } {
  let oldest: ProcessId | null = null;
  const failed = readsFailed();
  let isUnsure = false;
  for (const stat of allProcesses()) {
    const { pid, startTicks, session } = stat;
    if (pid !== session || !isAlive(stat)) continue;
    // What it forked may lead a session too, with the same environment, but is younger.
    if (oldest !== null && startTicks >= oldest.startTicks) continue;
    const environment = environmentOf(pid);
    isUnsure ||= environment.isNameless;
    if (variableIn(environment, 'INVOCATION_ID') !== invocationId) continue;
    if (variableIn(environment, RUN_VARIABLE) !== String(run)) continue;
    oldest = { pid, startTicks };
  }
  return { oldest, isUnsure: isUnsure || readsFailed() !== failed };
}

function lives(asked: ProcessId): boolean {
  // Asked of the dead above all, for whom node would make an error that nobody reads.
  return kill(asked.pid, 0) !== constants.errno.ESRCH && lifeOf(asked) === 'alive';
}

/** Why there are no resources where there are no cgroups. */
const BY_SESSION = 'units are held by session';

const NOTHING_TO_AWAIT: Expectation = { ready: Promise.resolve(), close: () => {} };

const UNKNOWN: ExitStatus = { code: null, signal: null, coreDumped: false };

type ReapListener = (process: ProcessId | null, status: ExitStatus) => void;

export interface HeldProcesses extends Processes {
  /** From here on children are reaped, those too that have ended before. */
  beginReaping(): void;
}

/**
 * Makes this process the reaper of all its descendants (PR_SET_CHILD_SUBREAPER), for good. `fence`: the cgroups to hold
 * units with, closed with the rest; null: sessions hold them.
 */
export function createProcesses(fence: Fence | null = null): Processes {
  const processes = createHeldProcesses(fence);
  processes.beginReaping();
  return processes;
}

/**
 * The same, but nothing is reaped before it is asked for: a child that ended before it was adopted must wait.
 * `sinceTicks`: when this process began to be the only daemon, in clock ticks since boot; now, if nothing is said.
 */
export function createHeldProcesses(fence: Fence | null, sinceTicks?: number): HeldProcesses {
  const errno = becomeSubreaper();
  if (errno !== 0)
    throw new Error(`cannot become a subreaper: ${errnoName(errno)}, expected Linux 3.4 or newer`);

  const children = new Map<number, ProcessId>();
  /** Adopted, and not ours to reap. One that has ended stays until the watch tells, when its pid may be another's. */
  const watched = new Map<number, ProcessId>();
  /** Watched until we reaped them, and told of then. */
  const told = new Set<string>();
  /** Invocations of which a leader was seen outside of its cgroup. */
  const strayed = new Set<string>();
  const trees = createTreeFinder((pid) => children.has(pid), sinceTicks);
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

  const watch = createProcessWatch((child, status) => {
    watchesNoLonger(child);
    if (told.delete(keyOf(child))) return;
    trees.refresh();
    listener?.(child, status);
  });

  const spawn = (request: SpawnRequest): SpawnResult => {
    const result = spawner.spawn(request);
    if (!result.ok) return result;
    // What comes after a signal to the tree was not meant by it.
    pursuits = pursuits.filter(({ tree }) => tree.invocationId !== request.environment['INVOCATION_ID']);
    const { cgroup = null } = request;
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

  /** Those of the tree that left its cgroup: a leader may, and then all that descends from it, also when it has ended. */
  const outside = (tree: ProcessTree, inside: ReadonlySet<number>): readonly Member[] => {
    if (tree.leaders.some((leader) => !inside.has(leader.pid) && lives(leader)))
      strayed.add(tree.invocationId);
    if (!strayed.has(tree.invocationId)) return [];
    return trees.members(tree).filter(({ pid }) => !inside.has(pid));
  };

  const membersSeen = (tree: ProcessTree): readonly Member[] => {
    if (tree.cgroup === undefined) return trees.members(tree);
    const inside = new Map<number, Member>();
    for (const pid of processesBelow(tree.cgroup)) {
      const stat = processStat(pid);
      if (isAlive(stat)) inside.set(pid, stat);
    }
    return [...inside.values(), ...outside(tree, new Set(inside.keys()))];
  };

  /** The last look at members was not a whole one. */
  let isHalfSeen = false;
  const members = (tree: ProcessTree): readonly Member[] => {
    const failed = readsFailed();
    const seen = membersSeen(tree);
    isHalfSeen = readsFailed() !== failed;
    return seen;
  };

  const pursue = ({ tree, signal: name, reached }: Pursuit): number => {
    let sent = 0;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const fresh = members(tree).filter((member) => !reached.has(keyOf(member)));
      if (fresh.length === 0) break;
      for (const member of fresh) {
        const result = signal(member, name);
        if (result !== 'unknown') reached.add(keyOf(member));
        if (result !== 'sent') continue;
        sent++;
        if (!KEEPS_STOPPED.has(name)) signal(member, 'SIGCONT');
      }
    }
    return sent;
  };

  // Rounds of one run see who descends from the tree's processes now, but share one reading of the daemon's own
  // children: a thousand trees stopped together must not read a thousand of them a thousand times. Who was orphaned
  // between that reading and its parent's signal is found here, one turn later, for all trees by one more reading.
  let pursuits: Pursuit[] = [];
  let lookAgain: NodeJS.Immediate | null = null;
  const pursueLater = (pursuit: Pursuit): void => {
    pursuits.push(pursuit);
    lookAgain ??= setImmediate(() => {
      const due = pursuits;
      pursuits = [];
      lookAgain = null;
      trees.refresh();
      for (const found of due) if (pursue(found) > 0 && --found.looksLeft > 0) pursueLater(found);
    });
  };

  /** All in the cgroup at once, and whoever forks at this moment too; who has left it, one by one. */
  const killTree = (tree: ProcessTree, cgroup: string, reached: Set<string>): number => {
    const fresh = members(tree).filter((member) => !reached.has(keyOf(member)));
    if (fresh.length === 0) return 0;
    killCgroup(cgroup);
    for (const member of fresh) if (signal(member, 'SIGKILL') !== 'unknown') reached.add(keyOf(member));
    return fresh.length;
  };

  const signalTree: Processes['signalTree'] = (tree, name, reached = new Set()) => {
    if (tree.cgroup !== undefined && name === 'SIGKILL') return killTree(tree, tree.cgroup, reached);
    if (tree.cgroup !== undefined && !KEEPS_STOPPED.has(name)) thawCgroup(tree.cgroup);
    const pursuit = { tree, signal: name, reached, looksLeft: MOST_LATER_LOOKS };
    const sent = pursue(pursuit);
    if (sent > 0) pursueLater(pursuit);
    return sent;
  };

  /** Has the controllers at work that they take; the first that cannot be had. */
  const lackFor = (resources: ResourceSpec): string | null => {
    for (const key of RESOURCE_KEYS) {
      if (resources[key] === null) continue;
      const lack = fence === null ? BY_SESSION : fence.controllers.provide(RESOURCES[key].controller);
      if (lack !== null) return lack;
    }
    return null;
  };

  const enclose: Processes['enclose'] = (unit, resources) => {
    const lack = lackFor(resources);
    if (lack !== null) throw new Error(lack);
    if (fence === null) return null;
    const cgroup = fence.add(unit);
    const refused = limitNewCgroup(cgroup, resources);
    if (refused === null) return cgroup;
    fence.remove(cgroup);
    throw new Error(refused);
  };

  const letGo = (): void => {
    reaper?.close();
    watch.close();
    if (lookAgain !== null) clearImmediate(lookAgain);
    spawner.close();
    listener = null;
  };

  return {
    fence: fence === null ? 'session' : 'cgroup',
    lacks: (controller) => (fence === null ? BY_SESSION : fence.controllers.lack(controller)),
    enclose,
    limit: ({ cgroup }, from, to) => {
      const lack = lackFor(to);
      if (lack !== null) return lack;
      if (cgroup !== undefined) return limitCgroup(cgroup, from, to);
      return isUnlimited(to) ? null : 'its processes are held by session';
    },
    oomKills: ({ cgroup }) => {
      // It is not there without the controller.
      if (cgroup === undefined || !existsSync(`${cgroup}/memory.events`)) return 0;
      return flatValue(readControl(cgroup, 'memory.events'), 'oom_kill') ?? 0;
    },
    release: ({ cgroup, invocationId }) => {
      strayed.delete(invocationId);
      if (cgroup === undefined) return true;
      const isGone = (fence?.remove ?? removeInherited)(cgroup);
      // The next activation's has the same name.
      if (isGone) pursuits = pursuits.filter(({ tree }) => tree.cgroup !== cgroup);
      return isGone;
    },
    sweep: (kept) => fence?.sweep(new Set(kept.flatMap(({ cgroup }) => cgroup ?? []))) ?? [],
    tellWhenEmpty: (tree) => {
      const inside = tree.cgroup === undefined ? [] : processesBelow(tree.cgroup);
      if (tree.cgroup === undefined || fence === null || inside.length === 0) return false;
      const isTold = fence.whenEmpty(tree.cgroup, () => listener?.(null, UNKNOWN));
      return isTold && outside(tree, new Set(inside)).length === 0;
    },
    expectSpawns: () => (SPAWNS_INTO_CGROUP || fence === null ? NOTHING_TO_AWAIT : fence.expectMoves()),
    encloseLeft: ({ cgroup }, leader) => {
      if (cgroup !== undefined) fence?.enterLeft(cgroup, leader?.pid ?? null);
    },
    spawn,
    adopt,
    findLeader,
    onReaped: (added) => {
      if (listener !== null) throw new Error('cannot listen for reaped processes: somebody does already');
      listener = added;
    },
    signal,
    members,
    isUnsure: () => isHalfSeen || trees.isUnsure(),
    signalTree,
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
