// A reload that changes one field of a running unit, for each field that there is: whether the process stays is what
// src/core/fields.ts says. A new field does not compile until it has its row here.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIELDS, isSpecKey, type SpecKey } from '../../src/core/fields.ts';
import type { PlanDocument } from '../../src/wire/v1.ts';
import { withoutControllers } from '../support/controllers.ts';
import { child, openChannel } from '../support/child.ts';
import { isAlive } from '../support/processes.ts';
import { startUnitd } from '../support/unitd.ts';

const isRoot = process.getuid?.() === 0;

interface Edit {
  /** Lines of the file before and after; one command goes with them unless they have their own. */
  readonly before?: string;
  readonly after: string;
  /** The unit is started by hand. */
  readonly byHand?: true;
  /** The command leaves the process behind. */
  readonly forks?: true;
  /** Needs privileges that only root has. */
  readonly root?: true;
  /** Needs the controllers of cgroup v2. */
  readonly controllers?: true;
}

/** Fields whose defaults follow from the type. */
const SET_ANYWAY = 'startTimeout: 1m\nrestart: { policy: "no" }';

const EDITS = {
  description: { after: 'description: Something else' },
  documentation: { after: 'documentation: [https://example.org/other]' },
  // A oneshot is there while its command runs, and again once a service.
  type: { before: `type: oneshot\n${SET_ANYWAY}`, after: `type: service\n${SET_ANYWAY}` },
  // enabled: true -> false would stop it, by what it means: the other way round it stays.
  enabled: { before: 'enabled: false', after: 'enabled: true', byHand: true },
  command: { after: '' },
  pidFile: { before: 'type: forking', after: 'type: forking\npidFile: /nonexistent/pid', forks: true },
  environment: { before: 'environment: { A: "1" }', after: 'environment: { A: "2" }' },
  environmentFiles: { after: 'environmentFiles: [-/nonexistent/defaults]' },
  workingDirectory: { after: 'workingDirectory: /tmp' },
  user: { after: 'user: nobody', root: true },
  group: { after: 'group: nogroup', root: true },
  supplementaryGroups: { after: 'supplementaryGroups: [nogroup]', root: true },
  umask: { after: 'umask: "0027"' },
  limits: { after: 'limits: { core: 0 }' },
  resources: { after: 'resources: { memoryMax: 1GB, tasksMax: 500 }', controllers: true },
  nice: { after: 'nice: 5' },
  oomScoreAdjust: { after: 'oomScoreAdjust: 500' },
  noNewPrivileges: { after: 'noNewPrivileges: true' },
  startPre: { after: 'startPre: ["true"]' },
  startPost: { after: 'startPost: ["true"]' },
  stopPost: { after: 'stopPost: ["true"]' },
  startTimeoutMs: { after: 'startTimeout: 80s' },
  runtimeMaxMs: { after: 'runtimeMax: 1h' },
  successExitStatus: { after: 'successExitStatus: [7, SIGUSR1]' },
  restart: { after: 'restart: { policy: on-failure, delay: 5s }' },
  stop: { after: 'stop: { signal: INT, timeout: 20s }' },
  requires: { after: 'requires: [other]' },
  wants: { after: 'wants: [other]' },
  requisite: { after: 'requisite: [other]' },
  bindsTo: { after: 'bindsTo: [other]' },
  partOf: { after: 'partOf: [other]' },
  upholds: { after: 'upholds: [other]' },
  conflicts: { after: 'conflicts: [resting]' },
  after: { after: 'after: [other]' },
  before: { after: 'before: [other]' },
  onFailure: { after: 'onFailure: [resting]' },
  onSuccess: { after: 'onSuccess: [resting]' },
  logs: { after: 'logs: { maxSize: 1MB, format: json }' },
  failureAction: { after: 'failureAction: exit' },
  successAction: { after: 'successAction: exit' },
} as const satisfies Readonly<Record<SpecKey, Edit>>;

const rows = Object.keys(EDITS)
  .filter(isSpecKey)
  .map((key): Edit & { key: SpecKey; unit: string } => ({ ...EDITS[key], key, unit: `f-${key}` }))
  .filter((row) => isRoot || row.root !== true)
  .filter((row) => row.controllers !== true || withoutControllers() === false);

test('reload keeps or replaces the process of a unit by the field that changed, for every field', async (t) => {
  assert.deepEqual(
    Object.keys(EDITS),
    Object.keys(FIELDS),
    'a row for each field, in the order of the table',
  );
  const channel = openChannel(t);
  const text = (row: (typeof rows)[number], lines = '', word = row.unit): string =>
    `command: ${row.forks === true ? `sh -c '"$@" &' sh ` : ''}${child.announce} ${channel.path} ${word}\n${lines}\n`;
  const unitd = await startUnitd(t, {
    'other.yaml': 'command: sleep infinity',
    'resting.yaml': 'command: sleep infinity\nenabled: false',
    ...Object.fromEntries(rows.map((row) => [`${row.unit}.yaml`, text(row, row.before)])),
  });
  for (const row of rows) if (row.byHand === true) assert.equal((await unitd.cli('start', row.unit)).code, 0);
  const pids = new Map<string, number>();
  for (const { unit } of rows) pids.set(unit, (await channel.next(unit)).pid);
  // The one that forks has a main process only when its command has ended.
  await unitd.until((look) =>
    rows.every(({ key, unit }) => look(unit)?.to === (key === 'type' ? 'starting' : 'running')),
  );

  for (const row of rows) {
    const word = row.key === 'command' ? 'changed' : row.unit;
    unitd.write(`${row.unit}.yaml`, text(row, row.after, word));
  }
  const shown = await unitd.cli('plan', '--json');
  assert.equal(shown.code, 2, shown.stderr);
  const { plan }: PlanDocument = JSON.parse(shown.stdout);
  assert.deepEqual(
    plan.units.map(({ name, action, changes }) => ({
      name,
      action,
      changes: [...new Set(changes.map(({ field, effect }) => `${field.split('.')[0]}: ${effect}`))],
    })),
    rows
      .map(({ key, unit }) => ({
        name: unit,
        action: FIELDS[key].effect === 'restart' ? 'restart' : 'update',
        changes: [`${FIELDS[key].field}: ${FIELDS[key].effect}`],
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  );

  const reloaded = await unitd.cli('reload');
  assert.equal(reloaded.code, 0, reloaded.stderr);
  const { units } = await unitd.status();
  assert.deepEqual(
    rows.map(({ key, unit }) => {
      const now = units.find(({ name }) => name === unit);
      return `${key}: ${now?.state} ${now?.pid === pids.get(unit) ? 'same' : 'new'} process`;
    }),
    rows.map(({ key }) => `${key}: running ${FIELDS[key].effect === 'restart' ? 'new' : 'same'} process`),
  );
  assert.equal((await unitd.cli('plan')).code, 0, 'a second plan has nothing to do');
});

test('stop.signal changed in place is what the next stop sends', async (t) => {
  const channel = openChannel(t);
  const unit = (signal: string): string => `
    command: ${child.answerSignals} ${channel.path} USR1
    stop: { signal: ${signal}, timeout: 1h }
  `;
  const unitd = await startUnitd(t, { 'web.yaml': unit('TERM') });
  const { pid } = await channel.next('up');
  unitd.write('web.yaml', unit('USR1'));
  assert.equal((await unitd.cli('reload')).code, 0);
  assert.equal((await unitd.status()).units[0]?.pid, pid);
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.equal((await channel.next('USR1')).pid, pid);
  assert.deepEqual(
    channel.said.map(({ word }) => word),
    ['up', 'USR1'],
  );
});

test('stop.signal changed in place is sent by a stop that is under way', async (t) => {
  const channel = openChannel(t);
  const unit = (signal: string): string => `
    command: ${child.answerSignals} ${channel.path} USR1
    stop: { signal: ${signal}, timeout: infinity, killMode: process }
  `;
  const unitd = await startUnitd(t, { 'web.yaml': unit('USR1') });
  await channel.next('up');
  await unitd.cli('stop', 'web', '--no-wait');
  await channel.next('USR1');
  const { reason } = (await unitd.unit('web')).unit;
  assert.equal(reason, 'stopped by the operator; sent SIGUSR1');
  unitd.write('web.yaml', unit('TERM'));
  assert.equal((await unitd.cli('reload')).code, 0);
  await unitd.until({ web: 'stopped' });
});

for (const [field, change, cause] of [
  ['stop.timeout', 'timeout: 1ms', 'stop-timeout'],
  ['stop.killMode', 'timeout: infinity, killMode: process', 'signal'],
]) {
  test(`${field} changed in place holds for a stop that is under way`, async (t) => {
    const channel = openChannel(t);
    const unit = (stop: string): string =>
      `command: ${child.doubleFork} ${channel.path} deaf\nstop: { ${stop} }`;
    const unitd = await startUnitd(t, { 'web.yaml': unit('timeout: infinity') }, { leavesProcesses: true });
    const { pid } = await channel.next('grandchild');
    await channel.next('main');
    await unitd.until({ web: 'running' });
    const next = await unitd.follow();
    const exit = next((line) => line.type === 'exit');
    await unitd.cli('stop', 'web', '--no-wait');
    assert.equal((await unitd.unit('web')).unit.state, 'stopping');
    unitd.write('web.yaml', unit(change ?? ''));
    assert.equal((await unitd.cli('reload')).code, 0);
    await unitd.until({ web: 'stopped' });
    const ended = await exit;
    assert.equal(ended.type === 'exit' && ended.exit.cause, cause);
    assert.equal(isAlive(pid), field === 'stop.killMode', 'whether the grandchild lives');
  });
}

test('runtimeMax changed in place ends a process that has run longer already', async (t) => {
  const channel = openChannel(t);
  const unit = (limit: string): string => `
    command: ${child.announce} ${channel.path}
    runtimeMax: ${limit}
    restart: { policy: "no" }
  `;
  const unitd = await startUnitd(t, { 'job.yaml': unit('1h') });
  await channel.next('up');
  await unitd.until({ job: 'running' });
  unitd.write('job.yaml', unit('1ms'));
  await unitd.cli('reload', '--no-wait');
  await unitd.until({ job: 'failed' });
  assert.equal((await unitd.status()).units[0]?.lastExit?.cause, 'runtime-max');
});

test('restart.policy changed in place decides about the next exit of the same process', async (t) => {
  const channel = openChannel(t);
  const unit = (policy: string): string => `
    command: ${child.announce} ${channel.path}
    restart: { policy: "${policy}", delay: 0s }
  `;
  const unitd = await startUnitd(t, { 'web.yaml': unit('always') });
  const { pid } = await channel.next('up');
  await unitd.until({ web: 'running' });
  unitd.write('web.yaml', unit('no'));
  assert.equal((await unitd.cli('reload')).code, 0);
  process.kill(pid, 'SIGKILL');
  await unitd.until({ web: 'failed' });
  unitd.write('web.yaml', unit('always'));
  assert.equal((await unitd.cli('reload')).code, 0);
  assert.equal(
    (await unitd.status()).units[0]?.state,
    'failed',
    'a unit at rest is not started by an in-place field',
  );
});

test('description, documentation and logs changed in place are what status and show say at once', async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  await unitd.until({ web: 'running' });
  unitd.write('web.yaml', 'command: sleep infinity\ndescription: Front end\nlogs: { maxSize: 3MB }');
  assert.equal((await unitd.cli('reload')).code, 0);
  const { unit, effective } = await unitd.unit('web');
  assert.equal(unit.description, 'Front end');
  assert.match(JSON.stringify(effective['logs']), /"maxSize":"3MB"/);
});
