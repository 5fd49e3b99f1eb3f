// What a version of this program leaves to the one that takes its place in the process, and how that one gets it.
//
// The journal has the units, as it has for a daemon that was killed. This is the rest: descriptors that must not close
// (the locks, so that nobody else takes them; the listening socket, so that nobody is refused; the pipes, so that what is
// in them stays), and what would be lost with the memory (who waits for what, the latest events, the set as it was
// applied). It goes through a file without a name, whose descriptor an environment variable tells; the variable is
// taken out at once, and names the pid that it is for, so that nobody else believes it.
//
// With the same variable a version on disk is asked, in a process of its own, whether it could take over.
import { closeSync } from 'node:fs';
import { messageOf } from '../base/fault.ts';
import type { EventsSoFar } from './event-hub.ts';
import type { HandedOperation } from './handed-operations.ts';
import type { Look } from './look.ts';
import type { StandingSet } from './reload.ts';
import { holdNoLonger, letterFrom, letterTo, replaceProcess } from '../os/replace.ts';

/** Raised whenever an earlier version would misread what a later one leaves, or the other way round. */
export const HANDOVER_FORMAT = 1;

export const HANDOVER_VARIABLE = 'UNITD_HANDOVER';

export interface HandOver {
  readonly format: number;
  readonly version: string;
  readonly startedWall: number;
  /** What has started since then (clock ticks since boot) descends from this process, or from a stranger. */
  readonly spawnsSinceTicks: number;
  readonly lockFd: number;
  /** Of the other directories that are this daemon's alone. */
  readonly claimFds: readonly number[];
  readonly listenFd: number;
  /** To be closed once the units' pipes have been opened anew. */
  readonly pipeFds: readonly number[];
  readonly looks: readonly (readonly [string, Look])[];
  readonly events: EventsSoFar;
  readonly operations: readonly HandedOperation[];
  readonly standing: StandingSet;
  /** What a signal or a unit wished while the daemon was being replaced. */
  readonly wishes: Wishes;
}

export interface Wishes {
  /** To end with this code. */
  readonly end: number | null;
  readonly reload: boolean;
  /** To end without waiting for anybody's grace. */
  readonly hurry: boolean;
}

/** The exec of a version that had been tried failed. */
export interface ReplaceFailure {
  readonly atWall: number;
  readonly detail: string;
}

/** How the daemon came to be what it is. */
export interface Origin {
  readonly version: string;
  /** Its first version was started. */
  readonly startedWall: number;
  /** This version took over from another; null: it was started itself. */
  readonly replacedWall: number | null;
  readonly replaceFailure: ReplaceFailure | null;
}

export type Arrival =
  | { readonly kind: 'started' }
  /** Asked whether this version understands that format, and all that it would find. */
  | { readonly kind: 'asked'; readonly format: number }
  | { readonly kind: 'handed-over'; readonly handOver: HandOver };

/** How this process came to run this program. Takes the variable out of `env`. */
export function arrivalFrom(env: NodeJS.ProcessEnv, pid: number): Arrival {
  const [kind, number, text] = (env[HANDOVER_VARIABLE] ?? '').split(':');
  delete env[HANDOVER_VARIABLE];
  if (kind === 'ask') return { kind: 'asked', format: Number(number) };
  if (kind !== 'take' || Number(number) !== pid) return { kind: 'started' };
  // Whoever wrote it had tried this version before.
  const handOver: HandOver = JSON.parse(letterFrom(Number(text)));
  const { lockFd, claimFds, listenFd, pipeFds } = handOver;
  for (const fd of [lockFd, ...claimFds, listenFd, ...pipeFds]) holdNoLonger(fd);
  return { kind: 'handed-over', handOver };
}

export function askingWith(format: number): string {
  return `ask:${format}`;
}

/**
 * Has the program on disk take this process over. Comes back, with what failed, only if the system refuses: then all
 * that is to be left is there as before.
 */
export function leaveTo(handOver: HandOver): string {
  let letterFd: number;
  try {
    letterFd = letterTo(JSON.stringify(handOver));
  } catch (error) {
    return messageOf(error);
  }
  const taking = `take:${process.pid}:${letterFd}`;
  const errno = replaceProcess({ ...process.env, [HANDOVER_VARIABLE]: taking });
  closeSync(letterFd);
  return `exec of "${process.execPath}" failed with ${errno}`;
}
