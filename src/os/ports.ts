// The doors between the daemon and the kernel. The daemon sees only these interfaces; the Linux adapters
// beside this file and the fakes in test/support both pass the suites in test/contract.
import type {
  ExitStatus,
  FenceKind,
  ProcessId,
  ProcessTree,
  SpawnFailure,
  SpawnRequest,
  UsageSources,
} from '../model/process.ts';
import type { Controller, ResourceSpec, SignalName } from '../model/unit.ts';

export interface Timer {
  /** Disarms it; harmless when it has fired. */
  close(): void;
}

export interface Clock {
  /** Milliseconds on CLOCK_MONOTONIC, with fractions. Never compared across boots. */
  monotonicMs(): number;
  /** Milliseconds since the epoch, for people and log lines. */
  wallMs(): number;
  /** Calls back once the monotonic clock has reached `atMs` (never before it), however far away that is. */
  arm(atMs: number, callback: () => void): Timer;
}

export type SpawnResult =
  { readonly ok: true; readonly process: ProcessId } | { readonly ok: false; readonly failure: SpawnFailure };

/** `unknown`: the machine is out of memory or of open files, and nobody can tell whose the pid is. */
export type SignalResult = 'sent' | 'gone' | 'denied' | 'unknown';

/** What every process spawned for an activation, and whatever it forks, carries in its environment. */
export const INVOCATION_VARIABLE = 'INVOCATION_ID';

/** Names the run in the environment of everything spawned for it, so that it can be found again. */
export const RUN_VARIABLE = 'UNITD_RUN';

/** A living process of a tree, and what it has used as of the moment it was found. */
export interface Member extends ProcessId {
  readonly parentPid: number;
  readonly cpuTicks: number;
  /** Of children that it has waited for, and theirs. */
  readonly reapedTicks: number;
  readonly residentPages: number;
  readonly threads: number;
}

export interface Expectation {
  /** Resolves, never rejects, when what spawns would wait for is waited for. */
  readonly ready: Promise<void>;
  /** No more of them follow soon. */
  close(): void;
}

export interface Processes {
  /** What holds the processes of activations that begin now. */
  readonly fence: FenceKind;
  /** null when activations are to be expected to get the controller; else what keeps it away. Changes nothing. */
  lacks(controller: Controller): string | null;
  /**
   * A new, empty cgroup for an activation of the unit, in which these resources hold; null where there are none. Throws
   * where it cannot be made, and where the resources cannot be had.
   */
  enclose(unit: string, resources: ResourceSpec): string | null;
  /** Has these hold for the tree from now on. null, or what the kernel refused of it. */
  limit(tree: ProcessTree, from: ResourceSpec | null, to: ResourceSpec): string | null;
  /** Processes of the tree that the OOM killer has ended so far; 0 also where nobody counts them. */
  oomKills(tree: ProcessTree): number;
  /** The activation is over: its cgroup goes, unless something lives in it. False then. */
  release(tree: ProcessTree): boolean;
  /**
   * Removes what earlier daemons left of cgroups, except those of `kept`, the trees that are still to be taken back.
   * Gives the ones in which something lives.
   */
  sweep(kept: readonly ProcessTree[]): readonly string[];
  /** Has the listener of onReaped() hear (of null) when the tree's cgroup has run empty; false where nobody can tell. */
  tellWhenEmpty(tree: ProcessTree): boolean;
  /** Spawns follow soon: what they would hold the daemon up with is waited for beside it, as far as that can be. */
  expectSpawns(): Expectation;
  /** Starts a child as the leader of a new session. Synchronous: a failed exec is reported here, by name. */
  spawn(request: SpawnRequest): SpawnResult;
  /**
   * Takes a living process back that an earlier daemon spawned, or this one before it was replaced: its end will be
   * reported like that of a child, once however often this is called. False when it has ended already; then nobody
   * learns how any more.
   */
  adopt(process: ProcessId): boolean;
  /** Puts into the tree's cgroup what an earlier daemon had spawned, but not yet moved there when it was killed. */
  encloseLeft(tree: ProcessTree, leader: ProcessId | null): void;
  /** The leader that was spawned for `run` of this tree, by what its environment says; null when there is none. */
  findLeader(invocationId: string, run: number): ProcessId | null;
  /**
   * Has `listener` called with the end of each child that spawn() returned, and with null for each other process
   * that was reaped (an orphan of some unit), so that owners of trees look again. One listener only.
   * Calls come from the event loop, never from inside spawn() or signal().
   */
  onReaped(listener: (process: ProcessId | null, status: ExitStatus) => void): void;
  /** Signals exactly this process, never one that reuses its pid. */
  signal(process: ProcessId, signal: SignalName): SignalResult;
  /** Living (not zombie) processes of the tree, cheapest test first: an empty tree costs O(its leaders). */
  members(tree: ProcessTree): readonly Member[];
  /**
   * Whether what members() said just now may be wrong: some process is in the middle of execve(2), shows nothing, and
   * may be of any tree; or a look failed, as the machine is out of memory or of open files. It is worth another look in
   * a few milliseconds.
   */
  isUnsure(): boolean;
  /**
   * Signals every member that is not in `reached`, looping until a scan finds nobody new, and adds to `reached` whom
   * it tried and could tell. A process that no scan could find, as it was being born, is there for the next call.
   * `onDenied`: of each that the kernel refuses, but where the cgroup is killed. Returns how many got it.
   */
  signalTree(
    tree: ProcessTree,
    signal: SignalName,
    reached?: Set<string>,
    onDenied?: (member: ProcessId) => void,
  ): number;
  /** Stops listening, for a daemon that goes on in this process: children live on, held and limited as they are. */
  leave(): void;
  /** Stops listening, at the end of the daemon; children live on. */
  close(): void;
}

/** Says when something can be read, and reads nothing. */
export interface Readiness {
  /** Calls back once, from the event loop, when `fd` can be read, now or later; then again after each arm(). */
  watch(fd: number, onReadable: () => void): Watched;
  /** Nobody is called back any more. */
  close(): void;
}

export interface Watched {
  arm(): void;
  /** To be called before the descriptor is closed. */
  close(): void;
}

export interface Figures {
  /** Of one core, over the time since the last sample, whoever was there then; 0 at the first. */
  readonly cpuPercent: number;
  readonly memoryBytes: number;
  readonly tasks: number;
}

export interface Usage extends Figures {
  /** The most that it has ever been, where somebody keeps that. */
  readonly memoryPeakBytes: number | null;
  readonly sources: UsageSources;
}

/** Of a tree that is to be measured, what tells one activation from the next, and who counts it. */
export type Measurable = Pick<ProcessTree, 'invocationId' | 'cgroup'>;

export interface Meter {
  /** Of activations that begin now. */
  readonly sources: UsageSources;
  /**
   * Leaves out what nothing lives in. Keyed so that CPU is measured against that key's last sample. `membersOf`: asked
   * only where the cgroup does not tell all.
   */
  sample(
    trees: ReadonlyMap<string, Measurable>,
    membersOf: (key: string) => readonly Member[],
  ): Promise<ReadonlyMap<string, Usage>>;
  /** Drops what is remembered of `key`. */
  forget(key: string): void;
}
