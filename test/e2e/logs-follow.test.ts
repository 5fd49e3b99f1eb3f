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

test('logs -f without a unit follows all, and those that come, come back, or come while no daemon is there', async (t) => {
  const say = (text: string): string => `command: [/bin/sh, -c, 'echo ${text}; exec sleep infinity']`;
  const unitd = await startUnitd(t, { 'a.yaml': say('a is first'), 'b.yaml': say('b stays') });
  const all = unitd.spawnCli('logs', '-f');
  for (const text of ['a │ a is first', 'b │ b stays']) await all.line(text);
  unitd.remove('a.yaml');
  unitd.write('later.yaml', say('later has come'));
  assert.equal((await unitd.cli('reload')).code, 0);
  await all.line('later │ later has come');
  unitd.write('a.yaml', say('a is back'));
  assert.equal((await unitd.cli('reload')).code, 0);
  await all.line('a     │ a is back');
  await unitd.kill('SIGKILL');
  unitd.write('fresh.yaml', say('fresh has come'));
  await unitd.start();
  await all.line('fresh │ fresh has come');
  assert.deepEqual(all.lines.map((line) => line.replace(/^.*│ /, '')).toSorted(), [
    'a is back',
    'a is first',
    'b stays',
    'fresh has come',
    'later has come',
  ]);
});

test('logs without a unit prints the last lines of all, by time', async (t) => {
  const channel = openChannel(t);
  const say = (name: string, more: string): string =>
    `command: [/bin/sh, -c, 'echo ${name} one; echo ${name} two; echo "${name} $$$$" >${channel.path}; exec sleep infinity']\n${more}`;
  const unitd = await startUnitd(t, {
    'db.yaml': say('db', ''),
    'web.yaml': say('web', 'requires: [db]\nenabled: false'),
  });
  await channel.next('db');
  assert.equal((await unitd.cli('start', 'web')).code, 0);
  await channel.next('web');
  for (const name of ['db', 'web']) await unitd.untilLog(name, `${name} two`);
  assert.deepEqual(await unitd.cli('logs', '-n', '3'), {
    code: 0,
    stdout: 'db  │ db two\nweb │ web one\nweb │ web two\n',
    stderr: '',
  });
});

test('logs without a unit where there is none says so', async (t) => {
  const unitd = await startUnitd(t, {});
  assert.deepEqual(await unitd.cli('logs'), { code: 0, stdout: '', stderr: 'there are no units\n' });
});
