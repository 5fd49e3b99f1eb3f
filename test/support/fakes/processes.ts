// Processes that exist in a table only: programs do what the test says, and die when signalled as real ones do.
import type {
  ExitStatus,
  FenceKind,
  ProcessId,
  ProcessTree,
  SpawnFailure,
  SpawnRequest,
} from '../../../src/model/process.ts';
import { isUnlimited } from '../../../src/model/unit.ts';
import type { ResourceSpec, SignalName } from '../../../src/model/unit.ts';
import { RUN_VARIABLE } from '../../../src/os/ports.ts';
import type { Member, Processes, SignalResult, SpawnResult } from '../../../src/os/ports.ts';

/** What a program does when it is spawned; one that is not described runs until it is signalled or told to end. */
export interface FakeProgram {
  readonly failure?: SpawnFailure;
  /** Ends at once with this. */
  readonly exits?: ExitStatus;
  /** Signals that do nothing to it. */
  readonly ignores?: readonly SignalName[];
  /** Children it forks at once; they ignore what it ignores. */
  readonly children?: number;
}

interface Row {
  readonly process: ProcessId;
  readonly request: SpawnRequest | null;
  readonly invocationId: string;
  readonly cgroup: string | null;
  readonly ignores: readonly SignalName[];
  /** Whose end the daemon sees: its own children, and orphans. */
  parent: ProcessId | null;
  /** It was spawned, or descends from what was, since the last close(): the kernel tells of its end by itself. */
  isOurs: boolean;
  /** Its end is reported by name. */
  isAdopted: boolean;
}

export interface SpawnRecord {
  readonly request: SpawnRequest;
  readonly process: ProcessId;
}

export interface SignalRecord {
  readonly process: ProcessId;
  readonly signal: SignalName;
}

export interface Expected {
  readonly spawnedBefore: number;
  isOpen: boolean;
}

export interface LimitRecord {
  readonly cgroup: string | null;
  readonly from: ResourceSpec | null;
  readonly to: ResourceSpec;
}

export interface FakeProcesses extends Processes {
  /** All successful spawns, oldest first. */
  readonly spawned: readonly SpawnRecord[];
  /** All signals that reached a living process. */
  readonly signals: readonly SignalRecord[];
  readonly livingCount: number;
  /** Those that were made and have not been removed. */
  readonly cgroups: ReadonlySet<string>;
  /** Of each expectSpawns(), oldest first: whether it is open, and how many had been spawned before. */
  readonly expectations: readonly Readonly<Expected>[];
  /** Changes of limits, oldest first. */
  readonly limited: readonly LimitRecord[];
  /** What spawning `command` (argv[0]) does from now on. */
  define(command: string, program: FakeProgram): void;
  /** Lets the next spawn fail, whatever its command. */
  failNextSpawn(failure: SpawnFailure): void;
  /** A living process forks. */
  fork(parent: ProcessId): ProcessId;
  /** Ends a living process; its children become orphans of the daemon. */
  exit(process: ProcessId, status: ExitStatus): void;
  /** The kernel ends it for want of memory. */
  oomKill(process: ProcessId): void;
  /** Ends it and loses the report, as no kernel should. */
  vanish(process: ProcessId): void;
  /** Reports an end once more, or one that never was. */
  report(process: ProcessId | null, status: ExitStatus): void;
}

/** Signals whose default does not end a process. */
const HARMLESS = new Set([
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGCHLD',
  'SIGURG',
  'SIGWINCH',
]);

export interface FakeProcessesOptions {
  /** How a report gets out of the call that caused it; a test that wants to step by hand passes its own queue. */
  readonly defer?: (deliver: () => void) => void;
  /** `cgroup`: activations get cgroups, which are names only. */
  readonly fence?: FenceKind;
}

export function createFakeProcesses(options: FakeProcessesOptions = {}): FakeProcesses {
  const defer = options.defer ?? ((deliver: () => void): void => void setImmediate(deliver));
  const programs = new Map<string, FakeProgram>();
  const rows = new Map<number, Row>();
  const spawned: SpawnRecord[] = [];
  const signals: SignalRecord[] = [];
  const expectations: Expected[] = [];
  const limited: LimitRecord[] = [];
  const oomKills = new Map<string, number>();
  const failures: SpawnFailure[] = [];
  let listener: ((process: ProcessId | null, status: ExitStatus) => void) | null = null;
  let lastPid = 1000;
  const { fence = 'session' } = options;
  const cgroups = new Set<string>();
  let lastCgroup = 0;

  const rowOf = ({ pid, startTicks }: ProcessId): Row | null => {
    const row = rows.get(pid);
    return row?.process.startTicks === startTicks ? row : null;
  };

  const add = (row: Omit<Row, 'process'>): ProcessId => {
    const process = { pid: ++lastPid, startTicks: lastPid * 10 };
    rows.set(process.pid, { ...row, process });
    return process;
  };

  const report = (process: ProcessId | null, status: ExitStatus): void => {
    defer(() => listener?.(process, status));
  };

  const remove = (process: ProcessId): Row => {
    const row = rowOf(process);
    if (row === null) throw new Error(`cannot end process ${process.pid}: it is not alive`);
    rows.delete(process.pid);
    for (const other of rows.values()) if (other.parent?.pid === process.pid) other.parent = null;
    return row;
  };

  const exit = (process: ProcessId, status: ExitStatus): void => {
    const row = remove(process);
    if (row.isAdopted) report(process, status);
    else if (row.parent === null && row.isOurs) report(null, status);
  };

  const fork = (parent: ProcessId): ProcessId => {
    const row = rowOf(parent);
    if (row === null) throw new Error(`cannot fork process ${parent.pid}: it is not alive`);
    const { invocationId, cgroup, ignores, isOurs } = row;
    return add({ request: null, invocationId, cgroup, ignores, parent, isOurs, isAdopted: false });
  };

  const spawn = (request: SpawnRequest): SpawnResult => {
    const program = programs.get(request.argv[0]) ?? {};
    const failure = failures.shift() ?? program.failure;
    if (failure !== undefined) return { ok: false, failure };
    const invocationId = request.environment['INVOCATION_ID'] ?? '';
    const { ignores = [] } = program;
    const { cgroup = null } = request;
    const own = { request, invocationId, cgroup, ignores };
    const process = add({ ...own, parent: null, isOurs: true, isAdopted: true });
    spawned.push({ request, process });
    for (let count = program.children ?? 0; count > 0; count--) fork(process);
    if (program.exits !== undefined) exit(process, program.exits);
    return { ok: true, process };
  };

  const signal = (process: ProcessId, name: SignalName): SignalResult => {
    const row = rowOf(process);
    if (row === null) return 'gone';
    signals.push({ process, signal: name });
    const survives = HARMLESS.has(name) || (name !== 'SIGKILL' && row.ignores.includes(name));
    if (!survives) exit(process, { code: null, signal: name, coreDumped: false });
    return 'sent';
  };

  /** None of them has used anything. */
  const memberOf = ({ process, parent }: Row): Member => ({
    ...process,
    parentPid: parent?.pid ?? 1,
    cpuTicks: 0,
    reapedTicks: 0,
    residentPages: 0,
    threads: 1,
  });

  const membersOfCgroup = (cgroup: string): readonly Member[] =>
    [...rows.values()].filter((row) => row.cgroup === cgroup).map(memberOf);

  const members = ({ invocationId, leaders, cgroup }: ProcessTree): readonly Member[] => {
    if (cgroup !== undefined) return membersOfCgroup(cgroup);
    if (leaders.length === 0) return [];
    const isLeader = ({ pid, startTicks }: ProcessId): boolean =>
      leaders.some((leader) => leader.pid === pid && leader.startTicks === startTicks);
    return [...rows.values()]
      .filter((row) => isLeader(row.process) || row.invocationId === invocationId)
      .map(memberOf);
  };

  const letGo = (): void => {
    listener = null;
    for (const row of rows.values()) {
      row.isOurs = false;
      row.isAdopted = false;
    }
  };

  return {
    fence,
    cgroups,
    lacks: () => (fence === 'session' ? 'units are held by session' : null),
    limit: (tree, from, to) => {
      limited.push({ cgroup: tree.cgroup ?? null, from, to });
      return null;
    },
    limited,
    oomKills: ({ cgroup }) => oomKills.get(cgroup ?? '') ?? 0,
    oomKill: (process) => {
      const cgroup = rowOf(process)?.cgroup ?? '';
      oomKills.set(cgroup, (oomKills.get(cgroup) ?? 0) + 1);
      exit(process, { code: null, signal: 'SIGKILL', coreDumped: false });
    },
    enclose: (unit, resources) => {
      if (fence === 'session' && !isUnlimited(resources)) throw new Error('units are held by session');
      if (fence === 'session') return null;
      const cgroup = `/fence/${unit}.${++lastCgroup}`;
      cgroups.add(cgroup);
      return cgroup;
    },
    release: ({ cgroup }) => {
      if (cgroup === undefined) return true;
      if (membersOfCgroup(cgroup).length > 0) return false;
      cgroups.delete(cgroup);
      return true;
    },
    sweep: (kept) => {
      const left = [...cgroups].filter((cgroup) => !kept.some((tree) => tree.cgroup === cgroup));
      for (const cgroup of left) if (membersOfCgroup(cgroup).length === 0) cgroups.delete(cgroup);
      return left.filter((cgroup) => cgroups.has(cgroup));
    },
    tellWhenEmpty: () => false,
    expectSpawns: () => {
      const expected = { spawnedBefore: spawned.length, isOpen: true };
      expectations.push(expected);
      return { ready: Promise.resolve(), close: () => void (expected.isOpen = false) };
    },
    encloseLeft: () => undefined,
    spawned,
    signals,
    expectations,
    get livingCount() {
      return rows.size;
    },
    define: (command, program) => void programs.set(command, program),
    failNextSpawn: (failure) => void failures.push(failure),
    fork,
    exit,
    vanish: (process) => void remove(process),
    report,
    spawn,
    onReaped: (added) => {
      if (listener !== null) throw new Error('cannot listen for reaped processes: somebody does already');
      listener = added;
    },
    adopt: (process) => {
      const row = rowOf(process);
      if (row !== null) row.isAdopted = true;
      return row !== null;
    },
    findLeader: (invocationId, run) => {
      const found = [...rows.values()].find(
        ({ request }) =>
          request?.environment['INVOCATION_ID'] === invocationId &&
          request.environment[RUN_VARIABLE] === String(run),
      );
      return found?.process ?? null;
    },
    signal,
    members,
    isUnsure: () => false,
    signalTree: (tree, name, reached = new Set()) =>
      members(tree).filter((process) => {
        const key = `${process.pid} ${process.startTicks}`;
        const isNew = !reached.has(key);
        reached.add(key);
        return isNew && signal(process, name) === 'sent';
      }).length,
    leave: letGo,
    close: letGo,
  };
}
