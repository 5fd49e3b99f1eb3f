// `unitd logs -f`: new lines as they come, each once and none left out, through rotation, reloads and restarts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { numbers } from '../fixtures/log-setup.ts';
import { openChannel, openGate } from '../support/child.ts';
import { startUnitd } from '../support/unitd.ts';

const COUNT = 2000;
const ROUND = (round: string): string[] => numbers(1, COUNT).map((number) => `${round} ${number}`);

function unit(round: string, channel: string): string {
  return `
    command: [/bin/sh, -c, 'seq -f "\${ROUND} %.0f" 1 ${COUNT}; echo "\${ROUND} $$$$" >${channel}; exec sleep infinity']
    environment: { ROUND: ${round} }
    logs: { maxSize: 10kB, maxFiles: 1000 }
  `;
}

test('logs -f follows through rotation, compression, a reload and restarts of unit and daemon', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, { 'web.yaml': unit('first', channel.path) });
  const follow = unitd.spawnCli('logs', '-f', 'web', '-n', 'all');
  await follow.line(`first ${COUNT}`);

  unitd.write('web.yaml', unit('second', channel.path));
  assert.equal((await unitd.cli('reload')).code, 0);
  await follow.line(`second ${COUNT}`);
  await channel.next('second');

  assert.equal((await unitd.cli('restart', 'web')).code, 0);
  await channel.next('second', 1);
  unitd.write('web.yaml', unit('third', channel.path));
  assert.equal((await unitd.cli('reload')).code, 0);
  await follow.line(`third ${COUNT}`);

  await unitd.stop();
  unitd.write('web.yaml', unit('fourth', channel.path));
  await unitd.start();
  await follow.line(`fourth ${COUNT}`);

  assert.deepEqual(follow.lines, [
    ...ROUND('first'),
    ...ROUND('second'),
    ...ROUND('second'),
    ...ROUND('third'),
    ...ROUND('fourth'),
  ]);
});

test('logs -f of several units shows lines of each as they come', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const say = (name: string): string =>
    `command: [/bin/sh, -c, 'echo ${name} old; echo "up $$$$" >${channel.path}; read -r _ <${gate.path}; echo ${name} new; exec sleep infinity']`;
  const unitd = await startUnitd(t, { 'a.yaml': say('a'), 'b.yaml': say('b') });
  await channel.next('up', 1);
  await unitd.untilLog('a', 'a old');
  await unitd.untilLog('b', 'b old');
  const both = unitd.spawnCli('logs', '-f', 'a', 'b');
  for (const text of ['a old', 'b old']) await both.line(text);
  gate.open();
  gate.open();
  for (const text of ['a new', 'b new']) await both.line(text);
});

test('logs -f goes on with the other when a unit is removed, and exits 4 behind the last words of the last', async (t) => {
  const channel = openChannel(t);
  const say = (name: string): string =>
    `command: [/bin/sh, -c, 'trap "echo ${name} bye; exit" TERM; echo ${name} here; echo "up $$$$" >${channel.path}; while :; do sleep 60 & wait; done']`;
  const unitd = await startUnitd(t, { 'a.yaml': say('a'), 'b.yaml': say('b') });
  await channel.next('up', 1);
  const both = unitd.spawnCli('logs', '-f', 'a', 'b');
  for (const text of ['a here', 'b here']) await both.line(text);
  unitd.remove('a.yaml');
  assert.equal((await unitd.cli('reload')).code, 0);
  await both.line('a bye');
  unitd.write('b.yaml', say('B'));
  assert.equal((await unitd.cli('reload')).code, 0);
  await both.line('B here');
  unitd.remove('b.yaml');
  assert.equal((await unitd.cli('reload')).code, 0);
  assert.deepEqual(await both.ended, { code: 4, signal: null });
  assert.deepEqual(
    both.lines.map((line) => line.replace(/^. │ /, '')).toSorted(),
    ['a here', 'b here', 'a bye', 'b bye', 'B here', 'B bye'].toSorted(),
  );
});
