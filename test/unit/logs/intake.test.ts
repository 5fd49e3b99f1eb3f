import assert from 'node:assert/strict';
import { fstatSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Intake } from '../../../src/logs/intake.ts';
import { Spool } from '../../../src/logs/spool.ts';
import type { StreamIndex } from '../../../src/logs/stream-name.ts';
import type { Readiness } from '../../../src/os/ports.ts';
import { pipes, temporaryDirectory } from '../../fixtures/log-setup.ts';
import { cleanUp } from '../../support/cleanup.ts';
import { createFakeClock } from '../../support/fakes/clock.ts';

/** Says of none that it can be read. */
function quietReadiness(mayWatch: number): Readiness & { readonly watched: Set<number> } {
  const watched = new Set<number>();
  return {
    watched,
    watch: (fd) => {
      if (watched.size === mayWatch) throw new Error('no more can be watched');
      watched.add(fd);
      return { arm: () => {}, close: () => void watched.delete(fd) };
    },
    close: () => {},
  };
}

function createSpool(path: string): Spool {
  return new Spool({ path, bootId: 'this boot', clock: createFakeClock(), onFault: assert.fail });
}

test('Intake: when it cannot be made, both descriptors are closed and none is watched', (t) => {
  const directory = temporaryDirectory(t);
  const { stdoutFd, stderrFd } = pipes(t, directory);
  const readiness = quietReadiness(1);
  const make = (): Intake =>
    new Intake({
      fds: [stdoutFd, stderrFd],
      readiness,
      spool: createSpool(join(directory, 'spool')),
      onChunk: () => true,
      onFault: assert.fail,
    });
  assert.throws(make, /^Error: no more can be watched$/);
  assert.deepEqual([...readiness.watched], []);
  for (const fd of [stdoutFd, stderrFd]) assert.throws(() => fstatSync(fd), { code: 'EBADF' });
});

test('Intake: what the pipes hold is drained stdout first, waiting where that is asked for, or secured in one go', async (t) => {
  const directory = temporaryDirectory(t);
  const { stdoutFd, stderrFd } = pipes(t, directory);
  const spool = createSpool(join(directory, 'spool'));
  cleanUp(t, () => spool.close());
  const chunks: (readonly [StreamIndex, string])[] = [];
  let waited = 0;
  const intake = new Intake({
    fds: [stdoutFd, stderrFd],
    readiness: quietReadiness(2),
    spool,
    onChunk: (stream, chunk) => {
      chunks.push([stream, chunk.toString()]);
      return false;
    },
    onFault: assert.fail,
  });
  cleanUp(t, () => intake.close());
  writeSync(stderrFd, 'oops');
  writeSync(stdoutFd, 'said');
  assert.deepEqual(intake.unread(), [4, 4]);
  await intake.drain(async () => void (waited += 1));
  assert.deepEqual(chunks.splice(0), [
    [0, 'said'],
    [1, 'oops'],
  ]);
  assert.equal(waited, 2);
  assert.deepEqual(intake.unread(), [0, 0]);
  writeSync(stdoutFd, 'last');
  intake.secure();
  assert.deepEqual(chunks, [[0, 'last']]);
  assert.equal(waited, 2);
  assert.deepEqual(spool.taken, [8, 4]);
});
