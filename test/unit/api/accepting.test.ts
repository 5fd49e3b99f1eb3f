// listen: where no descriptor is left, in a process of its own whose limit on open files is lowered to what is open.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../../src/base/package-root.ts';
import { cleanUp } from '../../support/cleanup.ts';
import { temporaryDirectory } from './wire-tap.ts';

const built = (module: string): string =>
  JSON.stringify(pathToFileURL(join(packageRoot(), 'build', module)).href);

/** Listens with `free` descriptors beside the spare ones, after `before`; what it says first. */
async function listening(
  t: TestContext,
  path: string,
  free: number,
  before = '',
  requestTimeoutMs = 500,
): Promise<string> {
  const program = `
    import { closeSync, openSync, writeSync } from 'node:fs';
    import { keepAcceptSpare } from ${built('src/os/accept-spare.js')};
    import { ownLimit, RESOURCES, setOwnLimit } from ${built('src/os/libc/limit.js')};
    import { withSpare } from ${built('src/os/spare-descriptor.js')};
    import { fakeControl } from ${built('test/support/fake-control.js')};
    import { serveControl } from ${built('test/support/serve-control.js')};
    withSpare(() => undefined);
    ${before}
    const lowest = openSync('/dev/null', 'r');
    closeSync(lowest);
    setOwnLimit(RESOURCES.nofile, { ...ownLimit(RESOURCES.nofile), soft: lowest + ${free} });
    await serveControl({
      path: ${JSON.stringify(path)}, control: fakeControl(), onBug: () => undefined,
      limits: { requestTimeoutMs: ${requestTimeoutMs} },
    }).then(
      () => writeSync(1, 'listening\\n'),
      ({ message }) => {
        writeSync(1, message + '\\n');
        process.exit();
      },
    );`;
  const server = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanUp(t, () => void server.kill('SIGKILL'));
  const [line] = await once(createInterface({ input: server.stdout }), 'line');
  return String(line);
}

async function turnedAway(t: TestContext, path: string): Promise<void> {
  const socket = connect({ path }).on('error', () => undefined);
  cleanUp(t, () => void socket.destroy());
  await once(socket, 'close');
}

test('listen: a client that no descriptor is left for is turned away', { timeout: 20_000 }, async (t) => {
  const path = join(temporaryDirectory(t), 'unitd.sock');
  // None for the spare that libuv turns clients away with.
  assert.equal(await listening(t, path, 1), 'listening');
  for (let client = 0; client < 3; client += 1) await turnedAway(t, path);
});

test('listen: it is turned away at once with a spare of before', { timeout: 20_000 }, async (t) => {
  const path = join(temporaryDirectory(t), 'unitd.sock');
  // Nothing looks after the spare within an hour.
  assert.equal(await listening(t, path, 1, 'keepAcceptSpare();', 5 * 3_600_000), 'listening');
  for (let client = 0; client < 3; client += 1) await turnedAway(t, path);
});

test('listen: that there is no descriptor for the socket is said as that', async (t) => {
  const path = join(temporaryDirectory(t), 'unitd.sock');
  assert.equal(
    await listening(t, path, 0),
    `cannot listen on socket "${path}": EMFILE, expected a descriptor to be left`,
  );
});
