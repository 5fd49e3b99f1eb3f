// One line of a unit's log as readers see it.

export interface LogEntry {
  /** RFC 3339 with nanoseconds as captured; null for a `raw` log, which keeps no times. */
  readonly time: string | null;
  readonly stream: 'stdout' | 'stderr' | null;
  readonly text: string;
}
