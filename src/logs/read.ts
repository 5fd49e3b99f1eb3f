// A unit's log as it is now.
import type { LogEntry } from '../wire/log-entry.ts';
import { LogReader } from './reader.ts';
import type { LogQuery } from './reader.ts';

/** Throws, as node:fs does, when the directory or a file cannot be read; one that is not there is an empty log. */
export async function* readLog(query: LogQuery): AsyncGenerator<LogEntry> {
  const reader = new LogReader(query);
  try {
    yield* reader.history(true);
  } finally {
    await reader.close();
  }
}
