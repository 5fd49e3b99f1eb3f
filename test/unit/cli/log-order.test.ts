import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { inOrder, liveOrder, readMark } from '../../../src/cli/log-order.ts';
import type { LogLine } from '../../../src/wire/v1.ts';

function line(unit: string, second: number | null, text = ''): LogLine {
  const time = second === null ? null : `2026-11-22T10:00:${String(second).padStart(2, '0')}.000000000Z`;
  return { unit, time, stream: 'stdout', text };
}

test('inOrder() merges units by time and keeps the order within one moment', () => {
  const lines = [line('a', 1), line('a', 3, 'x'), line('b', 2), line('b', 3, 'y'), line('b', 4)];
  assert.deepEqual(inOrder(lines), [
    line('a', 1),
    line('b', 2),
    line('a', 3, 'x'),
    line('b', 3, 'y'),
    line('b', 4),
  ]);
});

test('inOrder() keeps a line without a time behind the line before it', () => {
  const lines = [line('a', 1), line('a', null, 'second half'), line('b', 2)];
  assert.deepEqual(inOrder(lines), lines);
});

test('liveOrder() holds the lines of a log that is read fast back until the others have come as far, or are silent', () => {
  const order = liveOrder(50);
  const seconds = (nowMs: number): readonly unknown[] =>
    order.due(nowMs).map(({ time }) => time?.slice(17, 19));
  for (const second of [1, 4, 7]) order.take(line('fast', second), 0);
  order.take(line('slow', 2), 0);
  assert.deepEqual(seconds(10), ['01', '02']);
  order.take(line('slow', 5), 40);
  assert.deepEqual(seconds(45), ['04', '05'], 'fast has said no more, and may still');
  order.take(line('slow', 6), 60);
  assert.deepEqual([seconds(109), order.isEmpty()], [['06'], false]);
  assert.deepEqual([seconds(110), order.isEmpty()], [['07'], true]);
});

test('liveOrder() lets nobody wait for a log whose lines have no time', () => {
  const order = liveOrder(50);
  order.take(line('timed', 1), 0);
  order.take(line('raw', null), 0);
  assert.equal(order.due(1).length, 2);
});

test('readMark() lets every line through once, wherever the log was cut and read again', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 5 }), { maxLength: 20 }),
      fc.array(fc.nat({ max: 20 }), { maxLength: 3 }),
      (steps, cuts) => {
        let second = 0;
        const log = steps.map((step, at) => line('a', (second += step % 2), String(at)));
        const mark = readMark();
        const seen: LogLine[] = [];
        for (const cut of [...cuts, log.length]) {
          const from = mark.time();
          // What a daemon answers to "since": everything of that moment, too.
          const again = log.filter(({ time }) => from === null || (time ?? '') >= from);
          const upTo = Math.max(cut, seen.length);
          seen.push(
            ...again.filter((entry) => log.indexOf(entry) < upTo).filter((entry) => mark.isNew(entry)),
          );
          mark.reopened();
        }
        assert.deepEqual(seen, log);
      },
    ),
  );
});

test('readMark() drops what is older in the millisecond of the last line after the log was opened again', () => {
  const at = (nanos: string): LogLine => ({ ...line('a', 1), time: `2026-11-22T10:00:01.000${nanos}Z` });
  const mark = readMark();
  assert.equal(mark.isNew(at('000001')), true);
  assert.equal(mark.isNew(at('000002')), true);
  mark.reopened();
  assert.deepEqual(
    [at('000001'), at('000002'), at('000002'), at('000003')].map((entry) => mark.isNew(entry)),
    [false, false, true, true],
  );
});

test('readMark() lets through what comes after the clock was set back, opened again or not', () => {
  for (const isCut of [false, true]) {
    const mark = readMark(isCut);
    assert.equal(mark.isNew(line('a', 9)), true);
    assert.equal(mark.isNew(line('a', 3)), true);
    mark.reopened();
    assert.deepEqual(
      [line('a', 9), line('a', 4), line('a', 5), line('a', 10)].map((entry) => mark.isNew(entry)),
      [false, true, true, true],
    );
  }
});

test('readMark(): of a moment whose last lines alone were asked for, none comes once more', () => {
  const burst = ['1', '2', '3', '4'].map((text) => line('a', 1, text));
  const mark = readMark(true);
  assert.deepEqual(
    burst.slice(-2).map((entry) => mark.isNew(entry)),
    [true, true],
  );
  mark.reopened();
  mark.reopened();
  assert.deepEqual(
    [...burst, line('a', 2, '5'), line('a', 2, '6')].map((entry) => mark.isNew(entry)),
    [false, false, false, false, true, true],
  );
  mark.reopened();
  assert.deepEqual(
    [line('a', 2, '5'), line('a', 2, '6'), line('a', 2, '7')].map((entry) => mark.isNew(entry)),
    [false, false, true],
  );
});
