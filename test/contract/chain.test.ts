// A tree of which one process at a time is there, each for a moment: by whatever way it is looked at, it is not empty.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createTreeFinder } from '../../src/os/tree.ts';
import { child, openChannel } from '../support/child.ts';
import { spawnRequest } from '../support/spawn-request.ts';
import { createRealProcesses } from './real-processes.ts';

const LINKS = 150;

const { start } = createRealProcesses();

for (const [way, sinceTicks] of [
  ['from above', 0],
  ['among all processes', undefined],
] as const) {
  test(`${way}: no look misses a link that forks the next and ends meanwhile`, async (t) => {
    const channel = openChannel(t);
    const { tree } = start(t, spawnRequest({ argv: [child.chain, channel.path, String(LINKS)] }));
    await channel.next('first');
    const finder = createTreeFinder(() => false, sinceTicks);
    let isOver = false;
    const last = channel.next('last').then(() => (isOver = true));
    while (!isOver) {
      finder.refresh();
      const members = finder.members(tree);
      assert.ok(members.length > 0 || finder.isUnsure());
      await setImmediate();
    }
    await last;
  });
}
