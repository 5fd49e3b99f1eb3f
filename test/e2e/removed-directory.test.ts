// Where the working directory of the daemon, or of a verb, was removed.
import assert from 'node:assert/strict';
import { mkdirSync, readlinkSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { child, openChannel, temporaryDirectory } from '../support/child.ts';
import { PROGRAM, run } from '../support/launch.ts';
import { Unitd } from '../support/unitd.ts';

/** A node that enters the directory first, and does then what the shell's words say. */
function nodeIn(t: TestContext, directory: string, words: string): string {
  const node = join(temporaryDirectory(t), 'node');
  writeFileSync(node, `#!/bin/sh\ncd '${directory}'\n${words}\nexec '${process.execPath}' "$@"\n`, {
    mode: 0o755,
  });
  return node;
}

test('a daemon without its directory starts its units in the root, and says so', async (t) => {
  const channel = openChannel(t);
  const gone = join(temporaryDirectory(t), 'gone');
  mkdirSync(gone);
  const unitd = new Unitd(t, { node: nodeIn(t, gone, `rmdir '${gone}'`) });
  unitd.write('web.yaml', `command: ${child.announce} ${channel.path}`);
  await unitd.start();
  assert.equal(readlinkSync(`/proc/${(await channel.next('up')).pid}/cwd`), '/');
  await unitd.says(/going on in \\"\/\\": the working directory was removed/);
});

test('a unit is restarted after a reexec whose daemon has lost its directory', async (t) => {
  const channel = openChannel(t);
  const gone = join(temporaryDirectory(t), 'gone');
  mkdirSync(gone);
  const unitd = new Unitd(t, { node: nodeIn(t, gone, '') });
  unitd.write('web.yaml', `command: ${child.announce} ${channel.path}`);
  await unitd.start();
  assert.equal(readlinkSync(`/proc/${(await channel.next('up')).pid}/cwd`), gone);
  rmdirSync(gone);
  assert.equal((await unitd.cli('reexec')).code, 0);
  const restart = await unitd.cli('restart', 'web');
  assert.equal(restart.code, 0, restart.stderr);
  assert.equal(readlinkSync(`/proc/${(await channel.next('up', 1)).pid}/cwd`), '/');
});

for (const args of [
  ['--socket', 'unitd.sock', 'status'],
  ['daemon', '--units', 'units.d'],
]) {
  test(`unitd ${args.join(' ')} in a directory that was removed says that in a line`, async (t) => {
    const gone = join(temporaryDirectory(t), 'gone');
    mkdirSync(gone);
    const node = nodeIn(t, gone, `rmdir '${gone}'`);
    const env = { PATH: process.env['PATH'], UNITD_UNITS: '/', UNITD_RUNTIME_DIR: gone };
    const ran = await run({ args, env, cwd: '/', asUser: undefined, program: PROGRAM, node });
    const stderr =
      'unitd: cannot find the working directory: it was removed, expected one that relative paths begin in\n';
    assert.deepEqual(ran, { code: 1, stdout: '', stderr });
  });
}
