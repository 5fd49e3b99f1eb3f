// The controllers of cgroup v2 in the units' cgroups: which of them are at work there, and what keeps the others away.
//
// A controller comes down level by level: a cgroup has those (cgroup.controllers) that the one above passes on
// (cgroup.subtree_control). Two of the levels are the daemon's: BASE, where it was started, and the fence below it.
//
// The kernel passes nothing on from a cgroup that has processes of its own, unless it is the root of the hierarchy. The
// daemon has moved on into a cgroup of its own; whoever else is in BASE keeps the controllers away. And a BASE that
// passes controllers on takes no process in any more: the next daemon could not be started there. So
//
// - at the root, where daemons are started in a cgroup beside the fence, and in a container, what usage is read from
//   (memory, pids) is passed on as soon as the fence opens;
// - elsewhere nothing is, before some unit asks for something of it;
// - at the end the daemon takes back, but for the root's, what is passed on: it could not go back to BASE otherwise. What
//   lives on in the fence then (killMode process or none) loses its limits with that, and only then: the next daemon
//   matters more. At the root, and where none is started in BASE, it keeps them.
//
// What a process had before its cgroup had the controller stays on the account of the cgroup above. `counting` are
// those that were there before any process of this daemon's.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Controller } from '../model/unit.ts';
import { processesIn, readControl, writeControl } from './cgroup.ts';

export interface Controllers {
  /** Those whose counts are whole, and so good for usage. */
  readonly counting: ReadonlySet<Controller>;
  /** null when provide() is to be expected to succeed; else what keeps the controller away. Changes nothing. */
  lack(controller: Controller): string | null;
  /** null when the controller is at work in the units' cgroups from now on; else what keeps it away. */
  provide(controller: Controller): string | null;
  /** At the end of the daemon. `holdsUnits`: something lives on in the fence. */
  withdraw(holdsUnits: boolean): void;
}

const ALL: readonly Controller[] = ['memory', 'cpu', 'pids', 'io'];
const MEASURING: readonly Controller[] = ['memory', 'pids'];

function wordsOf(cgroup: string, file: string): readonly string[] {
  return (readControl(cgroup, file) ?? '').split(/\s+/).filter((word) => word !== '');
}

/** null when the cgroup has it; else what it has. */
export function lackOf(controller: Controller, cgroup: string): string | null {
  const words = wordsOf(cgroup, 'cgroup.controllers');
  if (words.includes(controller)) return null;
  return `cgroup "${cgroup}" has ${words.length === 0 ? 'no controllers' : `only ${words.join(', ')}`}`;
}

/** The root of the hierarchy alone has no type. */
function isRoot(cgroup: string): boolean {
  return !existsSync(join(cgroup, 'cgroup.type'));
}

function passedOn(cgroup: string): ReadonlySet<string> {
  return new Set(wordsOf(cgroup, 'cgroup.subtree_control'));
}

function othersIn(cgroup: string): string {
  return `other processes than the daemon are in cgroup "${cgroup}"`;
}

/** null, or why this cgroup will not pass it on, as far as can be told before. */
function obstacle(controller: Controller, cgroup: string): string | null {
  if (passedOn(cgroup).has(controller)) return null;
  const lack = lackOf(controller, cgroup);
  if (lack !== null) return lack;
  return !isRoot(cgroup) && processesIn(cgroup).length > 0 ? othersIn(cgroup) : null;
}

/** null, or why this cgroup does not pass it on. */
function passOn(controller: Controller, cgroup: string): string | null {
  if (passedOn(cgroup).has(controller)) return null;
  const lack = lackOf(controller, cgroup);
  if (lack !== null) return lack;
  const errno = writeControl(cgroup, 'cgroup.subtree_control', `+${controller}`);
  if (errno === null) return null;
  return errno === 'EBUSY' ? othersIn(cgroup) : `cgroup "${cgroup}" does not pass it on: ${errno}`;
}

/** `base`: where the fence is, the cgroup that holds those of all units. `isFree`: no daemon is ever started in it. */
export function openControllers(base: string, fence: string, isFree = false): Controllers {
  const provided = new Set<Controller>();
  const provide = (controller: Controller): string | null => {
    if (provided.has(controller)) return null;
    const refusal = passOn(controller, base) ?? passOn(controller, fence);
    if (refusal === null) provided.add(controller);
    return refusal;
  };
  const isAtRoot = isRoot(base);
  if (isAtRoot || isFree) for (const controller of MEASURING) provide(controller);
  const standing = passedOn(fence);
  return {
    counting: new Set(ALL.filter((controller) => standing.has(controller))),
    // All that the fence can lack is what BASE lacks: no process is ever in it.
    lack: (controller) => (provided.has(controller) ? null : obstacle(controller, base)),
    provide,
    withdraw: (holdsUnits) => {
      if (holdsUnits && (isAtRoot || isFree)) return;
      provided.clear();
      for (const cgroup of isAtRoot ? [fence] : [fence, base]) {
        const passed = passedOn(cgroup);
        for (const controller of ALL) {
          if (passed.has(controller)) writeControl(cgroup, 'cgroup.subtree_control', `-${controller}`);
        }
      }
    },
  };
}
