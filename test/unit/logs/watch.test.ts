// Watch: a change that comes while it is aimed is told.
import assert from 'node:assert/strict';
import fs, { mkdirSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Watch } from '../../../src/logs/watch.ts';
import { temporaryDirectory } from '../../fixtures/log-setup.ts';
import { cleanUp } from '../../support/cleanup.ts';

test('Watch: a directory that is made between the look for it and the answer is told', async (t) => {
  const above = temporaryDirectory(t);
  const directory = join(above, 'log');
  const watch = new Watch(directory, []);
  cleanUp(t, () => watch.close());
  const { stat } = fs.promises;
  let looks = 0;
  const looking = t.mock.method(fs.promises, 'stat', async (path: string) => {
    const looked = await stat(path).catch((error: unknown) => error);
    if (path === directory) looks += 1;
    // The second look comes when the one above is watched.
    if (path === directory && looks === 2) {
      const other = fs.watch(above);
      const told = new Promise((resolve) => other.once('change', resolve));
      mkdirSync(directory);
      await told;
      other.close();
    }
    if (looked instanceof Error) throw looked;
    return looked;
  });
  cleanUp(t, () => {
    looking.mock.restore();
    syncBuiltinESMExports();
  });
  syncBuiltinESMExports();
  await watch.aim();
  assert.equal(looks, 2);
  const told = watch.next().then(() => 'told');
  assert.equal(await Promise.race([told, nextTurn('silence')]), 'told');
});
