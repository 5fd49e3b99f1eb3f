import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrivalFrom, askingWith, HANDOVER_VARIABLE } from '../../src/daemon/handover.ts';

test('arrivalFrom: takes its variable out, and does not believe one that is for another process', () => {
  for (const [value, expected] of [
    [undefined, { kind: 'started' }],
    ['', { kind: 'started' }],
    ['take:8:3', { kind: 'started' }],
    [askingWith(5), { kind: 'asked', format: 5 }],
  ] as const) {
    const env = { PATH: '/bin', [HANDOVER_VARIABLE]: value };
    assert.deepEqual(arrivalFrom(env, 7), expected);
    assert.deepEqual(env, { PATH: '/bin' });
  }
});
