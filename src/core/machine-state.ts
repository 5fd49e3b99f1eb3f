// The values that core/machine steps through: state, events, effects. Types and tiny constructors only.
import type { ExitStatus, ProcessId, SpawnFailure } from '../model/process.ts';
import type { ExitRecord } from '../model/state.ts';
import type { Command, SignalName, UnitSpec } from '../model/unit.ts';
import { FRESH_TALLY } from './restart.ts';
import type { Ending, RestartTally } from './restart.ts';
import type { Streak } from './streak.ts';

/** One process of a unit. `process` is null between the effect that asks for it and the fact that it is there. */
export interface Run {
  readonly id: number;
  readonly process: ProcessId | null;
}

/** `start`: the command of a forking unit, which leaves the main process behind. */
export type CommandRole = 'startPre' | 'start' | 'startPost' | 'stop' | 'stopPost';

/** A command beside the main process, and its place in its list. */
export interface Helper extends Run {
  readonly role: CommandRole;
  readonly index: number;
}

/** The main process of a forking unit, which is still to be found; it will have this run id. */
export interface Seeking {
  readonly id: number;
  /** What is wanting as yet, for people; null when nobody has looked. */
  readonly text: string | null;
}

/** Monotonic milliseconds; null: this wait has no bound, because the unit's file says so. */
export type Deadline = number | null;

export type StartCommands = Pick<UnitSpec, 'startPre' | 'startPost'>;

export interface Stopping {
  readonly at: 'stopping';
  /**
   * command: stop.command runs. signal: stop.signal was sent, or it is being looked whether anything is left to
   * send it to. final: finalSignal was sent. post: stopPost runs. sweep: what stopPost left behind is killed.
   */
  readonly step: 'command' | 'signal' | 'final' | 'post' | 'sweep';
  readonly main: Run | null;
  readonly helper: Helper | null;
  /** The tree was told to end in this step, beyond being looked at. */
  readonly signalled: boolean;
  /** The latest signal of this stop; null: none was sent. A record of an earlier version has no such field. */
  readonly sent?: SignalName | null;
  /** When this step's wait began, from which `deadline` counts: monotonic milliseconds. */
  readonly since: number;
  readonly deadline: Deadline;
  /** Why the run ends; null while an operator's stop is the only reason and main has not exited. */
  readonly ending: Ending | null;
  /** Asked for by an operator, a reload or a dependency: no restart follows. */
  readonly requested: boolean;
  /** It was cleared since it ended: once at rest it is stopped, and has nothing to wait for. */
  readonly cleared: boolean;
  /** It came up, so that stop.command and a `completed` make sense. */
  readonly wasUp: boolean;
  /** Its stop timeout passed, so finalSignal was sent. */
  readonly killed: boolean;
  /** Something outlived finalSignal, or was left alone by killMode. */
  readonly abandoned: boolean;
  /** What a stop.command or stopPost without a leading `-` came to. */
  readonly trouble: string | null;
  readonly readyAt: number | null;
}

/** What a pause was decided from, beside the settings and the counts. */
export interface PauseBasis {
  /** When it began: monotonic milliseconds. */
  readonly atMs: number;
  readonly random: number;
  /**
   * The unit's own end, after having been up so long (null: it never was); or the end of another that starts it anew,
   * after it had come to rest at this monotonic time (null: it had not, or was stopped); or none, as it was started too
   * often in a row.
   */
  readonly cause:
    | { readonly end: 'own'; readonly uptimeMs: number | null }
    | { readonly end: 'other'; readonly restedAt: number | null }
    | { readonly end: 'none' };
}

export type Phase =
  | { readonly at: 'stopped'; readonly text: string | null }
  /** swept: nothing of it can be left; a oneshot still has its stop.command, its stopPost and what it forked. */
  | { readonly at: 'completed'; readonly swept: boolean }
  | { readonly at: 'failed'; readonly text: string }
  | {
      readonly at: 'backoff';
      readonly deadline: number;
      readonly ending: Ending;
      /** A record of an earlier version has no such field. */
      readonly basis?: PauseBasis;
    }
  | {
      readonly at: 'starting';
      readonly main: Run | null;
      readonly helper: Helper | null;
      /** Of a forking unit, between its command's end and main. */
      readonly seeking: Seeking | null;
      /** Of a oneshot's main, when that has ended cleanly and startPost runs. */
      readonly ending: Ending | null;
      readonly deadline: Deadline;
      readonly startedAt: number;
      /** Those of this start, whatever the file says since. A record of an earlier version has no such field. */
      readonly commands?: StartCommands;
    }
  | {
      readonly at: 'running';
      /** null for a target, which has no process. Its own process is null while it is waited for who takes its place. */
      readonly main: Run | null;
      readonly deadline: Deadline;
      readonly readyAt: number;
    }
  | Stopping;

export interface MachineState {
  readonly phase: Phase;
  readonly tally: RestartTally;
  /** Of its starts; a record of an earlier version has no such field. */
  readonly streak?: Streak;
  /** Ids already given to runs; the next is one more. Never goes back. */
  readonly runs: number;
  /** Activations so far: each start begins one. */
  readonly activation: number;
  /** Wall time at which the last start began, or then its main process. */
  readonly startedWall: number | null;
  readonly history: readonly ExitRecord[];
}

/** How many ends a unit remembers. */
export const HISTORY_LENGTH = 50;

export const NEW_STATE: MachineState = {
  phase: { at: 'stopped', text: null },
  tally: FRESH_TALLY,
  runs: 0,
  activation: 0,
  startedWall: null,
  history: [],
};

export type MachineEvent =
  | { readonly type: 'start-requested' }
  | { readonly type: 'stop-requested' }
  /** Whoever stops it will not wait: go on to the final signal; what runs after it is ended. */
  | { readonly type: 'hurried' }
  /** The end of another unit, by onFailure or onSuccess, starts it anew. */
  | { readonly type: 'activated' }
  /** A requisite is not up, and will not be by itself. */
  | { readonly type: 'start-refused'; readonly text: string }
  /** Forget failures and attempts, or every count; a unit at rest, or on its way there by itself, becomes plain stopped. */
  | { readonly type: 'cleared'; readonly counts: 'attempts' | 'all' }
  /** The spec was replaced in place. */
  | { readonly type: 'respecified' }
  | { readonly type: 'spawned'; readonly run: number; readonly process: ProcessId }
  | { readonly type: 'spawn-failed'; readonly run: number; readonly failure: SpawnFailure }
  | { readonly type: 'exited'; readonly run: number; readonly status: ExitStatus }
  /** Answers to the effect `seek-main`: what it was, what is wanting as yet, or that no process is left. */
  | { readonly type: 'main-found'; readonly run: number; readonly process: ProcessId }
  | { readonly type: 'main-unknown'; readonly run: number; readonly text: string }
  | { readonly type: 'main-lost'; readonly run: number }
  /** The process has ended, and may have left another one of the unit in its place: main-moved follows, or exited. */
  | { readonly type: 'main-ended'; readonly run: number }
  /** The process has ended, and has named another one of the unit that goes on in its place. */
  | { readonly type: 'main-moved'; readonly run: number; readonly process: ProcessId }
  /** Answer to the effect `survey`, and news whenever something of the tree ended. */
  | { readonly type: 'surveyed'; readonly survivors: boolean }
  | { readonly type: 'deadline-passed'; readonly deadline: number };

export type MachineEffect =
  /** A new activation: a new process tree, an empty one. */
  | { readonly type: 'begin' }
  | {
      readonly type: 'spawn';
      readonly run: number;
      readonly role: 'main' | CommandRole;
      readonly command: Command;
      /** Beside the unit's own environment. */
      readonly variables: Readonly<Record<string, string>>;
    }
  /** Find the main process that a forking unit's command has left behind. */
  | { readonly type: 'seek-main'; readonly run: number }
  | { readonly type: 'signal'; readonly process: ProcessId; readonly signal: SignalName }
  | { readonly type: 'signal-tree'; readonly signal: SignalName }
  /** Look whether the tree has living members, and answer with `surveyed`. */
  | { readonly type: 'survey' }
  /** The unit's resources may have changed: those of the spec hold from now on. */
  | { readonly type: 'limit' }
  /** The activation is over: what its processes wrote is complete. */
  | { readonly type: 'end' }
  | { readonly type: 'record'; readonly exit: ExitRecord };

/** What is true of the world at the instant of a step. */
export interface StepFacts {
  readonly nowMs: number;
  readonly wallMs: number;
  /** In [0, 1). */
  readonly random: number;
  /** A unit that is up names this one in `upholds`. */
  readonly upheld: boolean;
  /** Operators' words and reloads so far (Fleet.words). */
  readonly words: number;
}

export interface Step {
  readonly state: MachineState;
  readonly effects: readonly MachineEffect[];
}

/** The deadline to arm for this state, the only one. */
export function deadlineOf(phase: Phase): Deadline {
  return 'deadline' in phase ? phase.deadline : null;
}
