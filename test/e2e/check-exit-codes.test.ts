// The exit code of real commands, each as the manual's table has it, and that stdout carries the answer alone.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { child, openChannel, openGate } from '../support/child.ts';
import { cannotRunAs, run } from '../support/launch.ts';
import { startUnitd } from '../support/unitd.ts';

test('0 and 3: status tells whether every wanted unit is up', async (t) => {
  const unitd = await startUnitd(t, {
    'web.yaml': 'command: sleep infinity',
    'spare.yaml': 'command: sleep infinity\nenabled: false',
    'job.yaml': 'command: "true"\ntype: oneshot',
  });
  await unitd.until({ web: 'running', job: 'completed' });
  assert.equal(
    (await unitd.cli('status')).code,
    0,
    'one that is not wanted does not count, one that completed is up',
  );
  assert.equal((await unitd.cli('status', 'web')).code, 0);
  unitd.write('bad.yaml', `command: ${child.exit} 9\nrestart: { policy: "no" }\nstartPost: [sleep infinity]`);
  await unitd.cli('reload');
  await unitd.until({ bad: 'failed' });
  assert.equal((await unitd.cli('status')).code, 3);
  assert.equal((await unitd.cli('status', '--json')).code, 3);
  assert.equal((await unitd.cli('status', 'bad')).code, 3);
  assert.equal((await unitd.cli('status', 'web')).code, 0);
});

test('1: a unit that does not come up, and one that runs into --timeout', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'bad.yaml': `command: ${child.exit} 9\nenabled: false\nrestart: { policy: "no" }\nstartPost: [sleep infinity]`,
    'slow.yaml': `command: sleep infinity\nenabled: false\nstartPost: ["${child.gate} ${channel.path} ${gate.path}"]`,
    'missing.yaml': 'command: /nonexistent/program\nenabled: false\nrestart: { policy: "no" }',
  });
  const bad = await unitd.cli('start', 'bad');
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /bad.*exited with code 9/);
  assert.equal(bad.stdout, '');
  const missing = await unitd.cli('start', 'missing');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /\/nonexistent\/program/, 'what could not be run, by name');
  assert.equal((await unitd.cli('start', 'slow', '--timeout', '10ms')).code, 1);
  assert.equal((await unitd.cli('start', 'slow', '--no-wait')).code, 0);
  gate.open();
  await unitd.until({ slow: 'running' });
});

test('2 and 78: plan with changes, and with a bad file', async (t) => {
  const unitd = await startUnitd(t, {});
  assert.equal((await unitd.cli('plan')).code, 0);
  unitd.write('web.yaml', 'command: sleep infinity');
  assert.equal((await unitd.cli('plan')).code, 2);
  unitd.write('bad.yaml', 'nice: []');
  assert.equal((await unitd.cli('plan')).code, 78);
  assert.equal((await unitd.cli('reload')).code, 78);
  assert.equal((await unitd.cli('check', join(unitd.units, 'bad.yaml'))).code, 78);
  assert.equal((await unitd.cli('check', join(unitd.units, 'web.yaml'))).code, 0);
});

test('4: no such unit, for every verb that takes one', async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  const calls = [
    ...['status', 'show', 'deps', 'logs', 'wait', 'start', 'stop', 'restart', 'release', 'reset'].map(
      (verb) => [verb, 'wbe'],
    ),
    ['signal', 'wbe', 'HUP'],
    ['events', '--unit', 'wbe'],
  ];
  for (const call of calls) {
    const ran = await unitd.cli(...call);
    assert.equal(ran.code, 4, `${call.join(' ')}: ${ran.stderr}`);
    assert.match(ran.stderr, /"wbe"/, call.join(' '));
    assert.equal(ran.stdout, '', call.join(' '));
  }
  assert.match((await unitd.cli('status', 'wbe')).stderr, /web/, 'it says which was meant');
});

test('4: a name that is almost right is asked about, for every verb that takes one', async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  const verbs = ['status', 'show', 'deps', 'logs', 'wait', 'start', 'stop', 'restart', 'release', 'reset'];
  for (const call of [
    ...verbs.map((verb) => [verb, 'wbe']),
    ['signal', 'wbe', 'HUP'],
    ['events', '--unit', 'wbe'],
  ]) {
    const ran = await unitd.cli(...call);
    assert.equal(ran.code, 4, `${call.join(' ')}: ${ran.stderr}`);
    assert.match(
      ran.stderr,
      /^unitd: cannot find unit "wbe": [^\n]*\n {2}did you mean web\?\n/,
      call.join(' '),
    );
  }
});

test('4: an empty name is no unit, for every verb that takes one', async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  await unitd.until({ web: 'running' });
  const verbs = ['status', 'show', 'deps', 'logs', 'wait', 'start', 'stop', 'restart', 'release', 'reset'];
  const calls = [...verbs.map((verb) => [verb, '']), ['signal', '', 'HUP'], ['events', '--unit', '']];
  for (const call of calls) {
    const ran = await unitd.cli(...call);
    assert.equal(ran.code, 4, `${call.join(' ')}: ${ran.stderr}`);
    assert.match(
      ran.stderr,
      /^unitd: cannot find unit "": the name is empty, expected [^\n]*\n$/,
      call.join(' '),
    );
    assert.equal(ran.stdout, '', call.join(' '));
  }
  const mixed = await unitd.cli('status', '', 'web');
  assert.equal(mixed.code, 4);
  assert.match(mixed.stdout, /^● web/m, 'the others are told of');
});

test('4 with --json: a problem document, for every verb that answers with one document', async (t) => {
  const unitd = await startUnitd(t, {});
  const verbs = ['status', 'show', 'deps', 'logs', 'wait', 'start', 'stop', 'restart', 'release', 'reset'];
  for (const verb of verbs) {
    const ran = await unitd.cli(verb, 'nosuch', '--json');
    assert.equal(ran.code, 4, verb);
    const { type, status, detail } = JSON.parse(ran.stdout);
    assert.deepEqual([type, status], ['tag:unitd,2026:unknown-unit', 404], verb);
    // The same sentence, whoever looked for the name: the daemon or the client.
    assert.equal(
      detail,
      'cannot find unit "nosuch": no unit file of that name is loaded, expected one of those in "unitd status"',
      verb,
    );
  }
});

test('64: a verb, an option or a value that there is not', async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  for (const call of [
    ['statsu'],
    ['start'],
    ['reload', '--dryrun'],
    ['reload', '--timeout', '5'],
    ['wait', 'web', '--for', 'happiness'],
    ['logs', 'web', '-n', 'many'],
    ['logs', 'web', '--since', 'yesterdayish'],
    ['signal', 'web', 'SIGNOPE'],
  ]) {
    const ran = await unitd.cli(...call);
    assert.equal(ran.code, 64, `${call.join(' ')}: ${ran.stderr}`);
    assert.equal(ran.stdout, '', call.join(' '));
    assert.notEqual(ran.stderr, '', call.join(' '));
  }
});

test('69: nobody answers at the socket, for every verb that asks the daemon', async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  await unitd.stop();
  for (const call of [
    ['status'],
    ['plan'],
    ['reload'],
    ['events'],
    ['deps'],
    ['show', 'web'],
    ['start', 'web'],
    ['wait', 'web'],
    ['logs', 'web'],
  ]) {
    const ran = await unitd.cli(...call);
    assert.equal(ran.code, 69, `${call.join(' ')}: ${ran.stderr}`);
    assert.match(ran.stderr, /cannot reach the daemon at ".*unitd\.sock"/);
  }
});

test('77: another user may not use the socket', { skip: cannotRunAs('nobody') }, async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  const other = await run({ args: ['status'], env: unitd.env, cwd: unitd.root, asUser: 'nobody' });
  assert.equal(other.code, 77, other.stderr);
  assert.match(other.stderr, /not permitted/);
});

test('wait exits 0 when all are there, 3 on timeout or failure', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: sleep infinity\nstartPost: ["${child.gate} ${channel.path} ${gate.path}"]`,
    'job.yaml': 'command: "true"\ntype: oneshot',
    'bad.yaml': `command: ${child.exit} 9\nrestart: { policy: "no" }\nstartPost: [sleep infinity]`,
  });
  await channel.next('waiting');
  const late = await unitd.cli('wait', 'web', '--timeout', '10ms');
  assert.equal(late.code, 3);
  assert.match(late.stderr, /^unitd: not ready: time is up$/m);
  const waiting = unitd.spawnCli('wait', 'web', 'job', '--for', 'ready', '--json');
  gate.open();
  assert.deepEqual(await waiting.ended, { code: 0, signal: null });
  assert.equal((await unitd.cli('wait', 'web', '--for', 'running')).code, 0);
  assert.equal((await unitd.cli('wait', 'job', '--for', 'completed')).code, 0);
  assert.equal((await unitd.cli('wait', 'job', '--for', 'stopped')).code, 0);
  await unitd.until({ bad: 'failed' });
  const hopeless = await unitd.cli('wait', 'web', 'bad');
  assert.equal(hopeless.code, 3);
  assert.match(hopeless.stderr, /bad.*failed/);
  const stopped = unitd.spawnCli('wait', 'web', '--for', 'stopped');
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.deepEqual(await stopped.ended, { code: 0, signal: null });
});
