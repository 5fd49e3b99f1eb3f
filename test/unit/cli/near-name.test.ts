import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearNames } from '../../../src/cli/near-name.ts';

for (const [name, candidates, near] of [
  ['wbe', ['db', 'web'], ['web']],
  ['WEB', ['db', 'web'], ['web']],
  ['wab', ['db', 'web'], ['web']],
  ['all', ['fail', 'web'], []],
  ['HUP', ['dep', 'web'], []],
  ['db', ['dbx', 'xy'], ['dbx']],
  ['x', ['y'], []],
  ['worker-eu', ['worker-us-1', 'worker-eu-1', 'worker-eu-2'], ['worker-eu-1', 'worker-eu-2']],
  ['paymetns-api', ['payments-api', 'payment'], ['payments-api']],
] as const) {
  test(`nearNames() of "${name}" among ${candidates.join(', ')}: ${near.join(', ') || 'none'}`, () =>
    assert.deepEqual(nearNames(name, candidates), near));
}
