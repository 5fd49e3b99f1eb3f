// The four directories of a daemon.

export interface DaemonPaths {
  /** Of the unit files. */
  readonly units: string;
  /** Socket, pipes, lock: gone after a reboot. */
  readonly runtime: string;
  readonly state: string;
  readonly logs: string;
}
