// The last entries of a log: which they are, and how much of it is read before the first is given.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastEntries } from '../../../src/logs/last-entries.ts';
import type { LogEntry } from '../../../src/wire/log-entry.ts';
import { collected } from '../../fixtures/log-setup.ts';

/** Entries 1 to `count`, and how many of them have been asked for. */
function numbered(count: number): { asked: number; read: () => AsyncGenerator<LogEntry> } {
  const source = {
    asked: 0,
    async *read(): AsyncGenerator<LogEntry> {
      for (let number = 1; number <= count; number += 1) {
        source.asked = number;
        yield await Promise.resolve({ time: null, stream: null, text: String(number) });
      }
    },
  };
  return source;
}

async function lastOf(there: number, count: number): Promise<number[]> {
  const { read } = numbered(there);
  return (await collected(lastEntries(read(), count, read))).map(({ text }) => Number(text));
}

for (const [there, count] of [
  [5000, 0],
  [5000, 7],
  [5, 7],
  [10_000, 10_000],
  [20_000, 10_001],
  [10_001, 10_001],
  [9000, 20_000],
] as const) {
  test(`lastEntries: ${count} of ${there}`, async () => {
    const from = Math.max(0, there - count);
    const expected = Array.from({ length: there - from }, (_, index) => from + index + 1);
    assert.deepEqual(await lastOf(there, count), expected);
  });
}

test('lastEntries: of a great many none is held until all are read', async () => {
  const source = numbered(30_000);
  for await (const { text } of lastEntries(source.read(), 20_000, numbered(30_000).read)) {
    assert.deepEqual([text, source.asked], ['10001', 10_001]);
    break;
  }
});
