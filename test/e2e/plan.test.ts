// What plan and reload --dry-run say, and plans that are applied by their id.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperationDocument, PlanDocument, ProblemDetails } from '../../src/wire/v1.ts';
import { child, openChannel } from '../support/child.ts';
import { startUnitd } from '../support/unitd.ts';

test('plan and reload --dry-run print the same, exit 2, name field and values, and change nothing', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.announce} ${channel.path}`,
    'gone.yaml': 'command: sleep infinity',
  });
  const { pid } = await channel.next('up');
  await unitd.until({ web: 'running', gone: 'running' });
  unitd.write('web.yaml', `command: ${child.announce} ${channel.path}\nnice: 5\nlogs: { maxSize: 3MB }`);
  unitd.write('fresh.yaml', 'command: sleep infinity');
  unitd.remove('gone.yaml');
  const plan = await unitd.cli('plan');
  const dry = await unitd.cli('reload', '--dry-run');
  assert.deepEqual(dry, plan);
  assert.equal(plan.code, 2);
  assert.equal(plan.stderr, '');
  for (const said of [/fresh\s+start/, /gone\s+stop/, /web\s+restart\s+nice changed/, /maxSize.*3MB/]) {
    assert.match(plan.stdout, said);
  }
  const json = await unitd.cli('plan', '--json');
  assert.deepEqual(await unitd.cli('reload', '--dry-run', '--json'), json);
  for (const other of ['--plan=0', '--timeout=1s', '--no-wait']) {
    const { code, stderr } = await unitd.cli('reload', '--dry-run', other);
    assert.equal(code, 64);
    assert.match(stderr, /^unitd: cannot combine --dry-run with --(plan|timeout|no-wait): a dry run /);
  }
  const { plan: told }: PlanDocument = JSON.parse(json.stdout);
  assert.deepEqual(
    told.units.flatMap(({ name, changes }) => changes.map((change) => ({ name, ...change }))),
    [
      { name: 'web', field: 'nice', from: null, to: 5, effect: 'restart' },
      {
        name: 'web',
        field: 'logs.maxSize',
        from: '10MB',
        to: '3MB',
        effect: 'in-place',
      },
    ],
  );
  assert.deepEqual(
    (await unitd.status()).units.map(({ name }) => name),
    ['gone', 'web'],
  );
  assert.equal((await unitd.unit('web')).unit.pid, pid);
});

test('plan exits 78 on a bad file and says where, whatever else has changed', async (t) => {
  const unitd = await startUnitd(t, {});
  unitd.write('web.yaml', 'command: sleep infinity');
  unitd.write('bad.yaml', 'command: [sleep\n');
  const ran = await unitd.cli('plan');
  assert.equal(ran.code, 78);
  assert.equal(ran.stdout, '');
  assert.match(ran.stderr, /\/bad\.yaml:\d+:\d+: /);
});

test('reload --plan applies the plan of that id', async (t) => {
  const unitd = await startUnitd(t, {});
  unitd.write('web.yaml', 'command: sleep infinity');
  const { plan }: PlanDocument = JSON.parse((await unitd.cli('plan', '--json')).stdout);
  assert.match((await unitd.cli('plan')).stdout, new RegExp(plan.id), 'the id is shown to people too');
  const ran = await unitd.cli('reload', '--plan', plan.id, '--json');
  assert.equal(ran.code, 0, ran.stderr);
  const document: OperationDocument = JSON.parse(ran.stdout);
  assert.equal(document.plan?.id, plan.id);
  assert.equal((await unitd.status()).units[0]?.state, 'running');
});

test('reload --plan refuses with exit 1, the plan of now, and no change, when a file has moved', async (t) => {
  const unitd = await startUnitd(t, {});
  unitd.write('web.yaml', 'command: sleep infinity');
  const { plan }: PlanDocument = JSON.parse((await unitd.cli('plan', '--json')).stdout);
  unitd.write('web.yaml', 'command: sleep 1000');
  const ran = await unitd.cli('reload', '--plan', plan.id);
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, new RegExp(`cannot apply plan "${plan.id}"`));
  assert.deepEqual((await unitd.status()).units, []);
  const { plan: now }: PlanDocument = JSON.parse((await unitd.cli('plan', '--json')).stdout);
  assert.match(ran.stderr, new RegExp(now.id), 'it names the plan that holds now');
  const refused = await unitd.cli('reload', '--plan', plan.id, '--json');
  const details: ProblemDetails = JSON.parse(refused.stdout);
  assert.equal(details.plan?.id, now.id);
});

test('reload --plan refuses when the units have moved since, though no file has', async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  await unitd.until({ web: 'running' });
  unitd.write('web.yaml', 'command: sleep 1000');
  const { plan }: PlanDocument = JSON.parse((await unitd.cli('plan', '--json')).stdout);
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.equal((await unitd.cli('reload', '--plan', plan.id)).code, 1);
});

test('plan ids: equal files and units, equal ids, over layout and order of files', async (t) => {
  const unitd = await startUnitd(t, {});
  const id = async (): Promise<string> => {
    const { plan }: PlanDocument = JSON.parse((await unitd.cli('plan', '--json')).stdout);
    return plan.id;
  };
  unitd.write('a.yaml', 'command: sleep infinity');
  unitd.write('b.yaml', 'command: sleep infinity');
  const first = await id();
  assert.equal(await id(), first);
  unitd.remove('a.yaml');
  const other = await id();
  assert.notEqual(other, first);
  unitd.write('a.yaml', 'command: sleep infinity');
  assert.equal(await id(), first);
});

test('reload --partial applies the good files, keeps the running form of bad ones, and reports them', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.announce} ${channel.path} web`,
    'db.yaml': `command: ${child.announce} ${channel.path} db`,
  });
  const web = await channel.next('web');
  await channel.next('db');
  unitd.write('web.yaml', 'comand: oops');
  unitd.write('db.yaml', `command: ${child.announce} ${channel.path} db2`);
  unitd.write('never.yaml', 'restart: 7');
  assert.equal((await unitd.cli('reload')).code, 78);
  const looked = await unitd.cli('plan', '--partial');
  assert.equal(looked.code, 2);
  assert.match(looked.stdout, /db\s+restart/);
  const ran = await unitd.cli('reload', '--partial');
  assert.equal(ran.code, 0, ran.stderr);
  await channel.next('db2');
  for (const said of [/web\.yaml:1:\d+: .*comand/, /never\.yaml:1:\d+: /]) assert.match(ran.stderr, said);
  const { daemon, units } = await unitd.status();
  assert.deepEqual(
    units.map(({ name, state }) => `${name} ${state}`),
    ['db running', 'web running'],
  );
  assert.equal(units[1]?.pid, web.pid);
  assert.equal(daemon.degraded, true);
  assert.deepEqual([...new Set(daemon.problems.map(({ unit }) => String(unit)))].toSorted(), [
    'never',
    'web',
  ]);
});
