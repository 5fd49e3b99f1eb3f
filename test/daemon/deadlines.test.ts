import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadlines } from '../../src/daemon/deadlines.ts';
import { createFakeClock } from '../support/fakes/clock.ts';

test('Deadlines: one a unit, which the next replaces; none is left after close()', () => {
  const clock = createFakeClock();
  const passed: (readonly [string, number])[] = [];
  const deadlines = new Deadlines(clock, (name, deadline) => passed.push([name, deadline]));
  const at = (afterMs: number): number => clock.monotonicMs() + afterMs;
  const [soon, later, last] = [at(10), at(20), at(30)];
  deadlines.set('a', soon);
  deadlines.set('b', soon);
  deadlines.set('b', soon);
  deadlines.set('c', soon);
  assert.equal(clock.armedCount, 3);
  deadlines.set('b', later);
  deadlines.set('c', null);
  assert.equal(clock.armedCount, 2);
  clock.advance(20);
  assert.deepEqual(passed, [
    ['a', soon],
    ['b', later],
  ]);
  // What has passed may be set again.
  deadlines.set('a', last);
  assert.equal(clock.armedCount, 1);
  deadlines.close();
  assert.equal(clock.armedCount, 0);
});
