import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inStateSince } from '../../../src/cli/since.ts';
import { STATES } from '../../../src/model/state.ts';
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
