// A unit's log as it is now and all that comes, until the caller has had enough or nothing more comes.
import type { LogEntry } from '../wire/log-entry.ts';
import { LogReader } from './reader.ts';
import type { LogQuery } from './reader.ts';
import { Watch } from './watch.ts';

export interface FollowQuery extends LogQuery {
  /** Ends the iteration, without an error. */
  readonly signal: AbortSignal;
  /** All that ever comes is in the log: ends the iteration behind it. */
  readonly last: AbortSignal;
}

/** `query.lines` and `sinceMs` say how much of what is there comes first. The log need not exist yet. */
export async function* followLog(query: FollowQuery): AsyncGenerator<LogEntry> {
  const reader = new LogReader(query);
  const watch = new Watch(query.directory, [query.signal, query.last]);
  try {
    // Watched before it is read: what comes in between is an event already.
    await watch.aim();
    for await (const entry of reader.history(false)) {
      if (query.signal.aborted) return;
      yield entry;
    }
    while (!query.signal.aborted) {
      const isLast = query.last.aborted;
      await watch.aim();
      for await (const entry of reader.news()) {
        if (query.signal.aborted) return;
        yield entry;
      }
      if (isLast) return;
      await watch.next();
    }
  } finally {
    watch.close();
    await reader.close();
  }
}
