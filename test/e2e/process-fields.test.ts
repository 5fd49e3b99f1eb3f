// Every field of a unit file that shapes its processes, as the process itself sees it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/base/package-root.ts';
import { child, openChannel, temporaryDirectory } from '../support/child.ts';
import { idsOf } from '../support/launch.ts';
import { environmentOf } from '../support/processes.ts';
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
      startPost: [echo that is all]
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
  const lines = (await unitd.untilLog('env', 'that is all\n')).split('\n');
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
    environmentOf(of)
      .map((entry) => entry.split('=')[0] ?? '')
      .sort();
  assert.deepEqual(names(pid), names(plain));
});

/** Every limit of the schema: what /proc calls it, and a soft and a hard value that is below what machines have. */
const LIMITS = {
  as: ['Max address space', 8e9, 9e9],
  core: ['Max core file size', 0, 0],
  cpu: ['Max cpu time', 1000, 2000],
  data: ['Max data size', 8e9, 9e9],
  fsize: ['Max file size', 1e6, 2e6],
  locks: ['Max file locks', 100, 200],
  memlock: ['Max locked memory', 4096, 8192],
  msgqueue: ['Max msgqueue size', 1000, 2000],
  nice: ['Max nice priority', 1, 2],
  nofile: ['Max open files', 200, 300],
  nproc: ['Max processes', 4000, 5000],
  rss: ['Max resident set', 1e6, 2e6],
  rtprio: ['Max realtime priority', 1, 2],
  rttime: ['Max realtime timeout', 1e6, 2e6],
  sigpending: ['Max pending signals', 100, 200],
  stack: ['Max stack size', 4_194_304, 8_388_608],
} as const satisfies Readonly<Record<string, readonly [string, number, number]>>;

function limitsOf(pid: number | 'self'): ReadonlyMap<string, string> {
  return new Map(
    readFileSync(`/proc/${pid}/limits`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => [line.slice(0, 25).trim(), line.slice(25).trim().split(/\s+/).slice(0, 2).join(':')]),
  );
}

test('limits: soft and hard of every resource of the schema; of a unit that names none they are as they were', async (t) => {
  const schema: { readonly properties: { readonly limits: { readonly properties: object } } } = JSON.parse(
    readFileSync(join(packageRoot(), 'schemas/unit.schema.json'), 'utf8'),
  );
  assert.deepEqual(Object.keys(LIMITS), Object.keys(schema.properties.limits.properties).sort());
  const own = limitsOf('self');
  const values = Object.entries(LIMITS).map(([field, [name, soft, hard]]) => {
    // Nobody but root may raise what the machine allows.
    const most = Number((own.get(name) ?? '').split(':')[1]?.replace('unlimited', 'Infinity'));
    return { field, name, value: `${Math.min(soft, most)}:${Math.min(hard, most)}` };
  });
  const channel = openChannel(t);
  await startUnitd(t, {
    'all.yaml': `
      command: ${child.announce} ${channel.path} all
      limits: { ${values.map(({ field, value }) => `${field}: "${value}"`).join(', ')} }`,
    'plain.yaml': `command: ${child.announce} ${channel.path} plain`,
    'one.yaml': `
      command: ${child.announce} ${channel.path} one
      limits: { core: 0 }`,
  });
  const all = limitsOf((await channel.next('all')).pid);
  assert.deepEqual(
    values.map(({ name }) => `${name} ${all.get(name)}`),
    values.map(({ name, value }) => `${name} ${value}`),
  );
  const plain = limitsOf((await channel.next('plain')).pid);
  const openFiles = (own.get('Max open files') ?? '').split(':')[1];
  assert.deepEqual(
    plain,
    new Map([...own, ['Max open files', `${Math.min(1024, Number(openFiles))}:${openFiles}`]]),
  );
  const one = limitsOf((await channel.next('one')).pid);
  assert.deepEqual(one, new Map([...plain, ['Max core file size', '0:0']]));
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
  assert.ok(environmentOf(pid).includes('GREETING=good  morning'));
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
        startPost: [echo that is all]
        environment: { A: field, E: field, INHERITED: field }
        environmentFiles: [${first}, ${second}, -${join(directory, 'missing')}]
        logs: { format: raw }`,
    },
    { env: { INHERITED: 'daemon', OTHER: 'daemon' } },
  );
  await unitd.until({ web: 'completed' });
  const lines = (await unitd.untilLog('web', 'that is all\n')).split('\n');
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
