import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { relativeTo, shortSpan } from '../../../src/base/relative-time.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

for (const [ms, text] of [
  [-5, '0ms'],
  [850, '850ms'],
  [1999, '1s'],
  [119 * SECOND, '119s'],
  [2 * MINUTE, '2m'],
  [9 * MINUTE + 12 * SECOND, '9m12s'],
  [45 * MINUTE + 59 * SECOND, '45m'],
  [3 * HOUR + 20 * MINUTE, '3h20m'],
  [14 * HOUR + 50 * MINUTE, '14h'],
  [47 * HOUR, '47h'],
  [5 * DAY + 3 * HOUR, '5d3h'],
  [23 * DAY + 9 * HOUR, '23d'],
] as const) {
  test(`shortSpan() of ${ms} ms is ${text}`, () => assert.equal(shortSpan(ms), text));
}

test('shortSpan() has at most six characters below ten years', () => {
  fc.assert(fc.property(fc.nat({ max: 3650 * DAY }), (ms) => shortSpan(ms).length <= 6));
});

test('relativeTo() tells before, after and now apart', () => {
  assert.deepEqual(
    [0, 999, 5 * SECOND, -8 * SECOND].map((elapsed) => relativeTo(1e12, 1e12 - elapsed)),
    ['now', 'now', '5s ago', 'in 8s'],
  );
});
