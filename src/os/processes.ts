// The Linux adapter of the Processes port: puts spawning, reaping, signalling and tree search together and owns the
// table of living children. Knows no units.
import { constants } from 'node:os';
import type { ExitStatus, ProcessId, ProcessTree } from '../model/process.ts';
import type { SignalName } from '../model/unit.ts';
import { becomeSubreaper, errnoName, kill } from './libc.ts';
import { RUN_VARIABLE } from './ports.ts';
import type { Processes, SignalResult } from './ports.ts';
import { allProcesses, environmentValue, processStat } from './procfs.ts';
import { createReaper, type Reaped } from './reap.ts';
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

/** Costs all processes of the machine: for the start of a daemon. */
function findLeader(invocationId: string, run: number): ProcessId | null {
  let oldest: ProcessId | null = null;
  for (const { pid, startTicks, session, state } of allProcesses()) {
    if (pid !== session || state === 'Z' || state === 'X') continue;
    // What it forked may lead a session too, with the same environment, but is younger.
    if (oldest !== null && startTicks >= oldest.startTicks) continue;
    if (environmentValue(pid, 'INVOCATION_ID') !== invocationId) continue;
    if (environmentValue(pid, RUN_VARIABLE) !== String(run)) continue;
    oldest = { pid, startTicks };
  }
  return oldest;
}

type ReapListener = (process: ProcessId | null, status: ExitStatus) => void;

export interface HeldProcesses extends Processes {
  /** From here on children are reaped, those too that have ended before. */
  beginReaping(): void;
}

/** Makes this process the reaper of all its descendants (PR_SET_CHILD_SUBREAPER), for good. */
export function createProcesses(): Processes {
  const processes = createHeldProcesses();
  processes.beginReaping();
  return processes;
}

/** The same, but nothing is reaped before it is asked for: a child that ended before it was adopted must wait. */
export function createHeldProcesses(): HeldProcesses {
  const errno = becomeSubreaper();
  if (errno !== 0)
    throw new Error(`cannot become a subreaper: ${errnoName(errno)}, expected Linux 3.4 or newer`);

  const children = new Map<number, ProcessId>();
  const trees = createTreeFinder((pid) => children.has(pid));
  const spawner = createSpawner();
  let listener: ReapListener | null = null;
  let reaper: { close(): void } | null = null;

  const reaped = (ends: readonly Reaped[]): void => {
    // First all leave the table, then their owners hear of it: they ask for members and signal, and every pid in
    // the table must still be held by an unreaped child.
    const facts = ends.map(({ pid, status }) => {
      const process = children.get(pid) ?? null;
      children.delete(pid);
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
    trees.refresh();
    listener?.(child, status);
  });

  const adopt = (adopted: ProcessId): boolean => {
    const stat = processStat(adopted.pid);
    if (stat === null || stat.startTicks !== adopted.startTicks) return false;
    // Still our own, when this program was replaced by exec: even a zombie is reaped, with its status.
    if (stat.parentPid === process.pid) {
      children.set(adopted.pid, adopted);
      return true;
    }
    return watch.add(adopted);
  };

  const signal = (process: ProcessId, name: SignalName): SignalResult => {
    if (children.get(process.pid)?.startTicks !== process.startTicks) return signalProcess(process, name);
    // An unreaped child keeps its pid: nothing to verify.
    return kill(process.pid, knownSignalNumber(name)) === constants.errno.EPERM ? 'denied' : 'sent';
  };

  const pursue = ({ tree, signal: name, reached }: Pursuit): number => {
    let sent = 0;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const fresh = trees.members(tree).filter(({ pid, startTicks }) => !reached.has(`${pid} ${startTicks}`));
      if (fresh.length === 0) break;
      for (const member of fresh) {
        reached.add(`${member.pid} ${member.startTicks}`);
        if (signal(member, name) !== 'sent') continue;
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

  const signalTree: Processes['signalTree'] = (tree, name, reached = new Set()) => {
    const pursuit = { tree, signal: name, reached, looksLeft: MOST_LATER_LOOKS };
    const sent = pursue(pursuit);
    if (sent > 0) pursueLater(pursuit);
    return sent;
  };

  return {
    spawn: (request) => {
      const result = spawner.spawn(request);
      if (result.ok) children.set(result.process.pid, result.process);
      return result;
    },
    adopt,
    findLeader,
    onReaped: (added) => {
      if (listener !== null) throw new Error('cannot listen for reaped processes: somebody does already');
      listener = added;
    },
    signal,
    members: (tree) => trees.members(tree),
    isUnsure: () => trees.sawNameless(),
    signalTree,
    beginReaping: () => {
      reaper ??= createReaper(reaped);
    },
    close: () => {
      reaper?.close();
      watch.close();
      if (lookAgain !== null) clearImmediate(lookAgain);
      spawner.close();
      listener = null;
    },
  };
}
