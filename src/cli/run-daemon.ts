// What the command line hands to the daemon, which stands elsewhere: bin puts the two together.
import type { Paths } from '../base/paths.ts';

export interface DaemonRequest {
  readonly paths: Paths;
  readonly version: string;
  readonly socketGroup: string | null;
  readonly insecurePermissions: boolean;
  /** null: usage is not measured. */
  readonly usageIntervalMs: number | null;
  readonly fence: 'auto' | 'cgroup' | 'session';
  /** Nobody named the directory of the unit files: the standing one is made if it is missing. */
  readonly makesUnits: boolean;
}
export type RunDaemon = (request: DaemonRequest) => Promise<number>;
