import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownLimit, RESOURCES } from '../../../src/os/libc/limit.ts';
import { marked, markIn, markOf, markOfProcess } from '../../../src/os/mark.ts';

const ID = 'c0ffee123456789abcdef0123456789a';
const MARK = 2 ** 52 + 0xc0ffee123456;

/** As fs/proc/base.c writes it. */
function limits(locks: string): string {
  return [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    'Max address space         unlimited            unlimited            bytes     ',
    `Max file locks            ${locks.padEnd(20)} unlimited            locks     `,
    'Max pending signals       127456               127456               signals   ',
  ].join('\n');
}

test('markOf() is of the id, with dashes and without; null for what is no id', () => {
  assert.equal(markOf(ID), MARK);
  assert.equal(markOf('c0ffee12-3456-789a-bcde-f0123456789a'), MARK);
  assert.equal(markOf('000000000000'), 2 ** 52);
  for (const id of ['', 'c0ffee12345', 'run 1 of some unit', 'C0FFEE123456']) assert.equal(markOf(id), null);
});

test('markIn() reads a mark, and takes no other limit for one', () => {
  assert.equal(markIn(limits(String(MARK))), MARK);
  for (const locks of ['unlimited', '0', '100', String(2 ** 52 - 1), String(2 ** 53)])
    assert.equal(markIn(limits(locks)), null, locks);
  assert.equal(markIn(''), null);
});

test('marked() has this process marked for the call, also where that throws, and not longer', () => {
  const before = ownLimit(RESOURCES.locks);
  assert.equal(
    marked(ID, () => markOfProcess(process.pid)),
    MARK,
  );
  assert.deepEqual(ownLimit(RESOURCES.locks), before);
  const failure = new Error('no');
  assert.throws(
    () =>
      marked(ID, () => {
        throw failure;
      }),
    failure,
  );
  assert.deepEqual(ownLimit(RESOURCES.locks), before);
  assert.equal(
    marked('of nobody', () => markOfProcess(process.pid)),
    markOfProcess(process.pid),
  );
});

test('markOfProcess() is null for one that is gone', () => {
  assert.equal(markOfProcess(2 ** 22 + 1), null);
});
