// A unit's log as it is now. An entry that says so stands for what cannot be read of it.
import type { LogEntry } from '../wire/log-entry.ts';
import { LogReader } from './reader.ts';
import type { LogQuery } from './reader.ts';

/** A directory that is not there is an empty log. */
export async function* readLog(query: LogQuery): AsyncGenerator<LogEntry> {
  const reader = new LogReader(query);
  try {
    yield* reader.history(true);
  } finally {
    await reader.close();
  }
}
