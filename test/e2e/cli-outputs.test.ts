// What a verb does, and exits with, when its words cannot be written: nobody reads them, or the disk is full.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { cleanUp } from '../support/cleanup.ts';
import { PROGRAM } from '../support/launch.ts';
import { startUnitd, type Unitd } from '../support/unitd.ts';

type Output = 'read' | 'closed' | 'full';

interface Launched {
  readonly unitd: Unitd;
  run(outputs: { readonly stdout?: Output; readonly stderr?: Output }, ...args: string[]): Promise<Heard>;
}

interface Heard {
  readonly code: number | null;
  /** Of what is read. */
  readonly said: string;
}

async function launched(t: TestContext): Promise<Launched> {
  const unitd = await startUnitd(t, {
    'tick.yaml': 'command: [/bin/sh, -c, "echo here; exec sleep infinity"]',
  });
  await unitd.untilLog('tick', 'here\n');
  const full = openSync('/dev/full', 'w');
  cleanUp(t, () => closeSync(full));
  return {
    unitd,
    async run({ stdout = 'read', stderr = 'read' }, ...args) {
      const child = spawn(process.execPath, [PROGRAM, ...args], {
        cwd: unitd.root,
        env: unitd.env,
        stdio: ['ignore', stdout === 'full' ? full : 'pipe', stderr === 'full' ? full : 'pipe'],
      });
      cleanUp(t, () => void child.kill('SIGKILL'));
      let said = '';
      for (const [stream, output] of [
        [child.stdout, stdout],
        [child.stderr, stderr],
      ] as const) {
        if (output === 'closed') stream?.destroy();
        else stream?.setEncoding('utf8').on('data', (text: string) => (said += text));
      }
      const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
      return { code, said };
    },
  };
}

for (const stderr of ['closed', 'full'] as const) {
  test(`a verb keeps its exit code where stderr is ${stderr}`, async (t) => {
    const { unitd, run } = await launched(t);
    unitd.write('bad.yaml', 'nice: []');
    const rows: readonly (readonly [number, ...string[]])[] = [
      [0, 'restart', 'tick'],
      [4, 'status', 'nosuch'],
      [78, 'check', join(unitd.units, 'bad.yaml')],
      [64, 'statsu'],
    ];
    for (const [code, ...args] of rows)
      assert.deepEqual(await run({ stderr }, ...args), { code, said: '' }, args.join(' '));
  });
}

test('a verb keeps its exit code where nobody reads stdout, and a stream ends', async (t) => {
  const { unitd, run } = await launched(t);
  const rows: readonly (readonly [number, ...string[]])[] = [
    [0, 'status'],
    [4, 'stop', 'nosuch', '--json'],
    [4, 'logs', 'nosuch', '--json'],
    [78, 'check', join(unitd.units, 'nosuch.yaml'), '--json'],
    [0, 'events', '--snapshot'],
    [0, 'logs', '-f', 'tick'],
    [0, 'help'],
  ];
  for (const [code, ...args] of rows) {
    const ran = await run({ stdout: 'closed' }, ...args);
    assert.equal(ran.code, code, `${args.join(' ')}: ${ran.said}`);
    assert.doesNotMatch(ran.said, /EPIPE|\n {4}at /, args.join(' '));
  }
});

test('a verb whose answer a full disk does not take says so and exits 1', async (t) => {
  const { run } = await launched(t);
  const said =
    'unitd: cannot write stdout: ENOSPC: no space left on device, expected it to take the whole answer\n';
  for (const args of [
    ['status'],
    ['status', '--json'],
    ['events', '--snapshot'],
    ['logs', '-f', 'tick'],
    ['help'],
  ])
    assert.deepEqual(await run({ stdout: 'full' }, ...args), { code: 1, said }, args.join(' '));
  assert.deepEqual(await run({ stdout: 'full', stderr: 'full' }, 'status'), { code: 1, said: '' });
});
