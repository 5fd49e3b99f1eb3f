// What a unit's start asks of others: requires, wants, requisite, bindsTo, after, before, on real processes.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { child, openChannel, openGate, temporaryDirectory } from '../support/child.ts';
import { startUnitd } from '../support/unitd.ts';

for (const field of ['requires', 'wants', 'bindsTo'] as const) {
  test(`${field}: starts the other unit, though that is not enabled, and waits until it is up`, async (t) => {
    const channel = openChannel(t);
    const gate = openGate(t);
    const unitd = await startUnitd(t, {
      'db.yaml': `
        enabled: false
        command: ${child.announce} ${channel.path} db
        startPre: [${child.gate} ${channel.path} ${gate.path}]`,
      'web.yaml': `
        command: ${child.announce} ${channel.path} web
        ${field}: [db]`,
    });
    await channel.next('waiting');
    await unitd.until({ web: 'waiting', db: 'starting' });
    assert.equal((await unitd.unit('web')).unit.reason, 'waiting for "db", which is starting');
    gate.open();
    await channel.next('web');
    await unitd.until({ web: 'running', db: 'running' });
    assert.ok(unitd.processes().length >= 2);
    const edges = (await unitd.unit('web')).dependencies.map((edge) => [edge.field, edge.name, edge.ready]);
    assert.deepEqual(edges, [[field, 'db', true]]);
  });
}

test('requires and bindsTo wait for a unit that fails, and come up when it recovers; wants does not wait', async (t) => {
  const channel = openChannel(t);
  const healed = join(temporaryDirectory(t), 'healed');
  const unitd = await startUnitd(t, {
    'db.yaml': `
      startPre: [test -e ${healed}]
      command: ${child.announce} ${channel.path} db
      restart: { policy: no }`,
    'strong.yaml': `
      command: ${child.announce} ${channel.path} strong
      requires: [db]`,
    'bound.yaml': `
      command: ${child.announce} ${channel.path} bound
      bindsTo: [db]`,
    'weak.yaml': `
      command: ${child.announce} ${channel.path} weak
      wants: [db]`,
    'above.yaml': `
      command: ${child.announce} ${channel.path} above
      requires: [strong]`,
  });
  await channel.next('weak');
  await unitd.until({ db: 'failed', strong: 'waiting', bound: 'waiting', above: 'waiting', weak: 'running' });
  const reasonOf = async (name: string): Promise<string> => (await unitd.unit(name)).unit.reason;
  assert.equal(await reasonOf('strong'), 'waiting for "db", which failed (startPre[0] exited with code 1)');
  assert.equal(await reasonOf('above'), 'waiting for "strong", which is waiting itself');
  const refused = await unitd.cli('start', 'above');
  assert.equal(refused.code, 1, 'what it needs has been tried again, and has failed again');
  assert.match(refused.stderr, /waiting for "strong"/);
  assert.deepEqual(
    channel.said.map(({ word }) => word),
    ['weak'],
  );

  writeFileSync(healed, '');
  assert.equal((await unitd.cli('start', 'db')).code, 0);
  await unitd.until({ db: 'running', strong: 'running', bound: 'running', above: 'running' });
  for (const word of ['db', 'strong', 'bound', 'above']) await channel.next(word);
});

test('a unit whose requirement is in backoff waits, says so, and comes up with it', async (t) => {
  const channel = openChannel(t);
  const healed = join(temporaryDirectory(t), 'healed');
  const unitd = await startUnitd(t, {
    'db.yaml': `
      startPre: [test -e ${healed}]
      command: ${child.announce} ${channel.path} db
      restart: { delay: 1h, maxDelay: 1h }`,
    'web.yaml': `
      command: ${child.announce} ${channel.path} web
      requires: [db]`,
  });
  await unitd.until({ db: 'backoff', web: 'waiting' });
  assert.equal(
    (await unitd.unit('web')).unit.reason,
    'waiting for "db", which startPre[0] exited with code 1 and is to be restarted',
  );
  writeFileSync(healed, '');
  assert.equal((await unitd.cli('reset', 'db')).code, 0);
  await channel.next('web');
  await unitd.until({ db: 'running', web: 'running' });
});

test('requisite: a start is refused while the other is not up, starts nothing, and works when it is up', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'db.yaml': `
      enabled: false
      command: ${child.announce} ${channel.path} db`,
    'web.yaml': `
      enabled: false
      command: ${child.announce} ${channel.path} web
      requisite: [db]`,
  });
  const refused = await unitd.cli('start', 'web');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /requisite "db" is not up/);
  await unitd.until({ web: 'failed', db: 'stopped' });
  assert.deepEqual(channel.said, []);
  assert.equal((await unitd.cli('start', 'db')).code, 0);
  assert.equal((await unitd.cli('start', 'web')).code, 0);
  await unitd.until({ web: 'running', db: 'running' });
});

test('requisite: a reload that enables a unit while the other is not up foretells its failure, and fails', async (t) => {
  const web = (enabled: boolean): string => `
      command: ${child.exit} 0
      enabled: ${enabled}
      requisite: [db]`;
  const unitd = await startUnitd(t, {
    'db.yaml': `
      command: ${child.exit} 0
      enabled: false`,
    'web.yaml': web(false),
  });
  unitd.write('web.yaml', web(true));
  const plan = await unitd.cli('plan');
  assert.match(plan.stdout, /web +start +now wanted; it will fail: its requisite "db" is not up/);
  assert.equal((await unitd.cli('reload')).code, 1);
  assert.equal((await unitd.unit('web')).unit.state, 'failed');
});

test('requisite: a unit that is still starting is waited for', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'db.yaml': `
      command: ${child.announce} ${channel.path} db
      startPre: [${child.gate} ${channel.path} ${gate.path}]`,
    'web.yaml': `
      command: ${child.announce} ${channel.path} web
      requisite: [db]`,
  });
  await channel.next('waiting');
  await unitd.until({ db: 'starting', web: 'waiting' });
  gate.open();
  await unitd.until({ db: 'running', web: 'running' });
});

test('after and before order units that both start, and start nothing by themselves', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'first.yaml': `
      type: oneshot
      before: [second]
      command: ${child.gate} ${channel.path} ${gate.path}`,
    'second.yaml': `command: ${child.announce} ${channel.path} second`,
    'third.yaml': `
      after: [second, absent]
      command: ${child.announce} ${channel.path} third`,
    'absent.yaml': `
      enabled: false
      command: ${child.announce} ${channel.path} absent`,
  });
  await channel.next('waiting');
  await unitd.until({ first: 'starting', second: 'waiting', third: 'waiting', absent: 'stopped' });
  gate.open();
  await unitd.until({ first: 'completed', second: 'running', third: 'running' });
  await channel.next('second');
  await channel.next('third');
  assert.equal((await unitd.unit('absent')).unit.state, 'stopped');
  assert.deepEqual(
    channel.said.filter(({ word }) => word === 'absent'),
    [],
  );
});

test('after: a unit that failed does not keep the ones after it waiting', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'first.yaml': `
      type: oneshot
      command: ${child.exit} 1`,
    'second.yaml': `
      after: [first]
      command: ${child.announce} ${channel.path} second`,
  });
  await channel.next('second');
  await unitd.until({ first: 'failed', second: 'running' });
});

test('a diamond of requirements starts from the bottom, each level when the one below is up', async (t) => {
  const channel = openChannel(t);
  const gates = [openGate(t), openGate(t)] as const;
  const gated = (gate: { readonly path: string }): string => `
      type: oneshot
      command: ${child.gate} ${channel.path} ${gate.path}`;
  const unitd = await startUnitd(t, {
    'base.yaml': `
      type: oneshot
      command: ${child.exit} 0`,
    'left.yaml': `${gated(gates[0])}
      requires: [base]`,
    'right.yaml': `${gated(gates[1])}
      requires: [base]`,
    'top.yaml': `
      command: ${child.announce} ${channel.path} top
      requires: [left, right]`,
  });
  await channel.next('waiting', 1);
  await unitd.until({ base: 'completed', left: 'starting', right: 'starting', top: 'waiting' });
  gates[0].open();
  await unitd.until({ left: 'completed', right: 'starting', top: 'waiting' });
  gates[1].open();
  await channel.next('top');
});
