import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { whenSettled } from '../../../src/os/settled.ts';
import { temporaryDirectory } from '../../support/child.ts';

test('whenSettled() reads a directory in which somebody is at work for ever as it is after two seconds', async (t) => {
  const directory = temporaryDirectory(t);
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  let reads = 0;
  const found = await whenSettled(directory, async () => {
    reads += 1;
    // As one of thousands of files.
    nowMs += 900;
    writeFileSync(join(directory, `${reads}.yaml`), '');
    return await Promise.resolve(reads);
  });
  // The third ends after two seconds, and the last is taken whatever comes meanwhile.
  assert.deepEqual([found, reads], [4, 4]);
});
