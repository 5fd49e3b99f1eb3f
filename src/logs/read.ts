// A unit's log as it is now.
import type { LogEntry } from '../wire/log-entry.ts';
import { LogReader } from './reader.ts';
import type { LogQuery } from './reader.ts';

/**
 * Throws, as node:fs does, when the directory or `current` cannot be read; one that is not there is an empty log. Of a
 * rotated file that cannot be read, an entry that says so stands for what is missing.
 */
export async function* readLog(query: LogQuery): AsyncGenerator<LogEntry> {
  const reader = new LogReader(query);
  try {
    yield* reader.history(true);
  } finally {
    await reader.close();
  }
}
