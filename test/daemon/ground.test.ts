// What a daemon stands on, with the directories of the test: what it gets, and why it gets nothing.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { takeGround } from '../../src/daemon/ground.ts';
import type { GroundOptions } from '../../src/daemon/ground.ts';
import { temporaryDirectory } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';

interface Scene {
  readonly options: GroundOptions;
  readonly logged: string[];
  take(change?: Partial<GroundOptions>): ReturnType<typeof takeGround>;
}

function createScene(t: TestContext): Scene {
  const top = temporaryDirectory(t);
  const path = (name: string): string => join(top, name);
  const options: GroundOptions = {
    paths: {
      units: path('units'),
      runtime: path('run'),
      state: path('state'),
      logs: path('log'),
      socket: path('socket'),
    },
    socketGroup: null,
    fence: 'session',
    makesUnits: true,
  };
  const logged: string[] = [];
  const log = {
    write: (level: string, event: string, message: string) =>
      void logged.push(`${level} ${event}: ${message}`),
    close: () => undefined,
  };
  return { options, logged, take: (change = {}) => takeGround({ ...options, ...change }, null, log) };
}

test('takeGround: directories, a lock, and the fence that was asked for', (t) => {
  const { take, options, logged } = createScene(t);
  const taken = take({ socketGroup: '0' });
  assert.ok(taken.ok);
  const { hasState, lock, fence, holding, groupId } = taken.value;
  cleanUp(t, () => lock.close());
  assert.equal(holding, 'units are held by session');
  assert.deepEqual([hasState, lock.isInPlace(), fence, groupId], [true, true, null, 0]);
  const { units, runtime, state, logs } = options.paths;
  for (const path of [units, join(runtime, 'fifo'), state, logs]) assert.ok(existsSync(path), path);
  assert.deepEqual(logged, ['info fence: units are held by session']);
});

test('takeGround: who has nothing to stand on is told why in a sentence', (t) => {
  const { take, options } = createScene(t);
  const long = join(options.paths.runtime, 'x'.repeat(108));
  for (const [change, message] of [
    [{ socketGroup: 'no-such-group' }, /^cannot start daemon: there is no group "no-such-group"$/],
    [{ paths: { ...options.paths, socket: long } }, /^cannot listen on socket ".*x": /],
  ] as const) {
    const taken = take(change);
    assert.ok(!taken.ok);
    assert.match(taken.message, message);
  }
  assert.equal(existsSync(options.paths.runtime), false);
  mkdirSync(options.paths.runtime, { mode: 0o700 });
  writeFileSync(options.paths.state, '');
  const taken = take();
  assert.ok(!taken.ok);
  assert.match(taken.message, /^cannot start daemon: .*state/);
});
