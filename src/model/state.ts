// The vocabulary of what a unit is doing, shared by core, wire and cli.

export const STATES = [
  'stopped',
  'waiting',
  'starting',
  'running',
  'stopping',
  'backoff',
  'completed',
  'failed',
] as const;
/** The public states of DESIGN 2.3. */
export type State = (typeof STATES)[number];

export type Wanted = 'up' | 'down';

/** Why a run of a unit ended; the rows of systemd's restart table come from these. */
export type ExitCause =
  | 'exit' // the main process exited with a code
  | 'signal' // it was killed by a signal
  | 'core' // likewise, and dumped core
  | 'oom-kill' // likewise, by the OOM killer
  | 'spawn' // it could not be started at all
  | 'start-pre' // a startPre command failed
  | 'start-post' // a startPost command failed
  | 'start-timeout'
  | 'runtime-max'
  | 'stop-timeout' // something had to be killed, or outlived even that
  | 'unknown'; // ended where nobody could learn how

/** The end of one run, as kept in the restart history. */
export interface ExitRecord {
  readonly code: number | null;
  readonly signal: string | null;
  readonly cause: ExitCause;
  /** Milliseconds since the epoch. */
  readonly atWall: number;
  /** How long the run was ready, in milliseconds; 0 if it never was. */
  readonly uptimeMs: number;
  /** How many restarts had been made before this run since the count last began. */
  readonly attempt: number;
  /** An operator, a reload or a dependency asked for it. */
  readonly requested: boolean;
  /** A clause for people: `exited with code 1`. */
  readonly text: string;
}

/** Whether both are the same end of one unit's run, as it was told. */
export function isSameExit(a: ExitRecord, b: ExitRecord): boolean {
  return a.atWall === b.atWall && a.uptimeMs === b.uptimeMs && a.attempt === b.attempt && a.text === b.text;
}
