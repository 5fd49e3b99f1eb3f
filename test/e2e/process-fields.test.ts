// Every field of a unit file that shapes its processes, as the process itself sees it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { child, openChannel, temporaryDirectory } from '../support/child.ts';
import { idsOf } from '../support/launch.ts';
import { startUnitd } from '../support/unitd.ts';

const asRoot = { skip: process.getuid?.() === 0 ? false : 'needs root' };

/** As far from the daemon's own as it goes. */
const nicer = Math.min(getPriority() + 5, 19);

function statusField(pid: number, name: string): string {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${name}:`));
  return (line ?? '').slice(name.length + 1).trim();
}

function ids(pid: number, name: 'Uid' | 'Gid' | 'Groups'): readonly number[] {
  return statusField(pid, name)
    .split(/\s+/)
    .filter((text) => text !== '')
    .map(Number)
    .sort((a, b) => a - b);
}

function four(id: number): readonly number[] {
  return [id, id, id, id];
}

test('user: all ids of that user, its groups, HOME, USER, LOGNAME and SHELL', asRoot, async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `
      command: ${child.announce} ${channel.path}
      user: nobody
      workingDirectory: /`,
    'env.yaml': `
      type: oneshot
      command: env
      user: nobody
      workingDirectory: /
      logs: { format: raw }`,
  });
  const { pid } = await channel.next('up');
  const [uid, gid] = idsOf('nobody');
  assert.deepEqual(ids(pid, 'Uid'), four(uid));
  assert.deepEqual(ids(pid, 'Gid'), four(gid));
  const groups = spawnSync('id', ['-G', 'nobody'], { encoding: 'utf8' }).stdout.trim().split(' ').map(Number);
  assert.deepEqual(
    ids(pid, 'Groups'),
    groups.sort((a, b) => a - b),
  );
  const [, , , , , home = '', shell = ''] = spawnSync('getent', ['passwd', 'nobody'], { encoding: 'utf8' })
    .stdout.trim()
    .split(':');
  const lines = (await unitd.untilLog('env', 'INVOCATION_ID')).split('\n');
  for (const line of ['USER=nobody', 'LOGNAME=nobody', `HOME=${home}`, `SHELL=${shell}`]) {
    assert.ok(lines.includes(line), line);
  }
});

test('group and supplementaryGroups replace those of the user, by name or number', asRoot, async (t) => {
  const channel = openChannel(t);
  await startUnitd(t, {
    'named.yaml': `
      command: ${child.announce} ${channel.path} named
      user: nobody
      group: daemon
      supplementaryGroups: [adm, "4321"]`,
    'numbered.yaml': `
      command: ${child.announce} ${channel.path} numbered
      user: "12345"
      group: "54321"`,
    'none.yaml': `
      command: ${child.announce} ${channel.path} none
      user: nobody
      supplementaryGroups: []`,
    'groups-only.yaml': `
      command: ${child.announce} ${channel.path} groups-only
      supplementaryGroups: [adm]`,
  });
  const gidOf = (group: string): number =>
    Number(spawnSync('getent', ['group', group], { encoding: 'utf8' }).stdout.split(':')[2]);
  const named = (await channel.next('named')).pid;
  assert.deepEqual(ids(named, 'Gid'), four(gidOf('daemon')));
  assert.deepEqual(
    ids(named, 'Groups'),
    [gidOf('adm'), 4321].sort((a, b) => a - b),
  );
  const numbered = (await channel.next('numbered')).pid;
  assert.deepEqual([ids(numbered, 'Uid'), ids(numbered, 'Gid')], [four(12345), four(54321)]);
  assert.deepEqual(ids(numbered, 'Groups'), []);
  assert.deepEqual(ids((await channel.next('none')).pid, 'Groups'), []);
  const only = (await channel.next('groups-only')).pid;
  assert.deepEqual([ids(only, 'Uid'), ids(only, 'Groups')], [four(0), [gidOf('adm')]]);
});

test('umask, noNewPrivileges and nice; the helpers before the command leave no trace in it', async (t) => {
  const channel = openChannel(t);
  await startUnitd(t, {
    'web.yaml': `
      command: ${child.announce} ${channel.path}
      umask: "0027"
      noNewPrivileges: true
      nice: ${nicer}`,
    'plain.yaml': `command: ${child.announce} ${channel.path} plain`,
  });
  const { pid } = await channel.next('up');
  assert.equal(statusField(pid, 'Umask'), '0027');
  assert.equal(statusField(pid, 'NoNewPrivs'), '1');
  assert.equal(getPriority(pid), nicer);
  const plain = (await channel.next('plain')).pid;
  assert.equal(statusField(plain, 'NoNewPrivs'), '0');
  const names = (of: number): readonly string[] =>
    readFileSync(`/proc/${of}/environ`, 'utf8')
      .split('\0')
      .map((entry) => entry.split('=')[0] ?? '')
      .sort();
  assert.deepEqual(names(pid), names(plain));
});

test('limits: soft and hard of every resource that is named, others as they were', async (t) => {
  const channel = openChannel(t);
  await startUnitd(t, {
    'web.yaml': `
      command: ${child.announce} ${channel.path}
      limits: { nofile: "200:300", core: 0, stack: 4194304, cpu: "1000:2000", fsize: "1000000:2000000" }`,
    'plain.yaml': `command: ${child.announce} ${channel.path} plain`,
  });
  const limitsOf = (pid: number): ReadonlyMap<string, string> =>
    new Map(
      readFileSync(`/proc/${pid}/limits`, 'utf8')
        .split('\n')
        .slice(1)
        .map((line) => [line.slice(0, 25).trim(), line.slice(25).trim().split(/\s+/).slice(0, 2).join(':')]),
    );
  const web = limitsOf((await channel.next('up')).pid);
  const plain = limitsOf((await channel.next('plain')).pid);
  const set = new Map([
    ['Max open files', '200:300'],
    ['Max core file size', '0:0'],
    ['Max stack size', '4194304:4194304'],
    ['Max cpu time', '1000:2000'],
    ['Max file size', '1000000:2000000'],
  ]);
  assert.deepEqual(web, new Map([...plain].map(([name, value]) => [name, set.get(name) ?? value])));
});

test('oomScoreAdjust is set before the command begins', async (t) => {
  const channel = openChannel(t);
  await startUnitd(t, {
    'web.yaml': `
      command: ${child.announce} ${channel.path}
      oomScoreAdjust: 700`,
  });
  const { pid } = await channel.next('up');
  assert.equal(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim(), '700');
});

test('all process fields at once, as another user', asRoot, async (t) => {
  const channel = openChannel(t);
  const directory = join(temporaryDirectory(t), 'work');
  mkdirSync(directory, { mode: 0o755 });
  await startUnitd(t, {
    'web.yaml': `
      command: ${child.announce} ${channel.path}
      user: nobody
      group: daemon
      supplementaryGroups: [adm]
      umask: "0002"
      limits: { nofile: 512 }
      nice: ${nicer}
      oomScoreAdjust: 100
      noNewPrivileges: true
      workingDirectory: ${directory}
      environment: { GREETING: "good  morning" }`,
  });
  const { pid } = await channel.next('up');
  assert.deepEqual(ids(pid, 'Uid'), four(idsOf('nobody')[0]));
  assert.equal(statusField(pid, 'Umask'), '0002');
  assert.equal(statusField(pid, 'NoNewPrivs'), '1');
  assert.equal(getPriority(pid), nicer);
  assert.equal(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim(), '100');
  assert.match(readFileSync(`/proc/${pid}/limits`, 'utf8'), /^Max open files +512 +512 /m);
  assert.equal(readlinkSync(`/proc/${pid}/cwd`), directory);
  assert.ok(readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes('GREETING=good  morning'));
});

test('environment and environmentFiles: files win, in their order; an optional one may be missing', async (t) => {
  const directory = temporaryDirectory(t);
  const [first, second] = [join(directory, 'first'), join(directory, 'second')];
  writeFileSync(first, '# a comment\nA=first\nB=first\nexport C="two words"\n\nD=\'$A\'\n');
  writeFileSync(second, 'B=second\n');
  const unitd = await startUnitd(
    t,
    {
      'web.yaml': `
        type: oneshot
        command: env
        environment: { A: field, E: field, INHERITED: field }
        environmentFiles: [${first}, ${second}, -${join(directory, 'missing')}]
        logs: { format: raw }`,
    },
    { env: { INHERITED: 'daemon', OTHER: 'daemon' } },
  );
  await unitd.until({ web: 'completed' });
  const lines = (await unitd.untilLog('web', 'OTHER')).split('\n');
  for (const line of [
    'A=first',
    'B=second',
    'C=two words',
    'D=$A',
    'E=field',
    'INHERITED=field',
    'OTHER=daemon',
  ]) {
    assert.ok(lines.includes(line), `${line} in ${lines.join(' ')}`);
  }
});

test('command: ${VAR}, $$, quotes and empty words, without a shell', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'env');
  writeFileSync(file, 'FROM_FILE=file\n');
  const unitd = await startUnitd(t, {
    'text.yaml': `
      type: oneshot
      command: |
        printf '<%s>\\n' \${NAME} "a \${NAME} b" 'single \${FROM_FILE}' \${EMPTY} "" $$ $$\{NAME} $NAME * ; | ~ x\\ y \${UNITD_UNIT}
      environment: { NAME: "two words", EMPTY: "" }
      environmentFiles: [${file}]
      logs: { format: raw }`,
    'list.yaml': `
      type: oneshot
      command: [printf, '<%s>\\n', '\${NAME}', 'it''s "quoted"', '']
      environment: { NAME: "$(id) \`id\` ; *" }
      logs: { format: raw }`,
  });
  await unitd.until({ text: 'completed', list: 'completed' });
  const text = await unitd.untilLog('text', '<text>');
  assert.deepEqual(text.trimEnd().split('\n'), [
    '<two words>',
    '<a two words b>',
    '<single file>',
    '<>',
    '<>',
    '<$>',
    '<${NAME}>',
    '<$NAME>',
    '<*>',
    '<;>',
    '<|>',
    '<~>',
    '<x y>',
    '<text>',
  ]);
  assert.deepEqual((await unitd.untilLog('list', '<>')).trimEnd().split('\n'), [
    '<$(id) `id` ; *>',
    '<it\'s "quoted">',
    '<>',
  ]);
});

test('environment: PATH of the unit decides which program is run', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'greet'), '#!/bin/sh\necho greetings\n', { mode: 0o755 });
  const unitd = await startUnitd(t, {
    'web.yaml': `
      type: oneshot
      command: greet
      environment: { PATH: "/nonexistent:${directory}:/usr/bin:/bin" }`,
  });
  await unitd.until({ web: 'completed' });
  await unitd.untilLog('web', 'greetings');
});

test('workingDirectory: a relative command is found there', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'bin'));
  writeFileSync(join(directory, 'bin/where'), '#!/bin/sh\npwd\n', { mode: 0o755 });
  const unitd = await startUnitd(t, {
    'web.yaml': `
      type: oneshot
      command: bin/where
      workingDirectory: ${directory}`,
  });
  await unitd.until({ web: 'completed' });
  await unitd.untilLog('web', directory);
});
