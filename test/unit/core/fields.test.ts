import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { changedKeys, FIELDS, isSame } from '../../../src/core/fields.ts';
import { command, unitSpec } from './unit-spec.ts';

describe('changedKeys', () => {
  test('equal specs differ in nothing', () => {
    assert.deepEqual(changedKeys(unitSpec('web'), unitSpec('web')), []);
  });
  test('every field of a spec is looked at', () => {
    const { name, ...rest } = unitSpec('web');
    assert.equal(name, 'web');
    assert.deepEqual(Object.keys(FIELDS).sort(), Object.keys(rest).sort());
  });
  test('a change within a value counts', () => {
    const to = unitSpec('web', { stop: { timeoutMs: 1 }, command: command('/bin/other') });
    assert.deepEqual(changedKeys(unitSpec('web'), to), ['command', 'stop']);
  });
  test('the order of a list counts', () => {
    const [from, to] = [unitSpec('web', { after: ['a', 'b'] }), unitSpec('web', { after: ['b', 'a'] })];
    assert.deepEqual(changedKeys(from, to), ['after']);
  });
  test('the order of keys does not', () => {
    const from = unitSpec('web', { environment: { A: '1', B: '2' } });
    assert.deepEqual(changedKeys(from, unitSpec('web', { environment: { B: '2', A: '1' } })), []);
  });
});

describe('isSame', () => {
  for (const [a, b, same] of [
    [1, 1, true],
    [1, '1', false],
    [null, {}, false],
    [[], {}, false],
    [{ a: 1 }, { a: 1, b: undefined }, false],
    [{ a: undefined }, { b: undefined }, false],
    [[1, [2]], [1, [2]], true],
    [[1, 2], [1], false],
  ] as const) {
    test(`${JSON.stringify(a)} and ${JSON.stringify(b)}: ${same}`, () => assert.equal(isSame(a, b), same));
  }
});
