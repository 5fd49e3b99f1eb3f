// Units for tests of core, as config would have compiled them: the defaults of the schema, and what the test changes.
import { NO_RESOURCES } from '../../../src/model/unit.ts';
import type { Command, UnitSpec } from '../../../src/model/unit.ts';

const NO_STATUS = { codes: [], signals: [] };

export const DEFAULT_RESTART: UnitSpec['restart'] = {
  policy: 'always',
  delayMs: 1_000,
  factor: 2,
  maxDelayMs: 60_000,
  jitter: 0,
  resetAfterMs: 60_000,
  limit: 0,
  intervalMs: 600_000,
  preventExitStatus: NO_STATUS,
  forceExitStatus: NO_STATUS,
};

export const DEFAULT_STOP: UnitSpec['stop'] = {
  signal: 'SIGTERM',
  timeoutMs: 10_000,
  killMode: 'control-group',
  finalSignal: 'SIGKILL',
  command: null,
};

const SERVICE: Omit<UnitSpec, 'name'> = {
  description: '',
  documentation: [],
  type: 'service',
  enabled: true,
  command: command('/bin/main'),
  pidFile: null,
  environment: {},
  environmentFiles: [],
  workingDirectory: null,
  user: null,
  group: null,
  supplementaryGroups: null,
  umask: null,
  limits: {},
  resources: NO_RESOURCES,
  nice: null,
  oomScoreAdjust: null,
  noNewPrivileges: false,
  startPre: [],
  startPost: [],
  stopPost: [],
  startTimeoutMs: 90_000,
  runtimeMaxMs: null,
  successExitStatus: NO_STATUS,
  restart: DEFAULT_RESTART,
  stop: DEFAULT_STOP,
  requires: [],
  wants: [],
  requisite: [],
  bindsTo: [],
  partOf: [],
  upholds: [],
  conflicts: [],
  after: [],
  before: [],
  onFailure: [],
  onSuccess: [],
  logs: { format: 'cri', maxSizeBytes: 10_000_000, maxFiles: 5, maxAgeMs: null, compress: true },
  failureAction: 'none',
  successAction: 'none',
};

export type SpecChange = Partial<Omit<UnitSpec, 'name' | 'restart' | 'stop'>> & {
  readonly restart?: Partial<UnitSpec['restart']>;
  readonly stop?: Partial<UnitSpec['stop']>;
};

/** A service unless told otherwise; a oneshot is not restarted and a target has no command, as in the schema. */
export function unitSpec(name: string, change: SpecChange = {}): UnitSpec {
  const { restart, stop, ...rest } = change;
  const policy = change.type === 'oneshot' ? 'no' : DEFAULT_RESTART.policy;
  return {
    ...SERVICE,
    ...(change.type === 'target' ? { command: null } : {}),
    ...rest,
    name,
    restart: { ...DEFAULT_RESTART, policy, ...restart },
    stop: { ...DEFAULT_STOP, ...stop },
  };
}

/** `-/bin/true` reads as in a unit file: a failure is passed over. */
export function command(text: string): Command {
  const ignoreFailure = text.startsWith('-');
  return { argv: [ignoreFailure ? text.slice(1) : text], ignoreFailure };
}
