// What a reload does to running units, and what it leaves alone.
import assert from 'node:assert/strict';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { OperationDocument } from '../../src/wire/v1.ts';
import { child, openChannel, openGate, temporaryDirectory } from '../support/child.ts';
import { startUnitd } from '../support/unitd.ts';

test('a second reload does nothing: no process moves, and plan exits 0', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.announce} ${channel.path}` });
  const { pid } = await channel.next('up');
  for (const _ of [1, 2]) {
    const ran = await unitd.cli('reload', '--json');
    assert.equal(ran.code, 0, ran.stderr);
    const document: OperationDocument = JSON.parse(ran.stdout);
    assert.deepEqual(document.units, []);
    assert.deepEqual(document.plan?.units, []);
  }
  assert.equal((await unitd.cli('plan')).code, 0);
  assert.equal((await unitd.status()).units[0]?.pid, pid);
  // The same content by another layout is no change either.
  unitd.write('web.yaml', `# a remark\ncommand:\n  - ${child.announce}\n  - ${channel.path}\n`);
  assert.equal((await unitd.cli('plan')).code, 0);
});

test('a removed file stops its unit and forgets it; a renamed one is a stop and a start', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'gone.yaml': `command: ${child.announce} ${channel.path} gone`,
    'old.yaml': `command: ${child.announce} ${channel.path} named`,
    'rest.yaml': `command: ${child.announce} ${channel.path} rest`,
  });
  const before = await channel.next('named');
  const rest = await channel.next('rest');
  await channel.next('gone');
  unitd.remove('gone.yaml');
  renameSync(join(unitd.units, 'old.yaml'), join(unitd.units, 'new.yml'));
  const ran = await unitd.cli('reload', '--json');
  assert.equal(ran.code, 0, ran.stderr);
  const { plan }: OperationDocument = JSON.parse(ran.stdout);
  assert.deepEqual(
    plan?.units.map(({ name, action }) => `${action} ${name}`),
    ['stop gone', 'start new', 'stop old'],
  );
  const after = await channel.next('named', 1);
  assert.notEqual(after.pid, before.pid);
  assert.deepEqual(
    (await unitd.status()).units.map(({ name, state, pid }) => ({ name, state, pid })),
    [
      { name: 'new', state: 'running', pid: after.pid },
      { name: 'rest', state: 'running', pid: rest.pid },
    ],
  );
  const left = unitd.processes().map(({ pid }) => pid);
  assert.deepEqual(new Set(left), new Set([rest.pid, after.pid]));
});

test('reload is all or nothing: one bad file among changes, exit 78 with file:line:column, and nothing moves', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.announce} ${channel.path} web`,
    'gone.yaml': `command: ${child.announce} ${channel.path} gone`,
  });
  const web = await channel.next('web');
  const gone = await channel.next('gone');
  unitd.write('web.yaml', `command: ${child.announce} ${channel.path} changed`);
  unitd.remove('gone.yaml');
  unitd.write('fresh.yaml', `command: ${child.announce} ${channel.path} fresh`);
  unitd.write('bad.yaml', 'command: sleep infinity\nrestart:\n  dellay: 5s\n');
  unitd.write('worse.yaml', 'command: sleep infinity\nnice: very\n');
  const ran = await unitd.cli('reload');
  assert.equal(ran.code, 78);
  const lines = ran.stderr.split('\n');
  const bad = lines.find((line) => line.startsWith(`${join(unitd.units, 'bad.yaml')}:3:3: `));
  assert.match(bad ?? ran.stderr, /dellay.*delay/, 'the field, and what was meant');
  const worse = lines.find((line) => line.startsWith(`${join(unitd.units, 'worse.yaml')}:2:`));
  assert.match(worse ?? ran.stderr, /nice.*very.*expected/, 'the value, and what was expected');
  assert.deepEqual(
    (await unitd.status()).units.map(({ name, pid }) => ({ name, pid })),
    [
      { name: 'gone', pid: gone.pid },
      { name: 'web', pid: web.pid },
    ],
  );
  assert.deepEqual(channel.said.map(({ word }) => word).sort(), ['gone', 'web']);
});

test('reload is refused as a whole when a cycle or a missing unit makes the set wrong', async (t) => {
  const unitd = await startUnitd(t, { 'a.yaml': 'command: sleep infinity' });
  unitd.write('a.yaml', 'command: sleep infinity\nrequires: [b]');
  unitd.write('b.yaml', 'command: sleep infinity\nrequires: [c]');
  unitd.write('c.yaml', 'command: sleep infinity\nrequires: [a]');
  const cycle = await unitd.cli('reload');
  assert.equal(cycle.code, 78);
  assert.match(cycle.stderr, /a\b.*b\b.*c\b.*a\b/, 'the path of the cycle');
  unitd.write('c.yaml', 'command: sleep infinity\nrequires: [nobody]');
  const unknown = await unitd.cli('reload');
  assert.equal(unknown.code, 78);
  assert.match(unknown.stderr, /c\.yaml:2:\d+: .*nobody/);
  unitd.write('c.yaml', 'command: sleep infinity');
  assert.equal((await unitd.cli('reload')).code, 0);
});

test('units that require one that restarts, restart with it and after it; those that only want it stay', async (t) => {
  const channel = openChannel(t);
  const base = (word: string): string => `command: ${child.announce} ${channel.path} ${word}`;
  const unitd = await startUnitd(t, {
    'db.yaml': base('db'),
    'api.yaml': `${base('api')}\nrequires: [db]`,
    'web.yaml': `${base('web')}\nrequires: [api]`,
    'fan.yaml': `${base('fan')}\nwants: [db]`,
  });
  for (const word of ['db', 'api', 'web', 'fan']) await channel.next(word);
  await unitd.until({ web: 'running', fan: 'running' });
  const begun = channel.said.length;
  unitd.write('db.yaml', base('db2'));
  const ran = await unitd.cli('reload', '--json');
  assert.equal(ran.code, 0, ran.stderr);
  const { plan }: OperationDocument = JSON.parse(ran.stdout);
  assert.deepEqual(
    plan?.units.map(({ name, action, reason }) => `${action} ${name}: ${reason}`),
    [
      'restart api: requires "db", which restarts',
      'restart db: command changed',
      'restart web: requires "api", which restarts',
    ],
  );
  for (const [word, skip] of [
    ['db2', 0],
    ['api', 1],
    ['web', 1],
  ] as const)
    await channel.next(word, skip);
  assert.deepEqual(
    channel.said
      .slice(begun)
      .map(({ word }) => word)
      .sort(),
    ['api', 'db2', 'web'],
  );
  // The order is that of the starts: which child speaks first after that is the scheduler's business.
  const { units } = await unitd.status();
  const startOf = (name: string): string => units.find((unit) => unit.name === name)?.startedAt ?? '';
  assert.ok(startOf('fan') < startOf('db'));
  assert.ok(startOf('db') <= startOf('api') && startOf('api') <= startOf('web'));
});

test('what a unit that restarts requires and has ended is started with it, and the plan says so', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'db.yaml': `command: ${child.announce} ${channel.path} db\nrestart: { policy: on-failure }`,
    'web.yaml': 'command: sleep infinity\nrequires: [db]',
  });
  const before = await channel.next('db');
  await unitd.until({ web: 'running' });
  process.kill(before.pid);
  await unitd.until({ db: 'completed', web: 'running' });
  unitd.write('web.yaml', 'command: sleep infinity\nrequires: [db]\nnice: 5');
  const plan = await unitd.cli('plan');
  assert.match(plan.stdout, /db\s+start\s+required by "web"; it had ended\n/);
  const ran = await unitd.cli('reload', '--plan', /[0-9a-f]{12}/.exec(plan.stdout)?.[0] ?? 'none');
  assert.equal(ran.code, 0, ran.stderr);
  assert.notEqual((await channel.next('db', 1)).pid, before.pid);
  await unitd.until({ db: 'running', web: 'running' });
  assert.equal((await unitd.cli('plan')).code, 0);
});

test('a unit that leaves is down before the one that conflicts with it starts', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const blue = `command: ${child.stopSlowly} ${channel.path} ${gate.path}\nstop: { timeout: 1h }`;
  const unitd = await startUnitd(t, { 'blue.yaml': blue });
  await channel.next('up');
  unitd.remove('blue.yaml');
  unitd.write('blue.yaml', `${blue}\nenabled: false`);
  unitd.write('green.yaml', `command: ${child.announce} ${channel.path} green\nconflicts: [blue]`);
  const reloading = unitd.cli('reload', '--json');
  await channel.next('stopping');
  await unitd.until({ blue: 'stopping', green: 'waiting' });
  assert.match((await unitd.unit('green')).unit.reason, /waiting for "blue" to stop/);
  gate.open();
  const ran = await reloading;
  assert.equal(ran.code, 0, ran.stderr);
  await channel.next('green');
  assert.deepEqual(
    (await unitd.status()).units.map(({ name, state }) => `${name} ${state}`),
    ['blue stopped', 'green running'],
  );
});

test('reload answers when the moved units are up, startPost included; with --no-wait at once', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {});
  const unit = (name: string): string => `
    command: ${child.announce} ${channel.path} ${name}
    startPost: ["${child.gate} ${channel.path} ${gate.path}"]
  `;
  unitd.write('a.yaml', unit('a'));
  const reloading = unitd.cli('reload', '--json');
  await channel.next('waiting');
  gate.open();
  const waited: OperationDocument = JSON.parse((await reloading).stdout);
  assert.deepEqual(
    waited.units.map(({ name, state, outcome }) => ({ name, state, outcome })),
    [{ name: 'a', state: 'running', outcome: 'done' }],
  );
  unitd.write('b.yaml', unit('b'));
  const ran = await unitd.cli('reload', '--json', '--no-wait');
  const told: OperationDocument = JSON.parse(ran.stdout);
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual(
    told.units.map(({ name, outcome }) => ({ name, outcome })),
    [{ name: 'b', outcome: 'pending' }],
  );
  await channel.next('waiting', 1);
  const limited = await unitd.cli('restart', 'b', '--timeout', '50ms');
  assert.equal(limited.code, 1, 'the wait ended first');
  gate.open();
  gate.open();
  await unitd.until({ b: 'running' });
});

test('a daemon without units says where it looks for their files', async (t) => {
  const unitd = await startUnitd(t, {});
  await unitd.says(`no units, unit files go to \\"${unitd.units}\\"`);
  const status = await unitd.cli('status');
  assert.equal(status.code, 0);
});

test('reload exits 1 when a unit that it moved does not come up, and 0 when that was crash-looping before', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'loop.yaml': `command: ${child.exit} 3\nrestart: { delay: 1h, maxDelay: 1h, resetAfter: 1h }`,
    'web.yaml': `command: ${child.announce} ${channel.path}`,
  });
  await unitd.until({ loop: 'backoff', web: 'running' });
  unitd.write('loop.yaml', `command: ${child.exit} 4\nrestart: { delay: 1h, maxDelay: 1h }`);
  unitd.write('web.yaml', `command: ${child.announce} ${channel.path} again`);
  assert.equal((await unitd.cli('reload')).code, 0);
  // It counts as up from its exec on; that it was tried anew, its end says.
  await unitd.until(
    (look) =>
      look('loop')?.to === 'backoff' && look('loop')?.reason.startsWith('exited with code 4') === true,
  );
  unitd.write(
    'loop.yaml',
    `startPre: [${child.exit} 6]\ncommand: sleep infinity\nrestart: { delay: 1h, maxDelay: 1h }`,
  );
  const excused = await unitd.cli('reload');
  assert.equal(excused.code, 0, excused.stderr);
  assert.match(
    excused.stderr,
    /^▲ loop backoff, as before: startPre.* exited with code 6; attempt \d is due$/m,
  );
  assert.doesNotMatch(excused.stderr, /✗/);
  unitd.write('new.yaml', `command: ${child.exit} 5\nstartPost: [sleep infinity]\nrestart: { policy: "no" }`);
  const blamed = await unitd.cli('reload');
  assert.equal(blamed.code, 1);
  assert.match(blamed.stderr, /new.*failed.*exited with code 5/);
  assert.equal((await unitd.cli('reload')).code, 0, 'it moves nothing any more');
});

test('SIGHUP reloads; with a bad file it says file, line and column in its log and changes nothing', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.announce} ${channel.path} one` });
  const { pid } = await channel.next('one');
  unitd.write('bad.yaml', 'command: sleep infinity\nuser: [x]\n');
  unitd.write('web.yaml', `command: ${child.announce} ${channel.path} two`);
  unitd.signal('SIGHUP');
  await unitd.says(`${join(unitd.units, 'bad.yaml')}:2:`);
  assert.equal((await unitd.unit('web')).unit.pid, pid);
  unitd.remove('bad.yaml');
  unitd.signal('SIGHUP');
  assert.notEqual((await channel.next('two')).pid, pid);
});

test('reloads at the same time all answer, and the unit is restarted once', async (t) => {
  const channel = openChannel(t);
  const starts = join(temporaryDirectory(t), 'starts');
  const unit = (value: string): string =>
    `command: ${child.countStarts} ${starts} ${channel.path}\nenvironment: { V: "${value}" }`;
  const unitd = await startUnitd(t, { 'web.yaml': unit('1') });
  await channel.next('up');
  unitd.write('web.yaml', unit('2'));
  const reloads = Array.from({ length: 8 }, () => unitd.cli('reload'));
  for (let count = 0; count < 5; count++) unitd.signal('SIGHUP');
  for (const ran of await Promise.all(reloads)) assert.equal(ran.code, 0, ran.stderr);
  await channel.next('up', 1);
  assert.equal((await unitd.cli('plan')).code, 0);
  assert.equal(readFileSync(starts, 'utf8').trim().split('\n').length, 2);
});

test('a reload during a slow one answers without waiting for it, and may mend what it waits for', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {});
  unitd.write('slow.yaml', `command: ${child.gate} ${channel.path} ${gate.path}\ntype: oneshot`);
  const first = unitd.cli('reload');
  await channel.next('waiting');
  unitd.write('quick.yaml', `command: ${child.announce} ${channel.path}`);
  assert.equal((await unitd.cli('reload')).code, 0);
  await channel.next('up');
  unitd.write('slow.yaml', 'command: "true"\ntype: oneshot');
  assert.equal((await unitd.cli('reload')).code, 0);
  assert.equal((await first).code, 0, 'the first reload sees its unit completed, by the later form');
});
