// Version 1 of everything that crosses the control socket, and so of everything that --json prints.
// Times are RFC 3339 strings in UTC with milliseconds; durations and sizes have their unit in the name.
import type { LogEntry } from './log-entry.ts';
import type { Plan } from '../model/plan.ts';
import type { Problem } from '../model/problem.ts';
import type { FenceKind, UsageSources } from '../model/process.ts';
import type { ExitCause, State, Wanted } from '../model/state.ts';
import type { DependencyField, UnitType } from '../model/unit.ts';

export const API_VERSION = 'unitd/v1';
type Version = typeof API_VERSION;

export interface LastExit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly at: string;
  readonly cause: ExitCause;
}

export interface UsageFigures {
  /** Of one core. */
  readonly cpuPercent: number;
  readonly memoryBytes: number;
  readonly tasks: number;
}

export interface UnitStatus {
  readonly name: string;
  readonly description: string;
  readonly type: UnitType;
  readonly state: State;
  /** When it came to that state. */
  readonly stateSince: string;
  readonly ready: boolean;
  readonly wanted: Wanted;
  /** An operator's stop or start that differs from the file holds it. */
  readonly held: boolean;
  /** One sentence without a full stop. */
  readonly reason: string;
  readonly pid: number | null;
  readonly startedAt: string | null;
  readonly restarts: number;
  readonly nextStartAt: string | null;
  readonly lastExit: LastExit | null;
  /** null until it was measured, and while nothing runs. */
  readonly usage: UsageFigures | null;
  /** What holds its processes together; null for a target, and at rest, but for a oneshot of which something runs on. */
  readonly fence: FenceKind | null;
}

export interface DaemonStatus {
  readonly pid: number;
  readonly version: string;
  readonly startedAt: string;
  /** When this version took over the process from another; null if it was started. */
  readonly replacedAt: string | null;
  /** The last version that had been tried and could not be executed all the same; null: there was none. */
  readonly replaceFailure: { readonly at: string; readonly detail: string } | null;
  /** The directory of the unit files. */
  readonly units: string;
  /** Some unit runs an earlier form, or is not there, because its file is not valid now. */
  readonly degraded: boolean;
  readonly problems: readonly Problem[];
  /** What holds the processes of units that start now: how a stop finds them all. */
  readonly fence: FenceKind;
  /** Of units that start now. */
  readonly usageSource: UsageSources;
}

/** GET /v1/status */
export interface StatusDocument {
  readonly apiVersion: Version;
  readonly daemon: DaemonStatus;
  readonly units: readonly UnitStatus[];
}

export interface HistoryEntry extends LastExit {
  readonly text: string;
  readonly uptimeMs: number;
  readonly attempt: number;
  readonly requested: boolean;
}

export interface ProcessNode {
  readonly pid: number;
  readonly parentPid: number;
  readonly command: string;
}

export interface UsageSample extends UsageFigures {
  readonly at: string;
}

/** GET /v1/units/{name} */
export interface UnitDocument {
  readonly apiVersion: Version;
  readonly unit: UnitStatus;
  readonly file: string;
  /** The unit in the form of a unit file, every default filled in. */
  readonly effective: Readonly<Record<string, unknown>>;
  readonly processes: readonly ProcessNode[];
  /** Directory of the cgroup that holds them; null where there is none. */
  readonly cgroup: string | null;
  /** Newest last, at most 50. */
  readonly history: readonly HistoryEntry[];
  readonly dependencies: readonly DependencyStatus[];
  /** Units whose files name this one. */
  readonly dependents: readonly DependencyStatus[];
  readonly usage: {
    readonly source: UsageSources;
    readonly peakMemoryBytes: number;
    readonly peakCpuPercent: number;
    readonly peakTasks: number;
    /** Newest last, at most 60. */
    readonly samples: readonly UsageSample[];
  };
  readonly logs: LogStatus;
}

export interface LogStatus {
  readonly directory: string;
  readonly bytes: number;
  readonly lines: number;
  readonly droppedLines: number;
  readonly droppedBytes: number;
  readonly problem: string | null;
}

export interface DependencyStatus {
  readonly field: DependencyField;
  readonly name: string;
  readonly state: State;
  readonly ready: boolean;
  readonly reason: string;
}

/** GET /v1/units: the whole graph, for `unitd deps`. */
export interface GraphDocument {
  readonly apiVersion: Version;
  readonly units: readonly GraphUnit[];
}
export interface GraphUnit {
  readonly name: string;
  readonly type: UnitType;
  readonly state: State;
  readonly ready: boolean;
  readonly reason: string;
  readonly dependencies: Readonly<Partial<Record<DependencyField, readonly string[]>>>;
}

/** GET /v1/plan, and POST /v1/reload with dryRun */
export interface PlanDocument {
  readonly apiVersion: Version;
  readonly plan: Plan;
  /** Warnings; with `partial` also the errors of the files that were left out. */
  readonly problems: readonly Problem[];
}

/** Body of POST /v1/reload; every field may be left out. */
export interface ReloadRequest {
  readonly dryRun?: boolean;
  /** Apply this plan or refuse. */
  readonly plan?: string;
  /** Apply the good files, report the rest. */
  readonly partial?: boolean;
  /** Default true: answer once the moved units are up or have failed. */
  readonly wait?: boolean;
  readonly timeoutMs?: number;
}

export const UNIT_VERBS = ['start', 'stop', 'restart', 'signal', 'release', 'reset'] as const;
export type UnitVerb = (typeof UNIT_VERBS)[number];

/** Body of POST /v1/units/{name}/{verb}; every field may be left out. */
export interface UnitRequest {
  readonly wait?: boolean;
  readonly timeoutMs?: number;
  /** signal only: `HUP`, `SIGHUP`, `hup` or `1`. */
  readonly signal?: string;
  /** signal only: the main process (default) or every process of the unit. */
  readonly whom?: 'main' | 'all';
}

export interface MovedUnit {
  readonly name: string;
  readonly state: State;
  readonly ready: boolean;
  /** done: it is where it was asked to be; unchanged: it already was; failed: it will not get there by itself, or
   *  not before a pause; excused: it is not there, but it was failing before the reload, or waits as before, which
   *  has not failed for that; pending: the wait ended first, or none was asked for. */
  readonly outcome: 'done' | 'unchanged' | 'failed' | 'excused' | 'pending';
  readonly reason: string;
}

/** Answer of every POST. */
export interface OperationDocument {
  readonly apiVersion: Version;
  readonly verb: UnitVerb | 'reload';
  /** No unit failed, none is still pending that was waited for. */
  readonly ok: boolean;
  readonly units: readonly MovedUnit[];
  /** reload: what was applied. */
  readonly plan: Plan | null;
  readonly problems: readonly Problem[];
}

/** Lines of a POST answered as application/x-ndjson (asked for by Accept): progress, then one result. */
export type OperationLine =
  | { readonly type: 'progress'; readonly unit: string; readonly state: State; readonly reason: string }
  | { readonly type: 'result'; readonly result: OperationDocument }
  | { readonly type: 'error'; readonly error: ProblemDetails }
  /** The daemon is being replaced; GET /v1/operations/{operation} goes on. */
  | { readonly type: 'handed-over'; readonly operation: string };

/** Answer of POST /v1/reexec: the version on disk has been tried and is about to take over. */
export interface ReexecDocument {
  readonly apiVersion: Version;
  readonly verb: 'reexec';
  readonly pid: number;
  readonly oldVersion: string;
  readonly newVersion: string;
}

/** GET /v1/events: one a line. */
export type EventLine = {
  readonly apiVersion: Version;
  /** Counts up from 1 within one daemon. */
  readonly seq: number;
  readonly at: string;
} & (
  | {
      readonly type: 'state';
      readonly unit: string;
      /** null in the opening snapshot that `snapshot=1` asks for, and of a unit that is new. */
      readonly from: State | null;
      readonly to: State;
      readonly ready: boolean;
      readonly wanted: Wanted;
      readonly reason: string;
      readonly pid: number | null;
    }
  | { readonly type: 'exit'; readonly unit: string; readonly exit: HistoryEntry }
  | {
      readonly type: 'usage';
      readonly unit: string;
      readonly usage: UsageFigures;
      readonly source: UsageSources;
    }
  | { readonly type: 'removed'; readonly unit: string }
  | {
      readonly type: 'log';
      readonly unit: string;
      readonly problem: string | null;
      readonly droppedLines: number;
    }
  | { readonly type: 'reload'; readonly plan: string; readonly moved: number; readonly problems: number }
  | { readonly type: 'daemon'; readonly phase: 'ready' | 'stopping' | 'replacing' }
  | { readonly type: 'lost'; readonly count: number }
);

type ChosenEvent = Exclude<EventLine['type'], 'lost'>;
/** `lost` is no choice: who loses lines is told. The record makes the list complete. */
const CHOSEN_EVENTS: Readonly<Record<ChosenEvent, null>> = {
  state: null,
  exit: null,
  usage: null,
  removed: null,
  log: null,
  reload: null,
  daemon: null,
};
/** What `type` of GET /v1/events may name. */
export const EVENT_TYPES = Object.keys(CHOSEN_EVENTS).filter((type): type is ChosenEvent =>
  Object.hasOwn(CHOSEN_EVENTS, type),
);

/** GET /v1/units/{name}/logs: one a line. */
export interface LogLine extends LogEntry {
  readonly unit: string;
}

/** RFC 9457. `type` is `about:blank` or `tag:unitd,2026:CODE`. */
export interface ProblemDetails {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** 422: what is wrong with the unit files. */
  readonly problems?: readonly Problem[];
  /** 409 of a refused plan: the plan that holds now. */
  readonly plan?: Plan;
}
