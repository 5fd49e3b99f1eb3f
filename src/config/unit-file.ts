// A unit file as the schema leaves it once defaults are filled in: what compile reads and effective writes.
// Types only; test/unit/config/schema.test.ts holds them against the schema.
import type {
  DependencyField,
  ExitAction,
  KillMode,
  LimitName,
  LogFormat,
  RestartPolicy,
  UnitType,
} from '../model/unit.ts';

export type CommandText = string | readonly string[];
export type ExitStatusText = readonly (number | string)[];
export type LimitText = number | string;
export type AccountText = number | string;

export interface RestartFile {
  readonly policy: RestartPolicy;
  readonly delay: string;
  readonly factor: number;
  readonly maxDelay: string;
  readonly jitter: number;
  readonly resetAfter: string;
  readonly limit: number;
  readonly interval: string;
  readonly preventExitStatus: ExitStatusText;
  readonly forceExitStatus: ExitStatusText;
}

export interface StopFile {
  readonly signal: string;
  readonly timeout: string;
  readonly killMode: KillMode;
  readonly finalSignal: string;
  readonly command?: CommandText;
}

export interface LogFile {
  readonly format: LogFormat;
  readonly maxSize: string;
  readonly maxFiles: number;
  readonly maxAge: string;
  readonly compress: boolean;
}

export interface ResourceFile {
  readonly memoryMax?: string;
  readonly memoryHigh?: string;
  readonly cpuMax?: string;
  readonly cpuWeight?: number;
  readonly tasksMax?: number;
  readonly ioWeight?: number;
}

export interface UnitFile extends Readonly<Record<DependencyField, readonly string[]>> {
  readonly description: string;
  readonly documentation: readonly string[];
  readonly type: UnitType;
  readonly enabled: boolean;
  readonly command?: CommandText;
  readonly pidFile?: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly environmentFiles: readonly string[];
  readonly workingDirectory?: string;
  readonly user?: AccountText;
  readonly group?: AccountText;
  readonly supplementaryGroups?: readonly AccountText[];
  readonly umask?: string;
  readonly limits: Readonly<Partial<Record<LimitName, LimitText>>>;
  readonly resources: ResourceFile;
  readonly nice?: number;
  readonly oomScoreAdjust?: number;
  readonly noNewPrivileges: boolean;
  readonly startPre: readonly CommandText[];
  readonly startPost: readonly CommandText[];
  readonly stopPost: readonly CommandText[];
  readonly startTimeout: string;
  readonly runtimeMax: string;
  readonly successExitStatus: ExitStatusText;
  readonly restart: RestartFile;
  readonly stop: StopFile;
  readonly logs: LogFile;
  readonly failureAction: ExitAction;
  readonly successAction: ExitAction;
}
