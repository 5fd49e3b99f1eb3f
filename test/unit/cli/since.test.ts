import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inStateSince } from '../../../src/cli/since.ts';
import { STATES } from '../../../src/model/state.ts';
import type { UnitStatus } from '../../../src/wire/v1.ts';
import { sampleUnit } from '../../support/sample-documents.ts';

test('inStateSince() is the start of what is there, the end of what is not, and nothing for a stop under way', () => {
  const [startedAt, at] = ['2026-11-22T09:00:00.000Z', '2026-11-21T09:00:00.000Z'];
  const lastExit = { code: 1, signal: null, at, cause: 'exit' } as const;
  const rows = STATES.map((state) => {
    const isThere = state === 'starting' || state === 'running' || state === 'stopping';
    const since = inStateSince(
      sampleUnit('web', { state, pid: null, startedAt: isThere ? startedAt : null, lastExit }),
    );
    return [state, since === null ? null : new Date(since).toISOString()];
  });
  assert.deepEqual(rows, [
    ['stopped', at],
    ['waiting', at],
    ['starting', startedAt],
    ['running', startedAt],
    ['stopping', null],
    ['backoff', at],
    ['completed', at],
    ['failed', at],
  ]);
});

test('inStateSince() does not count a stop from when a oneshot had completed', () => {
  const at = '2026-11-21T09:00:00.000Z';
  const of = (state: UnitStatus['state'], code: number): number | null =>
    inStateSince(
      sampleUnit('job', { type: 'oneshot', state, lastExit: { code, signal: null, at, cause: 'exit' } }),
    );
  for (const state of ['stopped', 'waiting'] as const) {
    assert.equal(of(state, 0), null);
    assert.equal(of(state, 1), Date.parse(at));
  }
  assert.equal(of('completed', 0), Date.parse(at));
});
