import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inTime } from '../../src/daemon/in-time.ts';
import { createFakeClock } from '../support/fakes/clock.ts';

const never = new Promise<string>(() => undefined);

test('inTime: what is done in time is given, and leaves no timer', async () => {
  const clock = createFakeClock();
  const byMs = clock.monotonicMs() + 1;
  assert.equal(await inTime(Promise.resolve('done'), byMs, clock), 'done');
  await assert.rejects(inTime(Promise.reject(new Error('broken')), byMs, clock), /^Error: broken$/);
  assert.equal(clock.armedCount, 0);
});

test('inTime: null at the deadline, and what becomes of the work then is nobody’s', async () => {
  const clock = createFakeClock();
  let fail = (_error: Error): void => undefined;
  const late = new Promise<string>((_resolve, reject) => (fail = reject));
  const waited = inTime(late, clock.monotonicMs() + 1, clock);
  clock.advance(1);
  assert.equal(await waited, null);
  fail(new Error('late'));
  assert.equal(clock.armedCount, 0);
});

test('inTime: without a deadline nothing is armed', async () => {
  const clock = createFakeClock();
  void inTime(never, null, clock);
  assert.equal(clock.armedCount, 0);
  assert.equal(await inTime(Promise.resolve('done'), null, clock), 'done');
});
