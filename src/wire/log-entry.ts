// One line of a unit's log as readers see it.

export interface LogEntry {
  /** RFC 3339 in UTC with nanoseconds; null when the log's format keeps no time. Of a long line: of its first piece. */
  readonly time: string | null;
  readonly stream: 'stdout' | 'stderr' | null;
  /** Without the newline; bytes that are not UTF-8 show as U+FFFD. */
  readonly text: string;
}
