// Reaps every child of the daemon: those it spawned and the orphans that came to it. Leaves alone the children of
// node:child_process, whose exit statuses belong to libuv. Does not know what a child was for.
import type { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ExitStatus } from '../model/process.ts';
import { peekDeadChild, reapAnyChild, reapChild, type DeadChild } from './libc/wait.ts';
import { signalName } from './signal-names.ts';

const CLD_EXITED = 1;
const CLD_DUMPED = 3;

/** Reaps between two turns of the event loop: a burst of exits must not keep others waiting. */
const REAPS_PER_TURN = 256;

export interface Reaped {
  readonly pid: number;
  readonly status: ExitStatus;
}

function exitStatus(child: DeadChild): ExitStatus {
  if (child.code === CLD_EXITED) return { code: child.status, signal: null, coreDumped: false };
  return { code: null, signal: signalName(child.status), coreDumped: child.code === CLD_DUMPED };
}

/** Processes of node:child_process that libuv has not reaped yet. */
interface ForeignChildren {
  isEmpty(): boolean;
  has(pid: number): boolean;
  close(): void;
}

function watchForeignChildren(): ForeignChildren {
  const children = new Set<ChildProcess>();
  const dropEnded = (): void => {
    for (const child of children) {
      const failed = child.pid === undefined;
      if (failed || child.exitCode !== null || child.signalCode !== null) children.delete(child);
    }
  };
  // Published from the constructor, before there is a pid: so the objects are kept, and asked later.
  const added = (message: unknown): void => {
    dropEnded();
    children.add((message as { readonly process: ChildProcess }).process);
  };
  subscribe('child_process', added);
  return {
    isEmpty: () => {
      dropEnded();
      return children.size === 0;
    },
    has: (pid) => {
      dropEnded();
      return [...children].some((child) => child.pid === pid);
    },
    close: () => unsubscribe('child_process', added),
  };
}

export interface Reaper {
  /** A child of node:child_process, which libuv reaps. */
  isForeign(pid: number): boolean;
  close(): void;
}

/**
 * Calls `reaped` from the event loop with up to 256 ends at once, all already reaped.
 * waitid(P_ALL) shows one dead child at a time, and one of libuv's at the head hides the rest: libuv has had the same
 * SIGCHLD and takes it away within this turn, so the next turn goes on behind it.
 */
export function createReaper(reaped: (ends: readonly Reaped[]) => void): Reaper {
  const foreign = watchForeignChildren();
  let next: NodeJS.Immediate | null = null;

  /** Reaped; or left to libuv, and with it those behind it. */
  const takeNext = (): DeadChild | 'foreign' | null => {
    if (foreign.isEmpty()) return reapAnyChild();
    const dead = peekDeadChild();
    if (dead === null) return null;
    return foreign.has(dead.pid) ? 'foreign' : reapChild(dead.pid);
  };

  const drain = (): void => {
    if (next !== null) clearImmediate(next);
    next = null;
    const ends: Reaped[] = [];
    let more = true;
    while (more && ends.length < REAPS_PER_TURN) {
      const dead = takeNext();
      if (dead === 'foreign') break;
      if (dead === null) more = false;
      else ends.push({ pid: dead.pid, status: exitStatus(dead) });
    }
    if (more) drainLater();
    if (ends.length > 0) reaped(ends);
  };
  const drainLater = (): void => {
    next ??= setImmediate(drain);
  };

  process.on('SIGCHLD', drain);
  // Whoever died before the handler stood has sent its signal to nobody.
  drainLater();
  return {
    isForeign: (pid) => foreign.has(pid),
    close: () => {
      process.off('SIGCHLD', drain);
      if (next !== null) clearImmediate(next);
      foreign.close();
    },
  };
}
