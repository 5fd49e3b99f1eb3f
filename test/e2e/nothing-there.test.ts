// Verbs that have nothing to show: nothing on stdout, why on stderr, exit code 0.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { smallDisk } from '../support/small-disk.ts';
import { startUnitd } from '../support/unitd.ts';

function quiet(stderr: string): { readonly code: number; readonly stdout: string; readonly stderr: string } {
  return { code: 0, stdout: '', stderr };
}

test('status and deps of an empty set say that there are no units, and where their files go', async (t) => {
  const unitd = await startUnitd(t, {});
  assert.deepEqual(await unitd.cli('status'), quiet(`no units, unit files go to ${unitd.units}\n`));
  assert.deepEqual(await unitd.cli('deps'), quiet('no units\n'));
  const missing = await unitd.cli('status', 'web');
  assert.deepEqual([missing.code, missing.stdout], [4, '']);
  assert.match(
    missing.stderr,
    /\n {2}there are no units: unitd status\n {2}if its file is new: unitd reload\n$/,
  );
});

test('deps says that no unit names another one, or not this one', async (t) => {
  const unitd = await startUnitd(t, {
    'a.yaml': 'command: sleep infinity',
    'b.yaml': 'command: sleep infinity',
  });
  await unitd.until({ a: 'running', b: 'running' });
  assert.deepEqual(await unitd.cli('deps'), quiet('no unit names another one\n'));
  const one = await unitd.cli('deps', 'a');
  assert.deepEqual(one, { code: 0, stdout: '● a running\n', stderr: 'a names no other unit\n' });
  const reverse = await unitd.cli('deps', '--reverse', 'a');
  assert.deepEqual([reverse.code, reverse.stderr], [0, 'no other unit names a\n']);
  unitd.write('b.yaml', 'command: sleep infinity\nwants: [a]');
  assert.equal((await unitd.cli('reload')).code, 0);
  const tree = await unitd.cli('deps');
  assert.match(tree.stdout, /b running\n└─ ● a \(wants\) running/);
  assert.equal(tree.stderr, '');
});

test('logs says that there is no line that fits', async (t) => {
  const unitd = await startUnitd(t, {
    'mute.yaml': 'command: sleep infinity',
    'calm.yaml': 'command: sleep infinity',
    'loud.yaml': 'command: [/bin/sh, -c, "echo here; exec sleep infinity"]',
  });
  await unitd.untilLog('loud', 'here\n');
  assert.deepEqual(await unitd.cli('logs', 'mute'), quiet('unit "mute": no line yet\n'));
  assert.deepEqual(await unitd.cli('logs', '--json', 'mute'), quiet('unit "mute": no line yet\n'));
  assert.deepEqual(await unitd.cli('logs', 'mute', 'calm'), quiet('these units: no line yet\n'));
  assert.deepEqual(
    await unitd.cli('logs', '--stream', 'stderr', 'loud'),
    quiet('unit "loud": no line to stderr yet\n'),
  );
  const since = await unitd.cli('logs', '--since', '2999-01-01T00:00', 'loud');
  assert.deepEqual(since, quiet('unit "loud": no line since 2999-01-01 00:00:00\n'));
  assert.deepEqual(await unitd.cli('logs', 'mute', 'loud'), { code: 0, stdout: 'loud │ here\n', stderr: '' });
});

test('logs says how many lines a full disk has cost, and that it is full', async (t) => {
  const disk = smallDisk(t, 4096);
  if (disk === null) return t.skip('cannot mount a tmpfs');
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(4096));
  const unitd = await startUnitd(t, {}, { env: { UNITD_LOG_DIR: disk } });
  const next = await unitd.follow();
  unitd.write('lost.yaml', 'command: [/bin/sh, -c, \'printf "one\\\\ntwo\\\\n"; exec sleep infinity\']');
  assert.equal((await unitd.cli('reload')).code, 0);
  await next((line) => line.type === 'log' && line.unit === 'lost' && line.problem !== null);
  const { problem, droppedLines } = (await unitd.unit('lost')).logs;
  assert.match(String(problem), /ENOSPC/);
  assert.equal(droppedLines, 2);
  const said = `unit "lost": no line; 2 lines dropped: ${problem}\n`;
  assert.deepEqual(await unitd.cli('logs', 'lost'), quiet(said));
});
