// What a daemon of somebody else's, in the place of one's own, gets to say to a terminal: nothing, or plain text.
import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync } from 'node:fs';
import { test } from 'node:test';
import { resolvePaths } from '../../../src/base/paths.ts';
import { refusal } from '../../../src/cli/failure.ts';
import { foreignRuntime } from '../../../src/cli/foreign-runtime.ts';
import { cleanUp } from '../../support/cleanup.ts';

test('foreignRuntime() tells of the directory in /tmp that another user has made', (t) => {
  const uid = 4_000_000_000 + process.pid;
  const { runtime, socket } = resolvePaths({ uid, env: { HOME: '/' }, flags: {} });
  assert.equal(foreignRuntime(socket, uid), null, 'nobody has made it');
  mkdirSync(runtime);
  cleanUp(t, () => rmdirSync(runtime));
  const own = process.getuid?.();
  assert.equal(
    foreignRuntime(socket, uid),
    `cannot trust what is in "${runtime}": it belongs to uid ${own}, expected uid ${uid}`,
  );
  assert.equal(foreignRuntime(socket, own ?? 0), null, 'named by whoever asks');
});

test('refusal() takes what would steer the terminal out of what was answered', () => {
  const details = { type: 'tag:x', title: 'Refused', status: 500, detail: '\x1b]0;x\x07no\x9b2J' };
  assert.equal(refusal(details).message, '\ufffd]0;x\ufffdno\ufffd2J');
});
