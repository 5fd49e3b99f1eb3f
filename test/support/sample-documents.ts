// Wire documents that look like a small real machine, for tests of the API and of its clients.
// Values only: what answers requests with them is fake-control.ts.
import type { Plan } from '../../src/model/plan.ts';
import type { Problem } from '../../src/model/problem.ts';
import { API_VERSION } from '../../src/wire/v1.ts';
import type {
  DaemonStatus,
  DependencyStatus,
  HistoryEntry,
  LogLine,
  PlanDocument,
  ReexecDocument,
  UnitDocument,
  UnitStatus,
} from '../../src/wire/v1.ts';

const RESTING = {
  description: '',
  type: 'service',
  state: 'stopped',
  stateSince: '2026-11-22T08:00:00.000Z',
  ready: false,
  wanted: 'up',
  held: false,
  reason: '',
  pid: null,
  startedAt: null,
  restarts: 0,
  nextStartAt: null,
  lastExit: null,
  usage: null,
  fence: null,
} as const;

/** A stopped service, but for what `fields` says. */
export function sampleUnit(name: string, fields: Partial<Omit<UnitStatus, 'name'>> = {}): UnitStatus {
  return { name, ...RESTING, ...fields };
}

/** One unit for each thing that a status can show. */
export const SAMPLE_UNITS: readonly UnitStatus[] = [
  sampleUnit('api', {
    description: 'Orders API',
    state: 'waiting',
    stateSince: '2026-11-22T09:59:57.000Z',
    reason: 'waiting for requirement "db", which is backing off',
  }),
  sampleUnit('db', {
    description: 'Database',
    state: 'backoff',
    stateSince: '2026-11-22T10:00:00.000Z',
    reason: 'exited with code 1; restart 4 in 8 s',
    restarts: 3,
    nextStartAt: '2026-11-22T10:00:08.000Z',
    lastExit: { code: 1, signal: null, at: '2026-11-22T10:00:00.000Z', cause: 'exit' },
  }),
  sampleUnit('everything', {
    description: 'All of it',
    type: 'target',
    state: 'waiting',
    stateSince: '2026-11-22T09:59:57.000Z',
    reason: 'waiting for requirement "api", which is waiting',
  }),
  sampleUnit('mailer', {
    state: 'stopped',
    wanted: 'down',
    held: true,
    reason: 'stopped by an operator',
  }),
  sampleUnit('migrate', {
    description: 'Schema migration',
    type: 'oneshot',
    state: 'completed',
    stateSince: '2026-11-22T09:00:03.500Z',
    ready: true,
    reason: 'completed',
    lastExit: { code: 0, signal: null, at: '2026-11-22T09:00:03.500Z', cause: 'exit' },
  }),
  sampleUnit('reports', {
    state: 'failed',
    stateSince: '2026-11-22T09:30:00.000Z',
    reason: 'killed by SIGKILL; gave up after 5 restarts in 10 min',
    restarts: 5,
    lastExit: { code: null, signal: 'SIGKILL', at: '2026-11-22T09:30:00.000Z', cause: 'signal' },
  }),
  sampleUnit('web', {
    description: 'Front end',
    state: 'running',
    stateSince: '2026-11-22T09:00:05.000Z',
    ready: true,
    reason: 'up',
    pid: 412,
    startedAt: '2026-11-22T09:00:05.000Z',
    restarts: 2,
    lastExit: { code: null, signal: 'SIGTERM', at: '2026-11-22T09:00:04.000Z', cause: 'signal' },
    usage: { cpuPercent: 1.5, memoryBytes: 7340032, tasks: 3 },
    fence: 'cgroup',
  }),
];

export const SAMPLE_PROBLEM: Problem = {
  severity: 'error',
  unit: 'web',
  file: '/etc/unitd/units.d/web.yaml',
  line: 4,
  column: 3,
  field: 'restart.polcy',
  code: 'unknown-field',
  message: 'cannot read field "restart.polcy": no such field, did you mean "policy"',
};

export const SAMPLE_DAEMON: DaemonStatus = {
  pid: 1,
  version: '0.1.0',
  startedAt: '2026-11-22T09:00:00.000Z',
  replacedAt: null,
  replaceFailure: null,
  units: '/etc/unitd/units.d',
  degraded: false,
  problems: [],
  fence: 'cgroup',
  usageSource: { cpu: 'cgroup', memory: 'cgroup', tasks: 'cgroup' },
};

export const SAMPLE_REEXEC: ReexecDocument = {
  apiVersion: 'unitd/v1',
  verb: 'reexec',
  pid: 1,
  oldVersion: '0.1.0',
  newVersion: '0.2.0',
};

export const SAMPLE_PLAN: Plan = {
  id: '5f2c9b1d0a7e',
  units: [
    { name: 'cache', action: 'start', reason: 'new file', changes: [] },
    { name: 'mailer', action: 'stop', reason: 'file removed', changes: [] },
    {
      name: 'migrate',
      action: 'update',
      reason: 'logs.maxSize changed',
      changes: [{ field: 'logs.maxSize', from: '10MB', to: '20MB', effect: 'in-place' }],
    },
    {
      name: 'web',
      action: 'restart',
      reason: 'command changed',
      changes: [
        {
          field: 'command',
          from: ['/usr/bin/node', 'a.js'],
          to: ['/usr/bin/node', 'b.js'],
          effect: 'restart',
        },
        { field: 'startPre', from: [], to: [['/bin/true']], effect: 'next-start' },
      ],
    },
  ],
  unchanged: 4,
};

export const SAMPLE_PLAN_DOCUMENT: PlanDocument = {
  apiVersion: API_VERSION,
  plan: SAMPLE_PLAN,
  problems: [{ ...SAMPLE_PROBLEM, severity: 'warning', line: null, column: null }],
};

const SAMPLE_EXIT: HistoryEntry = {
  code: null,
  signal: 'SIGTERM',
  at: '2026-11-22T09:00:04.000Z',
  cause: 'signal',
  text: 'killed by SIGTERM',
  uptimeMs: 2500,
  attempt: 1,
  requested: true,
};

/** The whole story of `unit`; `dependencies` are shown as given. */
export function sampleUnitDocument(
  unit: UnitStatus,
  dependencies: readonly DependencyStatus[] = [],
): UnitDocument {
  const running = unit.pid !== null;
  return {
    apiVersion: API_VERSION,
    unit,
    file: `/etc/unitd/units.d/${unit.name}.yaml`,
    effective: { description: unit.description, type: unit.type, enabled: true },
    processes: running
      ? [
          { pid: unit.pid, parentPid: 1, command: '/usr/bin/node server.js' },
          { pid: unit.pid + 1, parentPid: unit.pid, command: '/usr/bin/node worker.js' },
        ]
      : [],
    cgroup: running ? `/sys/fs/cgroup/unitd-0123456789ab/${unit.name}.unit` : null,
    history: unit.lastExit === null ? [] : [{ ...SAMPLE_EXIT, ...unit.lastExit }],
    dependencies,
    dependents: [],
    usage: {
      source: { cpu: 'cgroup', memory: 'cgroup', tasks: 'cgroup' },
      peakMemoryBytes: running ? 8388608 : 0,
      peakCpuPercent: running ? 12.25 : 0,
      peakTasks: running ? 4 : 0,
      samples: unit.usage === null ? [] : [{ ...unit.usage, at: '2026-11-22T09:59:55.000Z' }],
    },
    logs: {
      directory: `/var/log/unitd/${unit.name}`,
      bytes: 2048,
      lines: 17,
      droppedLines: 0,
      droppedBytes: 0,
      problem: null,
    },
  };
}

export function sampleLogLines(unit: string): readonly LogLine[] {
  return [
    { unit, time: '2026-11-22T09:00:05.000000001Z', stream: 'stdout', text: 'listening on 8080' },
    { unit, time: '2026-11-22T09:00:06.250000000Z', stream: 'stderr', text: 'warning: cache is cold' },
    { unit, time: '2026-11-22T09:00:07.999999999Z', stream: 'stdout', text: 'GET / 200' },
  ];
}
