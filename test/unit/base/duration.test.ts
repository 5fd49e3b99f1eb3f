import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, parseDuration } from '../../../src/base/duration.ts';

test('parseDuration() reads each unit and combinations in falling order', () => {
  assert.equal(parseDuration('250ms'), 250);
  assert.equal(parseDuration('5s'), 5_000);
  assert.equal(parseDuration('2m'), 120_000);
  assert.equal(parseDuration('1h'), 3_600_000);
  assert.equal(parseDuration('30d'), 2_592_000_000);
  assert.equal(parseDuration('1m30s'), 90_000);
  assert.equal(parseDuration('1d2h3m4s5ms'), 93_784_005);
  assert.equal(parseDuration('0s'), 0);
});

test('parseDuration() refuses bare numbers, fractions, signs, repeats, wrong order and what no number can hold', () => {
  for (const text of [
    '',
    '5',
    '1.5s',
    '-1s',
    '1s1s',
    '30s1m',
    '5 s',
    '5S',
    's',
    '1w',
    'infinity',
    '5s\n',
    '99999999999d',
  ]) {
    assert.equal(parseDuration(text), null, JSON.stringify(text));
  }
});

test('formatDuration() writes text that parseDuration() reads back exactly', () => {
  assert.equal(formatDuration(0), '0s');
  assert.equal(formatDuration(90_000), '1m30s');
  assert.equal(formatDuration(250), '250ms');
  fc.assert(fc.property(fc.maxSafeNat(), (ms) => parseDuration(formatDuration(ms)) === ms));
});
