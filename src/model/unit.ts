// The unit as the rest of the program knows it: parsed, checked, defaults filled in.
// config/compile makes these from a file; nothing downstream validates again.

export type UnitType = 'service' | 'forking' | 'oneshot' | 'target';

/** Words of one command, before `${VAR}` expansion, which happens at each spawn. */
export interface Command {
  readonly argv: readonly [string, ...string[]];
  /** A leading `-` in the file: a failure of this command is noted and passed over. */
  readonly ignoreFailure: boolean;
}

export interface EnvironmentFile {
  readonly path: string;
  /** A leading `-` in the file: it may be missing. */
  readonly optional: boolean;
}

/** The names of every RLIMIT_*, lower case, as prlimit(1) spells its long options. */
export const LIMIT_NAMES = [
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];
export type LimitValue = number | 'unlimited';
export interface Limit {
  readonly soft: LimitValue;
  readonly hard: LimitValue;
}

/** Of cgroup v2, those that a unit can ask for something of. */
export type Controller = 'memory' | 'cpu' | 'pids' | 'io';

/** What all processes of the unit may have together; null: as the kernel gives it to a new cgroup. */
export interface ResourceSpec {
  readonly memoryMaxBytes: number | null;
  readonly memoryHighBytes: number | null;
  /** Of one processor: 150 is one and a half. */
  readonly cpuMaxPercent: number | null;
  readonly cpuWeight: number | null;
  readonly tasksMax: number | null;
  readonly ioWeight: number | null;
}

/** The field of each in a unit file, and the controller that it needs. */
export const RESOURCES = {
  memoryMaxBytes: { field: 'memoryMax', controller: 'memory' },
  memoryHighBytes: { field: 'memoryHigh', controller: 'memory' },
  cpuMaxPercent: { field: 'cpuMax', controller: 'cpu' },
  cpuWeight: { field: 'cpuWeight', controller: 'cpu' },
  tasksMax: { field: 'tasksMax', controller: 'pids' },
  ioWeight: { field: 'ioWeight', controller: 'io' },
} as const satisfies Readonly<
  Record<keyof ResourceSpec, { readonly field: string; readonly controller: Controller }>
>;
export const RESOURCE_KEYS: readonly (keyof ResourceSpec)[] = [
  'memoryMaxBytes',
  'memoryHighBytes',
  'cpuMaxPercent',
  'cpuWeight',
  'tasksMax',
  'ioWeight',
];

export const NO_RESOURCES: ResourceSpec = {
  memoryMaxBytes: null,
  memoryHighBytes: null,
  cpuMaxPercent: null,
  cpuWeight: null,
  tasksMax: null,
  ioWeight: null,
};

/** It asks for nothing that would need a controller. */
export function isUnlimited(resources: ResourceSpec): boolean {
  return RESOURCE_KEYS.every((key) => resources[key] === null);
}

export type RestartPolicy = 'no' | 'always' | 'on-success' | 'on-failure' | 'on-abnormal' | 'on-abort';

/** Exit codes and signal names (`SIGTERM`), as a set to look a process's end up in. */
export interface ExitStatusSet {
  readonly codes: readonly number[];
  readonly signals: readonly SignalName[];
}

export interface RestartSpec {
  readonly policy: RestartPolicy;
  readonly delayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
  /** Fraction of the delay, 0 to 1: the delay is drawn from delay * (1 ± jitter). */
  readonly jitter: number;
  readonly resetAfterMs: number;
  /** 0: never give up. */
  readonly limit: number;
  readonly intervalMs: number;
  readonly preventExitStatus: ExitStatusSet;
  readonly forceExitStatus: ExitStatusSet;
}

export type KillMode = 'control-group' | 'mixed' | 'process' | 'none';
/** With the `SIG` prefix; real-time signals as `SIGRTMIN+3`. */
export type SignalName = string;

export interface StopSpec {
  readonly signal: SignalName;
  /** null: wait for ever. */
  readonly timeoutMs: number | null;
  readonly killMode: KillMode;
  readonly finalSignal: SignalName;
  readonly command: Command | null;
}

export type LogFormat = 'cri' | 'raw' | 'json';
export interface LogSpec {
  readonly format: LogFormat;
  readonly maxSizeBytes: number;
  /** Rotated files kept beside `current`. */
  readonly maxFiles: number;
  /** null: no bound. */
  readonly maxAgeMs: number | null;
  readonly compress: boolean;
}

export type ExitAction = 'none' | 'exit';

export interface UnitSpec {
  readonly name: string;
  readonly description: string;
  readonly documentation: readonly string[];
  readonly type: UnitType;
  readonly enabled: boolean;
  /** null only for a target. */
  readonly command: Command | null;
  /** Of a forking unit: where its main process writes its pid. null: it is found without. */
  readonly pidFile: string | null;
  readonly environment: Readonly<Record<string, string>>;
  readonly environmentFiles: readonly EnvironmentFile[];
  readonly workingDirectory: string | null;
  readonly user: string | null;
  readonly group: string | null;
  /** null: all groups of the user. */
  readonly supplementaryGroups: readonly string[] | null;
  /** Octal mode bits. */
  readonly umask: number | null;
  readonly limits: Readonly<Partial<Record<LimitName, Limit>>>;
  readonly resources: ResourceSpec;
  readonly nice: number | null;
  readonly oomScoreAdjust: number | null;
  readonly noNewPrivileges: boolean;
  readonly startPre: readonly Command[];
  readonly startPost: readonly Command[];
  readonly stopPost: readonly Command[];
  /** null: no limit. */
  readonly startTimeoutMs: number | null;
  /** null: no limit. */
  readonly runtimeMaxMs: number | null;
  readonly successExitStatus: ExitStatusSet;
  readonly restart: RestartSpec;
  readonly stop: StopSpec;
  readonly requires: readonly string[];
  readonly wants: readonly string[];
  readonly requisite: readonly string[];
  readonly bindsTo: readonly string[];
  readonly partOf: readonly string[];
  readonly upholds: readonly string[];
  readonly conflicts: readonly string[];
  readonly after: readonly string[];
  readonly before: readonly string[];
  readonly onFailure: readonly string[];
  readonly onSuccess: readonly string[];
  readonly logs: LogSpec;
  readonly failureAction: ExitAction;
  readonly successAction: ExitAction;
}

export const DEPENDENCY_FIELDS = [
  'requires',
  'wants',
  'requisite',
  'bindsTo',
  'partOf',
  'upholds',
  'conflicts',
  'after',
  'before',
  'onFailure',
  'onSuccess',
] as const satisfies readonly (keyof UnitSpec)[];
export type DependencyField = (typeof DEPENDENCY_FIELDS)[number];

export const UNIT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** A name as it is written where more is meant than the unit: with the ending of its file, or of a unit of systemd's. */
export function withoutEnding(name: string): string {
  return name.replace(/\.(?:ya?ml|service|target)$/, '');
}
