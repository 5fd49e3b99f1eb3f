// Whether an operation went well, by how its units fared.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judged } from '../../src/daemon/operation-answer.ts';
import type { State } from '../../src/model/state.ts';
import type { MovedUnit } from '../../src/wire/v1.ts';

function row(outcome: MovedUnit['outcome'], state: State = 'running'): MovedUnit {
  return { name: 'web', state, ready: false, outcome, reason: '' };
}

const NOBODY = { excused: [], stranded: [] };
const EXCUSED = { excused: ['web'], stranded: [] };
const STRANDED = { excused: [], stranded: ['web'] };

for (const [what, moved, waited, wait, outcome, ok] of [
  ['one that is done', row('done'), NOBODY, true, 'done', true],
  ['one that was there', row('unchanged'), NOBODY, true, 'unchanged', true],
  ['one that has failed', row('failed'), NOBODY, true, 'failed', false],
  ['one that was waited for in vain', row('pending'), NOBODY, true, 'pending', false],
  ['one that nobody waited for', row('pending'), NOBODY, false, 'pending', true],
  ['one that was failing before', row('failed'), EXCUSED, true, 'excused', true],
  ['one that was failing before, and is there now', row('done'), EXCUSED, true, 'done', true],
  ['one that was failing before, and comes yet', row('pending'), EXCUSED, true, 'excused', true],
  ['one that was failing before, unwatched', row('pending'), EXCUSED, false, 'pending', true],
  ['one that waits as before', row('failed', 'waiting'), STRANDED, true, 'excused', true],
  ['one that waited before and has failed', row('failed', 'failed'), STRANDED, true, 'failed', false],
  ['one of an earlier version’s operation', row('failed'), { excused: [] }, true, 'failed', false],
] as const) {
  test(`judged: ${what} is ${outcome}, which is ${ok ? 'good' : 'not'}`, () => {
    assert.deepEqual(judged([moved], waited, wait), { ok, units: [{ ...moved, outcome }] });
  });
}

test('judged: one bad unit is enough', () => {
  assert.equal(judged([row('done'), row('failed'), row('done')], NOBODY, true).ok, false);
  assert.equal(judged([], NOBODY, true).ok, true);
});
