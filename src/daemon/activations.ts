// The activation of each unit: the tree of its processes, and what holds in the cgroup that it has. Starts nobody and
// signals nobody.
import { randomUUID } from 'node:crypto';
import { messageOf } from '../base/fault.ts';
import { isSame } from '../core/fields.ts';
import type { ProcessId, ProcessTree } from '../model/process.ts';
import { isUnlimited } from '../model/unit.ts';
import type { ResourceSpec, UnitSpec } from '../model/unit.ts';
import type { Member, Processes } from '../os/ports.ts';

const EMPTY_TREE: ProcessTree = { invocationId: '', leaders: [] };

export class Activations {
  readonly #processes: Processes;
  readonly #onTrouble: (unit: string, message: string) => void;
  readonly #trees = new Map<string, ProcessTree>();
  /** Units whose tree an earlier daemon began: nobody is told of the end of what their processes left behind. */
  readonly #inherited = new Set<string>();
  /** What holds in the cgroup of each unit, as far as this daemon has seen to it. */
  readonly #resources = new Map<string, ResourceSpec>();
  /** Why the activation cannot have the resources of its unit. It does not run without them. */
  readonly #unlimited = new Map<string, string>();

  constructor(processes: Processes, onTrouble: (unit: string, message: string) => void) {
    this.#processes = processes;
    this.#onTrouble = onTrouble;
  }

  begin({ name: unit, resources }: UnitSpec): void {
    // What could not go with the activation before may have ended since.
    this.release(unit);
    const tree = { invocationId: randomUUID().replaceAll('-', ''), leaders: [] };
    this.#inherited.delete(unit);
    this.#unlimited.delete(unit);
    this.#resources.set(unit, resources);
    try {
      const cgroup = this.#processes.enclose(unit, resources);
      this.#trees.set(unit, cgroup === null ? tree : { ...tree, cgroup });
    } catch (error) {
      this.#trees.set(unit, tree);
      const reason = messageOf(error);
      if (isUnlimited(resources)) this.#onTrouble(unit, `${reason}; its processes are held by session`);
      else this.#unlimited.set(unit, reason);
    }
  }

  /** Takes back what an earlier daemon began. */
  restore(unit: string, tree: ProcessTree): void {
    this.#trees.set(unit, tree);
    this.#inherited.add(unit);
  }

  /** One process more that others of the unit may descend from, which the tree has not yet. */
  addLeader(unit: string, leader: ProcessId): void {
    const tree = this.treeOf(unit);
    this.#trees.set(unit, { ...tree, leaders: [...tree.leaders, leader] });
  }

  /** The same; the tree may have it. */
  takeLeader(unit: string, leader: ProcessId): void {
    const tree = this.treeOf(unit);
    const others = tree.leaders.filter(({ pid }) => pid !== leader.pid);
    this.#trees.set(unit, { ...tree, leaders: [...others, leader] });
  }

  /** Of a unit that runs. One that was taken back may have been limited otherwise by an earlier daemon. */
  limit({ name: unit, resources }: UnitSpec): void {
    const inForce = this.#resources.get(unit) ?? null;
    if (inForce !== null && isSame(inForce, resources)) return;
    const refused = this.#processes.limit(this.treeOf(unit), inForce, resources);
    // Of what was refused nobody knows what holds.
    if (refused === null) this.#resources.set(unit, resources);
    else this.#resources.delete(unit);
    if (refused !== null) this.#onTrouble(unit, `its resources are not all in force: ${refused}`);
  }

  /** Why nothing of it may run, since it would run without limits that its unit has; null when it may. */
  lack(unit: string): string | null {
    return this.#unlimited.get(unit) ?? null;
  }

  isInherited(unit: string): boolean {
    return this.#inherited.has(unit);
  }

  treeOf(unit: string): ProcessTree {
    return this.#trees.get(unit) ?? EMPTY_TREE;
  }

  members(unit: string): readonly Member[] {
    const tree = this.treeOf(unit);
    return tree.leaders.length === 0 ? [] : this.#processes.members(tree);
  }

  /** The cgroup of an activation goes with the last of its processes. */
  release(unit: string): void {
    const tree = this.#trees.get(unit);
    if (tree?.cgroup === undefined || !this.#processes.release(tree)) return;
    this.#trees.set(unit, { invocationId: tree.invocationId, leaders: [] });
  }

  forget(unit: string): void {
    this.release(unit);
    this.#trees.delete(unit);
    this.#resources.delete(unit);
    this.#unlimited.delete(unit);
    this.#inherited.delete(unit);
  }
}
