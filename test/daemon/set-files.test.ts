// lastForms: which form of each unit is the last good one, of two that were written down.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastForms } from '../../src/daemon/set-files.ts';
import type { GoodFile } from '../../src/daemon/store.ts';
import { record } from './unit-record.ts';

const form = (name: string, text: string): GoodFile => ({ name, file: `/units/${name}.yaml`, text });

const STORED = [form('web', 'stored'), form('db', 'stored'), form('leaving', 'stored')];

test('lastForms: without a daemon before this one in this boot, those of the last good set', () => {
  assert.deepEqual(lastForms(null, STORED), STORED);
});

test('lastForms: what ran is newer, what it did not know stands, and what was on its way out does not come back', () => {
  const left = {
    units: new Map([
      ['web', record()],
      ['leaving', record({ removed: true })],
    ]),
    spawned: new Map(),
    files: [form('web', 'ran'), form('leaving', 'ran')],
  };
  assert.deepEqual(lastForms(left, STORED), [form('db', 'stored'), form('web', 'ran')]);
});
