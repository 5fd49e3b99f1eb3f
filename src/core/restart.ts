// Whether and when a run that ended by itself is followed by another: systemd's table, then the backoff.
// Pure: the clock and the draw of the jitter come as values.
import type { ExitCause } from '../model/state.ts';
import type { ExitStatusSet, RestartPolicy, RestartSpec, UnitSpec } from '../model/unit.ts';
import type { ExitStatus } from '../model/process.ts';

/** The rows of systemd.service(5), table 2. */
export type ExitKind = 'clean' | 'unclean-code' | 'unclean-signal' | 'timeout';

/** How one run ended, as the restart table and people see it. */
export interface Ending {
  readonly cause: ExitCause;
  readonly kind: ExitKind;
  readonly code: number | null;
  readonly signal: string | null;
  readonly text: string;
}

const POLICIES: Readonly<Record<RestartPolicy, readonly ExitKind[]>> = {
  no: [],
  always: ['clean', 'unclean-code', 'unclean-signal', 'timeout'],
  'on-success': ['clean'],
  'on-failure': ['unclean-code', 'unclean-signal', 'timeout'],
  'on-abnormal': ['unclean-signal', 'timeout'],
  'on-abort': ['unclean-signal'],
};

/** Signals that end a daemon cleanly by convention; not for a oneshot, which they interrupt. */
const CLEAN_SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGPIPE'];

export function contains(set: ExitStatusSet, status: Pick<ExitStatus, 'code' | 'signal'>): boolean {
  return (
    (status.code !== null && set.codes.includes(status.code)) ||
    (status.signal !== null && set.signals.includes(status.signal))
  );
}

/** The ending that the main process's own exit makes. */
export function endingOf(status: ExitStatus, spec: Pick<UnitSpec, 'type' | 'successExitStatus'>): Ending {
  const { code, signal } = status;
  const listed = contains(spec.successExitStatus, status);
  if (isOomKill(status)) {
    return { cause: 'oom-kill', kind: 'unclean-signal', code, signal, text: statusText(status) };
  }
  if (signal !== null) {
    const clean = listed || (spec.type !== 'oneshot' && !status.coreDumped && CLEAN_SIGNALS.includes(signal));
    const cause = status.coreDumped ? 'core' : 'signal';
    return { cause, kind: clean ? 'clean' : 'unclean-signal', code, signal, text: statusText(status) };
  }
  if (code === null)
    return { cause: 'unknown', kind: 'unclean-code', code, signal, text: statusText(status) };
  return {
    cause: 'exit',
    kind: code === 0 || listed ? 'clean' : 'unclean-code',
    code,
    signal,
    text: statusText(status),
  };
}

/** As a shell passes on that its command was killed by SIGKILL. */
const KILLED_CODE = 137;

/**
 * Nobody says who sent a SIGKILL: it counts as the OOM killer's if that one has ended something of the activation. What
 * a shell says of its command is as good as its own end.
 */
function isOomKill({ signal, code, oomKills = 0 }: ExitStatus): boolean {
  return oomKills > 0 && (signal === 'SIGKILL' || code === KILLED_CODE);
}

/** `exited with code 1`, `was killed by SIGSEGV and dumped core`, `was killed by the OOM killer`. */
export function statusText(status: ExitStatus): string {
  const { oomKills = 0, signal } = status;
  if (oomKills === 0) return plainText(status);
  if (signal === 'SIGKILL') return 'was killed by the OOM killer';
  const others = oomKills === 1 ? 'a process' : `${oomKills} processes`;
  return `${plainText(status)} after the OOM killer had ended ${others} of it`;
}

function plainText(status: ExitStatus): string {
  if (status.signal !== null)
    return `was killed by ${status.signal}${status.coreDumped ? ' and dumped core' : ''}`;
  return status.code === null ? 'ended, nobody knows how' : `exited with code ${status.code}`;
}

/** What one unit's restarts have been so far. */
export interface RestartTally {
  /** Automatic restarts since the unit became known, or since an operator's reset. */
  readonly restarts: number;
  /** Of these, how many since the count last began again: the exponent of the next delay. */
  readonly attempt: number;
  /** Monotonic times of the automatic restarts that may still count against `limit`, oldest first. */
  readonly stamps: readonly number[];
  /** Monotonic time at which it came to rest after its last run, where that ended by itself. */
  readonly restedAt?: number;
}

export const FRESH_TALLY: RestartTally = { restarts: 0, attempt: 0, stamps: [] };

export type RestartDecision =
  | { readonly action: 'restart'; readonly delayMs: number; readonly tally: RestartTally }
  | { readonly action: 'give-up'; readonly text: string }
  | { readonly action: 'rest' };

export interface RestartFacts {
  readonly ending: Ending;
  /** How long the run was ready; null: it never was. */
  readonly uptimeMs: number | null;
  /** A unit that is up upholds this one: it is brought back whatever its policy says. */
  readonly upheld: boolean;
  readonly nowMs: number;
  /** In [0, 1). */
  readonly random: number;
}

/**
 * systemd's order: preventExitStatus, forceExitStatus, then the policy's row. A run that was up for `resetAfter`
 * begins the count again and is followed at once; any other waits delay * factor^attempt, at most maxDelay, ± jitter.
 */
export function afterEnding(restart: RestartSpec, tally: RestartTally, facts: RestartFacts): RestartDecision {
  const { ending } = facts;
  const byPolicy =
    contains(restart.forceExitStatus, ending) || POLICIES[restart.policy].includes(ending.kind);
  const wanted = facts.upheld || (!contains(restart.preventExitStatus, ending) && byPolicy);
  if (!wanted) return { action: 'rest' };
  const isHealthy = wasHealthy(restart, facts.uptimeMs);
  return counted(restart, tally, { ...facts, isHealthy, text: ending.text });
}

/** It was up for `resetAfter`. One that never came up was not, even where that is 0. */
export function wasHealthy(restart: RestartSpec, uptimeMs: number | null): boolean {
  return uptimeMs !== null && uptimeMs >= restart.resetAfterMs;
}

/**
 * A unit at rest that the end of another starts anew, by onFailure or onSuccess. One that has not run yet, or was stopped
 * on request, is started at once; so is one that has rested for `resetAfter`, and begins its counts again. Any other may
 * be on a ring of units that start each other, which would go round as fast as they end: so it is a restart, whatever
 * its policy. It counts, takes its pause, and is none when `limit` is reached.
 */
export function afterActivation(
  restart: RestartSpec,
  tally: RestartTally,
  facts: Omit<RestartFacts, 'ending' | 'uptimeMs'> & {
    /** Since when it has been at rest after a run that ended by itself; null: it has not, or was stopped on request. */
    readonly restedAt: number | null;
    /** How its last run ended. */
    readonly text: string;
  },
): RestartDecision {
  const { restedAt } = facts;
  if (restedAt === null) return { action: 'restart', delayMs: 0, tally };
  if (facts.nowMs - restedAt >= restart.resetAfterMs) {
    return { action: 'restart', delayMs: 0, tally: { ...FRESH_TALLY, restarts: tally.restarts } };
  }
  return counted(restart, tally, { ...facts, isHealthy: false });
}

interface CountedFacts extends Omit<RestartFacts, 'ending' | 'uptimeMs'> {
  readonly isHealthy: boolean;
  readonly text: string;
}

/** One more restart, or one too many. */
export function counted(restart: RestartSpec, tally: RestartTally, facts: CountedFacts): RestartDecision {
  const { isHealthy, nowMs, random, text, upheld } = facts;
  const stamps =
    restart.limit === 0 ? [] : tally.stamps.filter((stamp) => nowMs - stamp < restart.intervalMs);
  if (restart.limit > 0 && stamps.length >= restart.limit && !upheld) {
    return { action: 'give-up', text: `${text}; gave up after ${count(restart.limit, 'restart')}` };
  }
  return {
    action: 'restart',
    delayMs: isHealthy ? 0 : backoffMs(restart, tally.attempt, random),
    tally: {
      restarts: tally.restarts + 1,
      attempt: isHealthy ? 0 : tally.attempt + 1,
      stamps: restart.limit === 0 ? [] : [...stamps, nowMs],
    },
  };
}

/** The delay before the restart that follows `attempt` earlier ones, in milliseconds. */
export function backoffMs(restart: RestartSpec, attempt: number, random: number): number {
  // The factor's power overflows after a thousand attempts, and nothing times infinity is not a number.
  const base =
    restart.delayMs === 0 ? 0 : Math.min(restart.delayMs * restart.factor ** attempt, restart.maxDelayMs);
  return Math.max(0, base * (1 + restart.jitter * (2 * random - 1)));
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
