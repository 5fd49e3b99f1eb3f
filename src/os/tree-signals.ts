// Signals a whole tree: whoever is found of it, in rounds, until a look finds nobody new. Who belongs to it is told by
// others.
//
// Rounds of one run see who descends from the tree's processes now, but share one reading of the daemon's own children: a
// thousand trees stopped together must not read a thousand of them a thousand times. Who was orphaned between that
// reading and its parent's signal is found one turn later, for all trees by one more reading.
import { keyOf } from '../model/process.ts';
import type { ProcessId, ProcessTree } from '../model/process.ts';
import type { SignalName } from '../model/unit.ts';
import { killCgroup, thawCgroup } from './cgroup.ts';
import type { Processes } from './ports.ts';

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
  readonly onDenied: (member: ProcessId) => void;
  looksLeft: number;
}

export interface TreeSignals {
  readonly send: Processes['signalTree'];
  /** Looks no more for those of trees that `isOver` names: what comes after a signal was not meant by it. */
  callOff(isOver: (tree: ProcessTree) => boolean): void;
  close(): void;
}

/** `refresh`: has the next call of `members` read the daemon's own children anew. */
export function createTreeSignals(
  members: Processes['members'],
  signal: Processes['signal'],
  refresh: () => void,
): TreeSignals {
  let pursuits: Pursuit[] = [];
  let lookAgain: NodeJS.Immediate | null = null;

  const pursue = ({ tree, signal: name, reached, onDenied }: Pursuit): number => {
    let sent = 0;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const fresh = members(tree).filter((member) => !reached.has(keyOf(member)));
      if (fresh.length === 0) break;
      for (const member of fresh) {
        const result = signal(member, name);
        if (result !== 'unknown') reached.add(keyOf(member));
        if (result === 'denied') onDenied(member);
        if (result !== 'sent') continue;
        sent++;
        if (!KEEPS_STOPPED.has(name)) signal(member, 'SIGCONT');
      }
    }
    return sent;
  };

  const pursueLater = (pursuit: Pursuit): void => {
    pursuits.push(pursuit);
    lookAgain ??= setImmediate(() => {
      const due = pursuits;
      pursuits = [];
      lookAgain = null;
      refresh();
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

  return {
    send: (tree, name, reached = new Set(), onDenied = () => {}) => {
      if (tree.cgroup !== undefined && name === 'SIGKILL') return killTree(tree, tree.cgroup, reached);
      if (tree.cgroup !== undefined && !KEEPS_STOPPED.has(name)) thawCgroup(tree.cgroup);
      const pursuit = { tree, signal: name, reached, onDenied, looksLeft: MOST_LATER_LOOKS };
      const sent = pursue(pursuit);
      if (sent > 0) pursueLater(pursuit);
      return sent;
    },
    callOff: (isOver) => {
      if (pursuits.length > 0) pursuits = pursuits.filter(({ tree }) => !isOver(tree));
    },
    close: () => {
      if (lookAgain !== null) clearImmediate(lookAgain);
    },
  };
}
