// The last entries of a log, in their order. Does no I/O.
import type { LogEntry } from '../wire/log-entry.ts';

/** More are counted before they are read: held, millions of them would cost the daemon its life. */
const MOST_HELD = 10_000;

/** `again`: the same entries, from the first on, for whom they are too many to be held. */
export async function* lastEntries(
  entries: AsyncIterable<LogEntry>,
  count: number,
  again: () => AsyncIterable<LogEntry>,
): AsyncGenerator<LogEntry> {
  if (count > MOST_HELD) {
    yield* withoutFirst(entries, (await countOf(again())) - count);
    return;
  }
  let last: LogEntry[] = [];
  for await (const entry of entries) {
    last.push(entry);
    if (last.length >= 2 * count + 1000) last = count === 0 ? [] : last.slice(-count);
  }
  if (count > 0) yield* last.slice(-count);
}

async function countOf(entries: AsyncIterable<LogEntry>): Promise<number> {
  const iterator = entries[Symbol.asyncIterator]();
  let count = 0;
  while ((await iterator.next()).done !== true) count += 1;
  return count;
}

async function* withoutFirst(entries: AsyncIterable<LogEntry>, count: number): AsyncGenerator<LogEntry> {
  let passed = 0;
  for await (const entry of entries) {
    passed += 1;
    if (passed > count) yield entry;
  }
}
