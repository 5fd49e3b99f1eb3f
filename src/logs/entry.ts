// One line of a unit's log as readers see it, and the merge of several logs. Knows no files.

export interface LogEntry {
  /** RFC 3339 in UTC with nanoseconds; null when the log's format keeps no time. Of a long line: of its first piece. */
  readonly time: string | null;
  readonly stream: 'stdout' | 'stderr' | null;
  /** Without the newline; bytes that are not UTF-8 show as U+FFFD. */
  readonly text: string;
}

/**
 * Merges finite logs by time; each log keeps its own order, and an entry without a time follows the one before it.
 * Abandoning the iteration ends all sources.
 */
export async function* mergeByTime<T extends { readonly time: string | null }>(
  sources: readonly AsyncIterable<T>[],
): AsyncGenerator<T> {
  const heads: { iterator: AsyncIterator<T>; value: T; time: string }[] = [];
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  try {
    for (const iterator of iterators) {
      const first = await iterator.next();
      if (first.done !== true) heads.push({ iterator, value: first.value, time: first.value.time ?? '' });
    }
    for (;;) {
      const earliest = heads.reduce<(typeof heads)[number] | null>(
        (best, head) => (best === null || head.time < best.time ? head : best),
        null,
      );
      if (earliest === null) return;
      yield earliest.value;
      const next = await earliest.iterator.next();
      if (next.done === true) {
        heads.splice(heads.indexOf(earliest), 1);
      } else {
        earliest.value = next.value;
        earliest.time = next.value.time ?? earliest.time;
      }
    }
  } finally {
    for (const iterator of iterators) await iterator.return?.();
  }
}
