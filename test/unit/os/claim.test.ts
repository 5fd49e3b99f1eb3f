import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { claimDirectory } from '../../../src/os/claim.ts';
import { temporaryDirectory } from '../../support/child.ts';

/** The pid of a process that has the directory locked until the test ends. */
async function lockedBy(t: TestContext, directory: string, uid?: number): Promise<number> {
  const holder = spawn('flock', [directory, 'sh', '-c', 'echo; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(uid === undefined ? {} : { uid }),
  });
  const ended = once(holder, 'exit');
  t.after(async () => {
    holder.stdin.end();
    await ended;
  });
  await once(holder.stdout, 'data');
  assert(holder.pid !== undefined);
  return holder.pid;
}

test('claimDirectory() is refused where somebody else has it, names him, and gets it when he has let go', async (t) => {
  const directory = temporaryDirectory(t);
  await t.test('while it is locked', async (inner) => {
    const holderPid = await lockedBy(inner, directory);
    assert.deepEqual(claimDirectory(directory, []), { ok: false, holderPid });
  });
  const claim = claimDirectory(directory, []);
  assert(claim.ok && claim.fd !== null);
  const again = claimDirectory(directory, [claim.fd]);
  assert(again.ok && again.fd !== null, 'the same directory is claimed already');
  closeSync(claim.fd);
  closeSync(again.fd);
});

test(
  'claimDirectory() passes over the lock of an ordinary user, who could not run a daemon here',
  { skip: process.geteuid?.() !== 0 && 'needs root' },
  async (t) => {
    const directory = temporaryDirectory(t);
    chmodSync(directory, 0o755);
    await lockedBy(t, directory, 65_534);
    assert.deepEqual(claimDirectory(directory, []), { ok: true, fd: null });
  },
);

test('claimDirectory() of one that is not there leaves it to whoever writes there to say so', (t) => {
  assert.deepEqual(claimDirectory(`${temporaryDirectory(t)}/none`, []), { ok: true, fd: null });
});
