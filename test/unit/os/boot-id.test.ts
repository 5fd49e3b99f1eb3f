import assert from 'node:assert/strict';
import { test } from 'node:test';
import { currentBootId, isSameBoot } from '../../../src/os/boot-id.ts';
import { refuseOpens } from '../../support/refused-opens.ts';

test('isSameBoot() compares the start of process 1 where both sides know it', () => {
  for (const [one, other, isSame] of [
    ['a', 'a', true],
    ['a', 'b', false],
    ['a 7', 'a 7', true],
    ['a 7', 'a 8', false],
    ['a 7', 'b 7', false],
    ['a', 'a 7', true],
    ['a', 'b 7', false],
  ] as const) {
    assert.equal(isSameBoot(one, other), isSame, `${one} and ${other}`);
    assert.equal(isSameBoot(other, one), isSame, `${other} and ${one}`);
  }
});

test('currentBootId() is of the same boot whether process 1 is to be seen or not', (t) => {
  const seen = currentBootId();
  refuseOpens(t, /^\/proc\/1\/stat$/, 'ENOENT');
  const blind = currentBootId();
  assert.notEqual(blind, seen);
  assert.equal(isSameBoot(seen, blind), true);
});
