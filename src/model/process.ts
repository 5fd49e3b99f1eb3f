// Facts about operating-system processes, as values: what core decides on and os reports.
import type { Limit, LimitName, SignalName } from './unit.ts';

/** A process for good: a pid alone may be reused, a pid with its start time is not within one boot. */
export interface ProcessId {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot. */
  readonly startTicks: number;
}

/** Tells one process from every other of this boot. */
export function keyOf({ pid, startTicks }: ProcessId): string {
  return `${pid} ${startTicks}`;
}

/** How a process ended: exactly one of code and signal is set, both null when nobody could learn it. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: SignalName | null;
  readonly coreDumped: boolean;
  /** Of an end that was not clean: how many of the activation's processes the OOM killer has ended; absent: none. */
  readonly oomKills?: number;
}

export const UNKNOWN_STATUS: ExitStatus = { code: null, signal: null, coreDumped: false };

export interface SpawnRequest {
  /** The command after expansion; the first word is looked up on the PATH of `environment` unless it has a slash. */
  readonly argv: readonly [string, ...string[]];
  /** The complete environment of the child: nothing is inherited beside it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string | null;
  readonly user: string | null;
  readonly group: string | null;
  /** null: all groups of the user. */
  readonly supplementaryGroups: readonly string[] | null;
  readonly umask: number | null;
  readonly limits: Readonly<Partial<Record<LimitName, Limit>>>;
  readonly nice: number | null;
  readonly oomScoreAdjust: number | null;
  readonly noNewPrivileges: boolean;
  /** Descriptors that become the child's 1 and 2; its 0 is /dev/null. They stay the caller's to close. */
  readonly stdoutFd: number;
  readonly stderrFd: number;
  /** Directory of the cgroup to run in; absent: the daemon's own. */
  readonly cgroup?: string;
}

/** Why a child could not be started. `reason` is a phrase for people: `"/srv/x" is not a directory`. */
export interface SpawnFailure {
  readonly stage: 'user' | 'directory' | 'command' | 'resources';
  /** `ENOENT`, `EACCES`, `EAGAIN`, …; null where no system call failed. */
  readonly errno: string | null;
  readonly reason: string;
}

/** All processes of one activation of a unit: what was spawned for it and whatever those forked. */
export interface ProcessTree {
  /** Value of INVOCATION_ID in the environment of everything spawned for the activation. */
  readonly invocationId: string;
  /** Every process spawned for it (each leads its own session), dead or alive. */
  readonly leaders: readonly ProcessId[];
  /** Directory of the cgroup that holds it; absent: sessions, groups and descent hold it. */
  readonly cgroup?: string;
}

/** What holds the processes of a unit together, so that all of them are found. */
export type FenceKind = 'cgroup' | 'session';

export type UsageSource = 'pidusage' | 'cgroup';

/** Where each figure comes from: the cgroup that counts it, or the processes, summed. */
export interface UsageSources {
  readonly cpu: UsageSource;
  readonly memory: UsageSource;
  readonly tasks: UsageSource;
}
