// Which controllers come down to the units, told from files as the kernel shows them; the files answer nothing. What a
// kernel does with it is shown in test/e2e/resources.test.ts.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openControllers } from '../../../src/os/controllers.ts';
import { temporaryDirectory } from '../../support/child.ts';

interface Levels {
  /** cgroup.controllers and cgroup.subtree_control of each. */
  readonly base: readonly [string, string];
  readonly fence: readonly [string, string];
  readonly isRoot?: boolean;
  /** cgroup.procs of BASE. */
  readonly inBase?: string;
}

function levels(
  t: TestContext,
  { base, fence, isRoot, inBase = '' }: Levels,
): { readonly base: string; readonly fence: string } {
  const top = temporaryDirectory(t);
  const paths = { base: top, fence: join(top, 'fence') };
  mkdirSync(paths.fence);
  for (const [path, [controllers, passed]] of [
    [paths.base, base],
    [paths.fence, fence],
  ] as const) {
    writeFileSync(join(path, 'cgroup.controllers'), `${controllers}\n`);
    writeFileSync(join(path, 'cgroup.subtree_control'), `${passed}\n`);
  }
  writeFileSync(join(paths.base, 'cgroup.procs'), inBase);
  if (isRoot !== true) writeFileSync(join(paths.base, 'cgroup.type'), 'domain\n');
  return paths;
}

const asked = (cgroup: string): string => readFileSync(join(cgroup, 'cgroup.subtree_control'), 'utf8');

test('provide() passes a controller on from both levels, and says what keeps it away', (t) => {
  const { base, fence } = levels(t, { base: ['memory cpu', ''], fence: ['memory cpu', ''] });
  const controllers = openControllers(base, fence);
  assert.deepEqual([asked(base), asked(fence)], ['\n', '\n'], 'nothing before somebody asks');
  assert.equal(controllers.provide('memory'), null);
  assert.deepEqual([asked(base), asked(fence)], ['+memory', '+memory']);
  assert.equal(controllers.provide('io'), `cgroup "${base}" has only memory, cpu`);
  assert.deepEqual([...controllers.counting], []);
});

test('lack() says what provide() would, and passes nothing on', (t) => {
  const { base, fence } = levels(t, { base: ['memory', ''], fence: ['', ''] });
  const controllers = openControllers(base, fence);
  assert.equal(controllers.lack('memory'), null);
  assert.equal(controllers.lack('io'), `cgroup "${base}" has only memory`);
  writeFileSync(join(base, 'cgroup.procs'), '4711\n');
  assert.equal(controllers.lack('memory'), `other processes than the daemon are in cgroup "${base}"`);
  assert.deepEqual([asked(base), asked(fence)], ['\n', '\n']);
});

test('lack() knows that processes at the root keep nothing away, nor what is passed on already', (t) => {
  const root = levels(t, { base: ['memory', ''], fence: ['', ''], isRoot: true, inBase: '1\n' });
  assert.equal(openControllers(root.base, root.fence).lack('memory'), null);
  const passed = levels(t, { base: ['memory', 'memory'], fence: ['', ''], inBase: '1\n' });
  assert.equal(openControllers(passed.base, passed.fence).lack('memory'), null);
});

test('provide() names a cgroup without any controller', (t) => {
  const { base, fence } = levels(t, { base: ['', ''], fence: ['', ''] });
  assert.equal(openControllers(base, fence).provide('cpu'), `cgroup "${base}" has no controllers`);
});

test('at the root memory and pids are passed on at once, and nothing is taken back there', (t) => {
  const { base, fence } = levels(t, { base: ['memory', ''], fence: ['memory', ''], isRoot: true });
  const controllers = openControllers(base, fence);
  assert.deepEqual([asked(base), asked(fence)], ['+memory', '+memory']);
  writeFileSync(join(fence, 'cgroup.subtree_control'), 'memory\n');
  controllers.withdraw(false);
  assert.deepEqual([asked(base), asked(fence)], ['+memory', '-memory']);
});

test('where no daemon is started in BASE memory and pids are passed on at once, and taken back', (t) => {
  const { base, fence } = levels(t, { base: ['pids', ''], fence: ['pids', ''] });
  const controllers = openControllers(base, fence, true);
  assert.deepEqual([asked(base), asked(fence)], ['+pids', '+pids']);
  writeFileSync(join(base, 'cgroup.subtree_control'), 'pids\n');
  controllers.withdraw(false);
  assert.equal(asked(base), '-pids');
});

test('counting are those that were passed on before, and withdraw() takes all back', (t) => {
  const { base, fence } = levels(t, { base: ['pids io', 'pids'], fence: ['pids', 'pids'] });
  const controllers = openControllers(base, fence);
  assert.deepEqual([...controllers.counting], ['pids']);
  controllers.withdraw(false);
  assert.deepEqual([asked(base), asked(fence)], ['-pids', '-pids']);
});

test('what lives on keeps its controllers where the next daemon can do with that, and else not', (t) => {
  for (const [isFree, isRoot, left] of [
    [false, false, '-pids'],
    [true, false, 'pids'],
    [false, true, 'pids'],
  ] as const) {
    const { base, fence } = levels(t, { base: ['pids', 'pids'], fence: ['pids', 'pids'], isRoot });
    openControllers(base, fence, isFree).withdraw(true);
    assert.deepEqual([asked(base).trim(), asked(fence).trim()], [left, left], `${isFree} ${isRoot}`);
  }
});
