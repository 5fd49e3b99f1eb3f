import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownLimit, RESOURCES } from '../../../src/os/libc/limit.ts';
import { isOfInvocation, isOfRun, marked, markIn, markOf } from '../../../src/os/mark.ts';

const ID = 'c0ffee123456789abcdef0123456789a';
const MARK = { invocation: 0xc0ffee123, run: 7 };

/** As fs/proc/base.c writes it. */
function limits(locks: number | string): string {
  return [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    'Max address space         unlimited            unlimited            bytes     ',
    `Max file locks            ${String(locks).padEnd(20)} unlimited            locks     `,
    'Max pending signals       127456               127456               signals   ',
  ].join('\n');
}

test('markIn() reads a mark, and takes no other limit for one', () => {
  assert.deepEqual(markIn(limits(2 ** 52 + 0xc0ffee123 * 2 ** 16 + 7)), MARK);
  assert.deepEqual(markIn(limits(2 ** 52)), { invocation: 0, run: 0 });
  assert.deepEqual(markIn(limits(2 ** 53 - 1)), { invocation: 2 ** 36 - 1, run: 2 ** 16 - 1 });
  for (const locks of ['unlimited', 0, 100, 2 ** 52 - 1, 2 ** 53]) assert.equal(markIn(limits(locks)), null);
  assert.equal(markIn(''), null);
});

test('a mark is of one invocation, with dashes or without, and of one run', () => {
  for (const id of [ID, 'c0ffee12-3456-789a-bcde-f0123456789a']) assert.ok(isOfInvocation(MARK, id));
  for (const id of ['', 'c0ffee12', 'c0ffee124456789abcdef0123456789a', 'C0FFEE123'])
    assert.ok(!isOfInvocation(MARK, id));
  assert.ok(isOfRun(MARK, ID, 7) && isOfRun(MARK, ID, 7 + 2 ** 16));
  assert.ok(!isOfRun(MARK, ID, 8) && !isOfRun(MARK, 'c0ffee12', 7));
});

test('marked() has this process marked for the call, also where that throws, and not longer', () => {
  const before = ownLimit(RESOURCES.locks);
  const own = markOf(process.pid);
  const environment = { INVOCATION_ID: ID, UNITD_RUN: '7' };
  assert.deepEqual(
    marked(environment, () => markOf(process.pid)),
    MARK,
  );
  assert.deepEqual(ownLimit(RESOURCES.locks), before);
  const failure = new Error('no');
  assert.throws(
    () =>
      marked(environment, () => {
        throw failure;
      }),
    failure,
  );
  assert.deepEqual(ownLimit(RESOURCES.locks), before);
  for (const nobody of [{}, { INVOCATION_ID: 'of nobody' }])
    assert.deepEqual(
      marked(nobody, () => markOf(process.pid)),
      own,
    );
});

test('markOf() is null for one that is gone', () => {
  assert.equal(markOf(2 ** 22 + 1), null);
});
