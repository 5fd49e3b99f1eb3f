// The trial of a version by programs of the test's: whose word counts, and what is said of the others.
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { HANDOVER_FORMAT, HANDOVER_VARIABLE } from '../../src/daemon/handover.ts';
import { tryProgram, type Trial } from '../../src/daemon/trial.ts';
import { cleanUp } from '../support/cleanup.ts';

const tried = async (script: string, patienceMs = 60_000): Promise<Trial> =>
  await tryProgram({ program: '/bin/sh', words: ['-c', script], environment: process.env, patienceMs });

test('tryProgram: one that says nothing in time is killed, whatever holds its output, and refused', async () => {
  assert.deepEqual(await tried('sleep 60 & sleep 60', 100), {
    ok: false,
    reason: 'it said nothing within 0.1s',
  });
});

test('tryProgram: its word counts if it ends well; otherwise its last complaint', async () => {
  assert.deepEqual(await tried(`echo '{"ok":true,"version":"9.0.0"}'`), { ok: true, version: '9.0.0' });
  assert.deepEqual(await tried(`echo '{"ok":false,"reason":"no"}'`), { ok: false, reason: 'no' });
  assert.deepEqual(await tried(`echo '{"ok":true,"version":"9.0.0"}'; exit 3`), {
    ok: false,
    reason: 'it ended with code 3',
  });
  assert.deepEqual(await tried(`echo '{"level":"error","message":"a \\"b\\""}' >&2; exit 3`), {
    ok: false,
    reason: 'it ended with code 3: a "b"',
  });
  for (const answer of ['', '1', '{}', '{"ok":1}', '{"ok":true}', 'hello']) {
    assert.deepEqual(
      await tried(`echo '${answer}'`),
      { ok: false, reason: 'it did not say whether it can' },
      answer,
    );
  }
});

test('tryProgram: a program that cannot be run is refused, whether node says so at once or later', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'unitd-'));
  cleanUp(t, () => rmSync(directory, { recursive: true }));
  const program = join(directory, 'program');
  const run = async (): Promise<Trial> =>
    await tryProgram({ program, words: [], environment: process.env, patienceMs: 60_000 });
  const refused = (why: string): Trial => ({
    ok: false,
    reason: `cannot run "${program}": spawn ${why}`,
  });
  assert.deepEqual(await run(), refused(`${program} ENOENT`));
  const fd = openSync(program, 'w', 0o755);
  try {
    assert.deepEqual(await run(), refused('ETXTBSY'));
  } finally {
    closeSync(fd);
  }
});

test('tryProgram: one that says very much is not kept', async () => {
  assert.equal((await tried('head -c 10000000 /dev/zero; head -c 10000000 /dev/zero >&2')).ok, false);
});

test('tryProgram: asks with the format of this version, in the environment alone', async () => {
  const trial = await tried(`echo "{\\"ok\\":true,\\"version\\":\\"$${HANDOVER_VARIABLE}\\"}"`);
  assert.deepEqual(trial, { ok: true, version: `ask:${HANDOVER_FORMAT}` });
  assert.equal(process.env[HANDOVER_VARIABLE], undefined);
});
