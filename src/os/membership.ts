// Who belongs to a tree at this moment. Where it has a cgroup: whoever is in that, and those of the tree that have left
// it; else whom the search from its leaders finds (tree.ts). Signals nobody.
import { constants } from 'node:os';
import type { ProcessId, ProcessTree } from '../model/process.ts';
import { processesBelow } from './cgroup.ts';
import { kill } from './libc/signal.ts';
import type { Member } from './ports.ts';
import { isAlive, lifeOf, processStat, readsFailed } from './procfs.ts';
import type { TreeFinder } from './tree.ts';

export interface Membership {
  members(tree: ProcessTree): readonly Member[];
  /** Whether what members() said just now may be wrong, as Processes has it. */
  isUnsure(): boolean;
  /** Those of the tree that left its cgroup: a leader may, and then all that descends from it, also when it has ended. */
  outside(tree: ProcessTree, inside: ReadonlySet<number>): readonly Member[];
  /** The activation is over. */
  forget(invocationId: string): void;
}

function lives(asked: ProcessId): boolean {
  // Asked of the dead above all, for whom node would make an error that nobody reads.
  return kill(asked.pid, 0) !== constants.errno.ESRCH && lifeOf(asked) === 'alive';
}

export function createMembership(trees: TreeFinder): Membership {
  /** Invocations of which a leader was seen outside of its cgroup. */
  const strayed = new Set<string>();
  /** The last look at members was not a whole one. */
  let isHalfSeen = false;

  const outside: Membership['outside'] = (tree, inside) => {
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

  return {
    members: (tree) => {
      const failed = readsFailed();
      const seen = membersSeen(tree);
      isHalfSeen = readsFailed() !== failed;
      return seen;
    },
    isUnsure: () => isHalfSeen || trees.isUnsure(),
    outside,
    forget: (invocationId) => {
      strayed.delete(invocationId);
    },
  };
}
