// The reloader over real files: all or nothing, the way around errors, plan ids, the queue, and what is kept.
import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { atOnce } from '../../src/core/steps.ts';
import type { Verb } from '../../src/core/operate.ts';
import { createControlRig, refusalOf, valueOf } from './control-rig.ts';
import type { ControlRig } from './control-rig.ts';
import { FAILURE } from './rig.ts';

const WEB = 'command: /bin/web\n';
const BROKEN = 'command: /bin/web\nrestrat: always\n';

test('reload: one bad file changes nothing at all, and every problem is named', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  await rig.boot();
  const before = rig.main('web');

  rig.write('web', 'command: /bin/web --new\n');
  rig.write('api', 'command: /bin/api\nrequires: [nobody]\n');
  rig.write('broken', BROKEN);
  const refusal = refusalOf(await rig.reload().answer());
  assert.equal(refusal.status, 422);
  assert.equal(refusal.detail, 'cannot load the unit files: 2 errors, expected none; nothing was changed');
  assert.deepEqual(
    (refusal.problems ?? []).map(({ unit, code }) => [unit, code]),
    [
      ['api', 'unknown-unit'],
      ['broken', 'unknown-field'],
    ],
  );
  assert.deepEqual(rig.main('web'), before);
  assert.deepEqual([...rig.supervisor.fleet.units.keys()], ['web']);
  assert.deepEqual(rig.reloader.problems, []);
});

test('reload --partial: good files are applied, a bad one keeps the form that runs', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  rig.write('api', 'command: /bin/api\n');
  await rig.boot();
  const [web, api] = [rig.main('web'), rig.main('api')];

  rig.write('web', BROKEN);
  rig.write('api', 'command: /bin/api --new\n');
  rig.write('fresh', 'command: [\n');
  const document = valueOf(await rig.reload({ partial: true }).answer());
  assert.equal(document.ok, true);
  assert.deepEqual(
    document.units.map(({ name, outcome }) => [name, outcome]),
    [['api', 'done']],
  );
  assert.deepEqual(new Set(document.problems.map(({ unit }) => unit)), new Set(['fresh', 'web']));
  assert.deepEqual(rig.main('web'), web);
  assert.notDeepEqual(rig.main('api'), api);
  assert.equal(rig.supervisor.fleet.units.has('fresh'), false);
  assert.equal(atOnce(rig.control.status()).daemon.degraded, true);

  rig.write('web', WEB);
  rig.remove('fresh');
  valueOf(await rig.reload().answer());
  assert.deepEqual(rig.main('web'), web);
  assert.equal(atOnce(rig.control.status()).daemon.degraded, false);
});

test('reload --partial: what requires a unit that has no valid form is left out too', async (t) => {
  const rig = createControlRig(t);
  await rig.boot();
  rig.write('db', BROKEN);
  rig.write('web', `requires: [db]\n${WEB}`);
  rig.write('alone', 'command: /bin/alone\n');
  valueOf(await rig.reload({ partial: true }).answer());
  assert.deepEqual([...rig.supervisor.fleet.units.keys()], ['alone']);
});

test('reload: nothing changed is an empty plan and moves nothing', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  await rig.boot();
  const document = valueOf(await rig.reload().answer());
  assert.deepEqual(document.units, []);
  assert.deepEqual([document.plan?.units, document.plan?.unchanged], [[], 1]);
  assert.equal(rig.spawns('web'), 1);
});

test('reload: expects spawns before those that its plan names, and none where it names none', async (t) => {
  const rig = createControlRig(t);
  const { processes } = rig;
  rig.write('web', WEB);
  await rig.boot();
  const yaml = (more: string): string => `${WEB}${more}\n`;
  rig.write('web', yaml('description: front end'));
  valueOf(await rig.reload().answer());
  assert.deepEqual(processes.expectations, []);
  rig.write('web', yaml('environment: { EDITION: "2" }'));
  valueOf(await rig.reload().answer());
  assert.deepEqual(processes.expectations, [{ spawnedBefore: 1, isOpen: false }]);
  assert.equal(rig.spawns('web'), 2);
});

test('reload: of a renamed file the old unit stops and the new one starts', async (t) => {
  const rig = createControlRig(t);
  rig.write('old', WEB);
  await rig.boot();
  renameSync(join(rig.paths.units, 'old.yaml'), join(rig.paths.units, 'new.yaml'));
  valueOf(await rig.reload().answer());
  assert.deepEqual([...rig.supervisor.fleet.units.keys()], ['new']);
  assert.equal(rig.look('new').state, 'running');
  assert.equal(rig.processes.livingCount, 1);
});

test('reload --plan: applies the plan that was shown', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  await rig.boot();
  rig.write('api', 'command: /bin/api\n');
  const { plan } = valueOf(await rig.control.plan({ partial: false }));
  assert.equal(rig.supervisor.fleet.units.has('api'), false);
  const document = valueOf(await rig.reload({ plan: plan.id }).answer());
  assert.deepEqual(document.plan, plan);
  assert.equal(rig.look('api').state, 'running');
});

for (const [what, move] of [
  ['another file has changed', (rig) => rig.write('web', 'command: /bin/web --other\n')],
  ['a comment was added', (rig) => rig.write('api', '# new\ncommand: /bin/api\n')],
  ['the units have moved', (rig) => rig.operate('web', 'stop')],
] satisfies readonly (readonly [string, (rig: ReturnType<typeof createControlRig>) => void])[]) {
  test(`reload --plan: is refused when ${what}, and names the plan that holds now`, async (t) => {
    const rig = createControlRig(t);
    rig.write('web', WEB);
    await rig.boot();
    rig.write('api', 'command: /bin/api\n');
    rig.write('web', 'command: /bin/web --new\n');
    const { plan } = valueOf(await rig.control.plan({ partial: false }));
    move(rig);
    await rig.rest();
    const refusal = refusalOf(await rig.reload({ plan: plan.id }).answer());
    assert.equal(refusal.status, 409);
    assert.notEqual(refusal.plan?.id, plan.id);
    assert.equal(rig.supervisor.fleet.units.has('api'), false);
    const now = valueOf(await rig.control.plan({ partial: false }));
    assert.equal(refusal.plan?.id, now.plan.id);
  });
}

test('reload: what is asked while one is under way is queued, and queued ones are one', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  await rig.boot();
  const before = rig.directory.loads;
  const asked = Array.from({ length: 10 }, () => rig.reload());
  const documents = await Promise.all(asked.map(async (one) => valueOf(await one.answer())));
  assert.equal(documents.length, 10);
  assert.ok(rig.directory.loads - before <= 2, `${rig.directory.loads - before} loads for 10 reloads`);
});

/** Has an operator speak, as often as there are words, after a reload has planned and before it commits. */
function speakBetween(t: TestContext, rig: ControlRig, words: (readonly [unit: string, verb: Verb])[]): void {
  const change = rig.supervisor.change.bind(rig.supervisor);
  let isSpeaking = false;
  t.mock.method(rig.supervisor, 'change', (amend: Parameters<typeof change>[0]) => {
    const word = isSpeaking ? undefined : words.shift();
    if (word !== undefined) {
      isSpeaking = true;
      rig.operate(...word);
      isSpeaking = false;
    }
    change(amend);
  });
}

test("reload: an operator's word between its plan and its commit has it planned anew", async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  await rig.boot();
  rig.write('web', 'command: /bin/web --new\n');
  const { plan } = valueOf(await rig.control.plan({ partial: false }));
  assert.deepEqual(
    plan.units.map(({ action }) => action),
    ['restart'],
  );
  speakBetween(t, rig, [['web', 'stop']]);
  const document = valueOf(await rig.reload().answer());
  assert.deepEqual(
    document.plan?.units.map(({ action }) => action),
    ['update'],
  );
  assert.equal(rig.look('web').state, 'stopped');
  assert.equal(rig.spawns('web'), 1);
});

test('reload: an operator who never ends to speak does not keep it from being committed', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  await rig.boot();
  rig.write('api', 'command: /bin/api\n');
  const words = Array.from(
    { length: 50 },
    (_, at) => ['web', at % 2 === 0 ? 'stop' : 'start'] as [string, Verb],
  );
  speakBetween(t, rig, words);
  valueOf(await rig.reload().answer());
  assert.equal(rig.look('api').state, 'running');
  assert.ok(words.length > 40, `${words.length} words were not heard any more`);
});

test('reload: one that waits for its units does not hold up the next', async (t) => {
  const rig = createControlRig(t);
  await rig.boot();
  rig.write('job', 'type: oneshot\ncommand: /bin/job\n');
  const first = rig.reload();
  await first.taken();
  assert.equal(first.isAnswered(), false);
  rig.write('job', 'type: oneshot\ncommand: /bin/true\n');
  rig.processes.define('/bin/true', { exits: { code: 0, signal: null, coreDumped: false } });
  const second = valueOf(await rig.reload().answer());
  assert.equal(second.ok, true);
  assert.equal(rig.look('job').state, 'completed');
  assert.equal(valueOf(await first.answer()).ok, true);
});

test("reload: asked for while the daemon boots comes after that, and finds the operator's words", async (t) => {
  const first = createControlRig(t);
  first.write('web', WEB);
  await first.boot();
  await first.ask('web', 'stop').rows();
  await first.records.intents.written();

  const rig = createControlRig(t, first.home);
  const booted = rig.reloader.boot({ ...rig.records.open(), left: null, standing: null });
  const reload = rig.reload();
  // Everything has run that needs no answer of the file system: the reload has not begun to read.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  assert.equal(rig.directory.loads, 1);
  await booted;
  valueOf(await reload.answer());
  assert.equal(rig.directory.loads, 2);
  assert.equal(rig.spawns('web'), 0);
  assert.equal(rig.look('web').state, 'stopped');
});

test('reload: a unit that was crash-looping before does not make it fail', async (t) => {
  const rig = createControlRig(t);
  rig.processes.define('/bin/loop', { exits: FAILURE });
  rig.write('loop', 'command: /bin/loop\n');
  await rig.boot();
  assert.equal(rig.look('loop').state, 'backoff');
  const failure = { stage: 'command', errno: 'ENOENT', reason: '"/bin/gone" does not exist' } as const;
  rig.processes.define('/bin/gone', { failure });
  rig.write('loop', 'command: /bin/gone\n');
  rig.write('web', WEB);
  const document = valueOf(await rig.reload().answer());
  assert.equal(document.ok, true);
  assert.deepEqual(
    document.units.map(({ name, outcome, state }) => [name, outcome, state]),
    [
      ['loop', 'excused', 'backoff'],
      ['web', 'done', 'running'],
    ],
  );
});

test('reload: a unit that waits as before for one that fails as before does not make it fail', async (t) => {
  const rig = createControlRig(t);
  rig.processes.define('/bin/job', { exits: FAILURE });
  const job = (words: string): string => `type: oneshot\ncommand: /bin/job ${words}\n`;
  rig.write('job', job('--one'));
  rig.write('web', `${WEB}requires: [job]\n`);
  await rig.boot();
  assert.equal(rig.look('web').state, 'waiting');
  rig.write('job', job('--two'));
  const document = valueOf(await rig.reload().answer());
  assert.deepEqual(
    document.units.map(({ name, outcome, state }) => [name, outcome, state]),
    [
      ['job', 'excused', 'failed'],
      ['web', 'excused', 'waiting'],
    ],
  );
  assert.equal(document.ok, true);
});

test('reload: a unit that waited for one that is mended, and fails then, makes it fail', async (t) => {
  const rig = createControlRig(t);
  rig.processes.define('/bin/job', { exits: FAILURE });
  rig.processes.define('/bin/done', { exits: { code: 0, signal: null, coreDumped: false } });
  rig.write('job', 'type: oneshot\ncommand: /bin/job\n');
  rig.write('next', 'type: oneshot\ncommand: /bin/job\nrequires: [job]\n');
  await rig.boot();
  rig.write('job', 'type: oneshot\ncommand: /bin/done\n');
  const document = valueOf(await rig.reload().answer());
  assert.deepEqual(
    document.units.map(({ name, outcome, state }) => [name, outcome, state]),
    [
      ['job', 'done', 'completed'],
      ['next', 'failed', 'failed'],
    ],
  );
  assert.equal(document.ok, false);
});

test('reload: a unit that was up and does not come back makes it fail', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  await rig.boot();
  const failure = { stage: 'command', errno: 'ENOENT', reason: '"/bin/gone" does not exist' } as const;
  rig.processes.define('/bin/gone', { failure });
  rig.write('web', 'command: /bin/gone\n');
  const document = valueOf(await rig.reload().answer());
  assert.equal(document.ok, false);
  assert.deepEqual(
    document.units.map(({ outcome, state }) => [outcome, state]),
    [['failed', 'backoff']],
  );
});

test('boot: a file that is broken now runs in its last good form, and the daemon is degraded', async (t) => {
  const first = createControlRig(t);
  first.write('web', 'command: /bin/web --good\n');
  first.write('api', 'command: /bin/api\n');
  await first.boot();
  await first.records.intents.written();

  const rig = createControlRig(t, first.home);
  rig.write('web', BROKEN);
  rig.write('api', 'command: /bin/api --new\n');
  const applied = await rig.boot();
  assert.deepEqual(rig.processes.spawned.map(({ request }) => request.argv.join(' ')).sort(), [
    '/bin/api --new',
    '/bin/web --good',
  ]);
  assert.deepEqual(
    applied.problems.map(({ unit, code }) => [unit, code]),
    [['web', 'unknown-field']],
  );
  assert.equal(atOnce(rig.control.status()).daemon.degraded, true);
});

test('boot: a broken file without a good form is left out, the others start', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', BROKEN);
  rig.write('api', 'command: /bin/api\n');
  await rig.boot();
  assert.deepEqual([...rig.supervisor.fleet.units.keys()], ['api']);
  assert.equal(rig.look('api').state, 'running');
});

test('boot: a directory that cannot be read runs the last good set; a reload then refuses', async (t) => {
  const first = createControlRig(t);
  first.write('web', WEB);
  await first.boot();
  await first.records.intents.written();

  rmSync(first.paths.units, { recursive: true });
  const rig = createControlRig(t, first.home);
  rmSync(rig.paths.units, { recursive: true });
  writeFileSync(rig.paths.units, 'a file where the directory was');
  await rig.boot();
  assert.equal(rig.look('web').state, 'running');
  assert.equal(atOnce(rig.control.status()).daemon.degraded, true);

  for (const partial of [false, true]) {
    const refusal = refusalOf(await rig.reload({ partial }).answer());
    assert.equal(refusal.status, 422);
    assert.equal(rig.look('web').state, 'running');
  }
  assert.deepEqual(
    (await rig.stored()).lastGood.map(({ name, text }) => [name, text]),
    [['web', WEB]],
  );
});

test('reload: a directory that was deleted stops nothing, with --partial neither', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  await rig.boot();
  rmSync(rig.paths.units, { recursive: true });
  for (const partial of [false, true]) {
    const refusal = refusalOf(await rig.reload({ partial }).answer());
    assert.deepEqual(
      (refusal.problems ?? []).map(({ code }) => code),
      ['directory-unreadable'],
    );
  }
  assert.equal(rig.look('web').state, 'running');
});

test('reload: an empty directory is an answer, and stops everything', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  await rig.boot();
  rig.remove('web');
  valueOf(await rig.reload().answer());
  assert.equal(rig.processes.livingCount, 0);
  assert.deepEqual((await rig.stored()).lastGood, []);
});

test('last good set: only one without an error is kept', async (t) => {
  const rig = createControlRig(t);
  rig.write('web', WEB);
  await rig.boot();
  rig.write('api', 'command: /bin/api\n');
  rig.write('web', BROKEN);
  valueOf(await rig.reload({ partial: true }).answer());
  const good = async (): Promise<unknown> =>
    (await rig.stored()).lastGood.map(({ name, text }) => [name, text]);
  assert.deepEqual(await good(), [['web', WEB]]);

  rig.write('web', 'command: /bin/web --new\n');
  valueOf(await rig.reload().answer());
  assert.deepEqual(await good(), [
    ['api', 'command: /bin/api\n'],
    ['web', 'command: /bin/web --new\n'],
  ]);
});

test("boot: an operator's stop stands, until start", async (t) => {
  const first = createControlRig(t);
  first.write('web', WEB);
  await first.boot();
  await first.ask('web', 'stop').rows();
  await first.reload().rows();
  assert.equal(first.look('web').state, 'stopped');
  await first.records.intents.written();

  const second = createControlRig(t, first.home);
  await second.boot();
  assert.equal(second.spawns('web'), 0);
  assert.equal(atOnce(second.control.status()).units[0]?.held, true);
  await second.ask('web', 'start').rows();
  await second.records.intents.written();

  const third = createControlRig(t, first.home);
  await third.boot();
  assert.equal(third.look('web').state, 'running');
});

test("boot: an operator's stop of a unit that was removed since does not come back with the file", async (t) => {
  const first = createControlRig(t);
  first.write('web', WEB);
  await first.boot();
  await first.ask('web', 'stop').rows();
  first.remove('web');
  await first.reload().rows();
  first.write('web', WEB);
  await first.reload().rows();
  assert.equal(first.look('web').state, 'running');
  await first.records.intents.written();

  const second = createControlRig(t, first.home);
  await second.boot();
  assert.equal(second.look('web').state, 'running');
});

test("boot: an operator's stop outlives a time in which its file was broken", async (t) => {
  const first = createControlRig(t);
  first.write('web', WEB);
  first.write('api', 'command: /bin/api\n');
  await first.boot();
  await first.ask('web', 'stop').rows();
  await first.records.intents.written();
  rmSync(join(first.paths.state, 'last-good.json'));

  const second = createControlRig(t, first.home);
  second.write('web', BROKEN);
  await second.boot();
  await second.ask('api', 'stop').rows();
  second.write('web', WEB);
  await second.reload().rows();
  assert.equal(second.spawns('web'), 0);
  assert.equal(second.look('web').state, 'stopped');
  assert.deepEqual([...(await second.stored()).intents.keys()].sort(), ['api', 'web']);
});
