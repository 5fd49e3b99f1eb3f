import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Output } from '../../src/core/converge.ts';
import { Backlog } from '../../src/daemon/backlog.ts';

test('Backlog: unit by unit, who has waited longest first, each in its order', () => {
  const backlog = new Backlog();
  const of = (unit: string, code: number): Output => ({ type: 'exit', unit, code });
  for (const output of [of('a', 1), of('b', 2), of('a', 3)]) backlog.add(output);
  assert.deepEqual([backlog.size, backlog.has('a'), backlog.has('c')], [2, true, false]);
  assert.deepEqual(backlog.shift(), [of('a', 1), of('a', 3)]);
  backlog.add(of('a', 4));
  assert.deepEqual([backlog.shift(), backlog.shift(), backlog.shift()], [[of('b', 2)], [of('a', 4)], []]);
});
