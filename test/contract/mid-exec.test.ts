// In the middle of execve(2) a process shows the kernel's readers nothing but its mark: without one it is nobody's then,
// and never surely so.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test, type TestContext } from 'node:test';
import { RUN_VARIABLE } from '../../src/os/ports.ts';
import { createTreeFinder } from '../../src/os/tree.ts';
import { child, openChannel, type Channel } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { spawnRequest } from '../support/spawn-request.ts';
import { createRealProcesses } from './real-processes.ts';

/** So often it is met in the middle; each time the exec may end as it is looked at. */
const MEETINGS = 100;
/** It is in the middle at one look in six. */
const LOOKS = 50;
const RUN = 7;

const { processes, start, ended } = createRealProcesses();

/** Its pid, once it execs without end: that does not change, so it is ended by that. */
async function untilAgain(t: TestContext, channel: Channel): Promise<number> {
  const { pid } = await channel.next('again');
  cleanUp(t, () => void process.kill(pid, 'SIGKILL'));
  return pid;
}

test('a marked orphan that execs without end is a member, surely', async (t) => {
  const channel = openChannel(t);
  const { process: main, tree } = start(t, spawnRequest({ argv: [child.execAgain, channel.path] }));
  const pid = await untilAgain(t, channel);
  await ended(main);
  const finder = createTreeFinder(() => false, 0);
  for (let look = 0; look < LOOKS; look++) {
    finder.refresh();
    finder.forget(pid);
    assert.deepEqual(
      finder.members(tree).map((member) => member.pid),
      [pid],
    );
    assert.equal(finder.isUnsure(), false);
  }
});

test('an unmarked one is a member, or members are said to be unsure', async (t) => {
  const channel = openChannel(t);
  const limits = { locks: { soft: 'unlimited', hard: 'unlimited' } } as const;
  const { process: main, tree } = start(t, spawnRequest({ argv: [child.execAgain, channel.path], limits }));
  const pid = await untilAgain(t, channel);
  await ended(main);
  const finder = createTreeFinder(() => false);
  for (let met = 0; met < MEETINGS;) {
    finder.refresh();
    // What is known of it once is not asked again.
    finder.forget(pid);
    const members = finder.members(tree).map((member) => member.pid);
    if (finder.isUnsure()) met++;
    else assert.deepEqual(members, [pid]);
  }
});

test('findLeader() waits for one that execs without end', async (t) => {
  const channel = openChannel(t);
  const request = spawnRequest({ argv: [child.execAgain, channel.path] });
  const environment = { ...request.environment, [RUN_VARIABLE]: String(RUN) };
  const { tree } = start(t, { ...request, environment });
  const pid = await untilAgain(t, channel);
  for (let look = 0; look < LOOKS; look++)
    assert.equal(processes.findLeader(tree.invocationId, RUN)?.pid, pid);
});

test('in whatever a stranger is, a tree that this process has spawned is sure', async (t) => {
  const channel = openChannel(t);
  const { process: main, tree } = start(t, spawnRequest({ argv: [child.announce, channel.path] }));
  // It stays below a parent that is no member.
  const stranger = spawn('sh', ['-c', '"$0" "$1" first & wait', child.execAgain, channel.path]);
  cleanUp(t, () => void stranger.kill('SIGKILL'));
  await channel.next('up');
  await untilAgain(t, channel);
  const later = createTreeFinder(() => false);
  const spawner = createTreeFinder(() => false, 0);
  for (let met = 0; met < MEETINGS;) {
    for (const finder of [later, spawner]) {
      finder.refresh();
      assert.deepEqual(
        finder.members(tree).map(({ pid }) => pid),
        [main.pid],
      );
    }
    if (later.isUnsure()) met++;
    assert.equal(spawner.isUnsure(), false);
  }
});
