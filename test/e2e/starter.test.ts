// Who starts the daemon as a service of Type=notify: it hears when the daemon can be asked, and from the daemon alone.
import assert from 'node:assert/strict';
import { closeSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { bindUnixSocket, openDatagramSocket } from '../../src/os/libc/socket.ts';
import { temporaryDirectory } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { startUnitd } from '../support/unitd.ts';

/** What has come by now, of a starter that listens at this path. */
function listen(t: TestContext, path: string): () => string {
  const { fd, errno } = openDatagramSocket();
  assert.equal(errno, 0);
  cleanUp(t, () => {
    closeSync(fd);
  });
  assert.equal(bindUnixSocket(fd, path), 0);
  return () => {
    const bytes = Buffer.alloc(256);
    return bytes.toString('utf8', 0, readSync(fd, bytes));
  };
}

test('a starter hears READY=1 once the socket answers, and again from the version that takes over', async (t) => {
  const path = join(temporaryDirectory(t), 'notify');
  const heard = listen(t, path);
  const unitd = await startUnitd(t, {}, { env: { NOTIFY_SOCKET: path } });
  assert.equal(heard(), 'READY=1');
  assert.throws(heard, { code: 'EAGAIN' });
  const { code, stderr } = await unitd.cli('reexec');
  assert.equal(code, 0, stderr);
  assert.equal(heard(), 'READY=1');
  await unitd.stop();
  assert.throws(heard, { code: 'EAGAIN' });
});

test('a starter that does not listen is told of in the log', async (t) => {
  const path = join(temporaryDirectory(t), 'nobody');
  const unitd = await startUnitd(t, {}, { env: { NOTIFY_SOCKET: path } });
  assert.match(unitd.said.join('\n'), /cannot say READY=1 to socket \\"\S+\\" of NOTIFY_SOCKET: ENOENT/);
});
