// The exit codes of every verb, as the manual lists them.

export const EXIT = {
  done: 0,
  /** The operation failed, or a unit did not come up. */
  failed: 1,
  /** plan: there are changes. */
  changes: 2,
  /** status: some wanted unit is neither up nor completed; wait: one is not where it should be. */
  notUp: 3,
  noSuchUnit: 4,
  usage: 64,
  unreachable: 69,
  notPermitted: 77,
  invalidFiles: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
