// The trial of a version, and what is wished for while a daemon is replaced.
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ending } from '../../src/daemon/ending.ts';
import { arrivalFrom, askingWith, HANDOVER_FORMAT, HANDOVER_VARIABLE } from '../../src/daemon/handover.ts';
import { obstacleTo, tryProgram, type Trial } from '../../src/daemon/reexec.ts';
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

test('arrivalFrom: takes its variable out, and does not believe one that is for another process', () => {
  for (const [value, expected] of [
    [undefined, { kind: 'started' }],
    ['', { kind: 'started' }],
    ['take:8:3', { kind: 'started' }],
    [askingWith(5), { kind: 'asked', format: 5 }],
  ] as const) {
    const env = { PATH: '/bin', [HANDOVER_VARIABLE]: value };
    assert.deepEqual(arrivalFrom(env, 7), expected);
    assert.deepEqual(env, { PATH: '/bin' });
  }
});

test('obstacleTo: another format, no journal, are obstacles', (t) => {
  const runtime = mkdtempSync(join(tmpdir(), 'unitd-'));
  cleanUp(t, () => rmSync(runtime, { recursive: true }));
  const paths = { runtime, units: '/units', state: '/state', logs: '/logs' };
  assert.match(
    obstacleTo(HANDOVER_FORMAT + 1, paths, 'boot') ?? '',
    /^it takes over in format 1, .* format 2$/,
  );
  assert.equal(obstacleTo(HANDOVER_FORMAT, paths, 'boot'), 'it cannot read the journal of the daemon');
});

test('Ending: the first wish counts; what comes during a replacement is left to the next version', async () => {
  const stopped = new Ending();
  stopped.end(3);
  stopped.end(0);
  stopped.replace('2');
  assert.deepEqual(await stopped.ended, { kind: 'end', code: 3 });
  const replaced = new Ending();
  assert.equal(replaced.first, null);
  replaced.replace('2');
  assert.deepEqual(replaced.wishes, { end: null, reload: false, hurry: false });
  replaced.reloadLater();
  replaced.end(4);
  replaced.end(5);
  replaced.hurry();
  assert.deepEqual(await replaced.ended, { kind: 'replace', version: '2' });
  assert.deepEqual(replaced.wishes, { end: 4, reload: true, hurry: true });
});
