import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatSize, parseSize } from '../../../src/base/size.ts';

test('parseSize() reads decimal and binary multiples', () => {
  assert.equal(parseSize('10MB'), 10_000_000);
  assert.equal(parseSize('10MiB'), 10_485_760);
  assert.equal(parseSize('1kB'), 1_000);
  assert.equal(parseSize('1KB'), 1_000);
  assert.equal(parseSize('2GiB'), 2_147_483_648);
  assert.equal(parseSize('7B'), 7);
});

test('parseSize() refuses bare numbers, fractions, unknown units and what no number can hold', () => {
  for (const text of ['', '10', '1.5MB', '-1MB', '10M', '10mb', '10 MB', 'MB', '99999TiB', '10MB\n']) {
    assert.equal(parseSize(text), null, JSON.stringify(text));
  }
});

test('formatSize() writes the shortest text that parseSize() reads back exactly', () => {
  assert.equal(formatSize(0), '0B');
  assert.equal(formatSize(10_000_000), '10MB');
  assert.equal(formatSize(10_485_760), '10MiB');
  assert.equal(formatSize(1_001), '1001B');
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(formatSize(bytes)) === bytes));
});
