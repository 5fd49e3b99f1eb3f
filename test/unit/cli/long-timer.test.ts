import assert from 'node:assert/strict';
import { test } from 'node:test';
import { armLong } from '../../../src/cli/long-timer.ts';

const LONGEST_MS = 2 ** 31 - 1;

test('armLong: no delay that node is asked for is longer than 32 bits hold', (t) => {
  const asked: number[] = [];
  const due: (() => void)[] = [];
  const { mock } = t.mock.method(globalThis, 'setTimeout', (callback: () => void, delayMs: number) => {
    asked.push(delayMs);
    due.push(callback);
  });
  let fired = 0;
  armLong(2 * LONGEST_MS + 5, () => (fired += 1));
  for (let next = due.shift(); next !== undefined; next = due.shift()) {
    assert.equal(fired, 0);
    next();
  }
  mock.restore();
  assert.equal(fired, 1);
  assert.deepEqual(asked, [LONGEST_MS, LONGEST_MS, 5]);
});

test('armLong: fires once in its time, and never once it is closed, in whichever piece that was', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const fired: string[] = [];
  const closed = armLong(LONGEST_MS + 5, () => fired.push('closed in its first piece'));
  const late = armLong(LONGEST_MS + 5, () => fired.push('closed in its second piece'));
  armLong(0, () => fired.push('at once'));
  armLong(LONGEST_MS + 5, () => fired.push('in time'));
  closed.close();
  t.mock.timers.tick(LONGEST_MS);
  late.close();
  t.mock.timers.tick(4);
  assert.deepEqual(fired, ['at once']);
  t.mock.timers.tick(1);
  t.mock.timers.tick(LONGEST_MS);
  assert.deepEqual(fired, ['at once', 'in time']);
});
