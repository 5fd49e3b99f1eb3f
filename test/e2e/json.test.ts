// What --json prints in real runs, against the published schemas; stdout carries it alone.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { EventLine } from '../../src/wire/v1.ts';
import { child, openChannel } from '../support/child.ts';
import { startUnitd, type Unitd } from '../support/unitd.ts';
import { schemaComplaints } from '../support/wire-schemas.ts';

type Schema = Parameters<typeof schemaComplaints>[0];

/** Runs the verb, and holds all that it printed against the schema. */
async function printed(unitd: Unitd, schema: Schema, code: number, ...args: string[]): Promise<unknown> {
  const ran = await unitd.cli(...args);
  assert.equal(ran.code, code, `${args.join(' ')}: ${ran.stderr}`);
  const document: unknown = JSON.parse(ran.stdout);
  assert.deepEqual(schemaComplaints(schema, document), [], `${args.join(' ')}: ${ran.stdout}`);
  return document;
}

/** A set with a unit in each state that lasts. */
async function variety(t: TestContext): Promise<Unitd> {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.announce} ${channel.path}\nrequires: [job]\ndescription: Front end\nenvironment: { A: "1" }`,
    'job.yaml': 'command: "true"\ntype: oneshot',
    'all.yaml': 'type: target\nrequires: [web]\nwants: [spare]',
    'spare.yaml': 'command: sleep infinity\nenabled: false',
    'bad.yaml': `command: ${child.exit} 3\nrestart: { policy: "no" }`,
    'loop.yaml': `command: ${child.exit} 4\nrestart: { delay: 1h, maxDelay: 1h, resetAfter: 1h }`,
    'killed.yaml': `command: ${child.cutLine}\nrestart: { delay: 1h, maxDelay: 1h, resetAfter: 1h }`,
    'wait.yaml': 'command: sleep infinity\nrequires: [bad]',
    'missing.yaml': 'command: /nonexistent/program\nrestart: { policy: "no" }',
    'held.yaml': 'command: sleep infinity',
  });
  await unitd.until({
    all: 'running',
    loop: 'backoff',
    killed: 'backoff',
    held: 'running',
    missing: 'failed',
  });
  assert.equal((await unitd.cli('stop', 'held')).code, 0);
  return unitd;
}

test('status --json and status UNIT --json fit their schemas, for a unit in every state', async (t) => {
  const unitd = await variety(t);
  await printed(unitd, 'status', 3, 'status', '--json');
  const names = (await unitd.status()).units.map(({ name }) => name);
  assert.equal(names.length, 10);
  for (const name of names) {
    const ran = await unitd.cli('status', name, '--json');
    assert.deepEqual(schemaComplaints('status', JSON.parse(ran.stdout)), [], `${name}: ${ran.stdout}`);
  }
  await printed(unitd, 'graph', 0, 'deps', '--json');
  for (const name of ['job', 'held']) {
    const ran = await unitd.cli('show', name, '--json');
    const shown: unknown = JSON.parse(ran.stdout);
    assert.deepEqual(shown, (await unitd.unit(name)).effective);
  }
});

test('plan, reload and every verb that changes print documents that fit, whatever came of it', async (t) => {
  const unitd = await variety(t);
  await printed(unitd, 'plan', 0, 'plan', '--json');
  unitd.write('fresh.yaml', 'command: sleep infinity');
  unitd.write('job.yaml', 'command: ["true", again]\ntype: oneshot');
  unitd.remove('spare.yaml');
  unitd.write('all.yaml', 'type: target\nrequires: [web]');
  await printed(unitd, 'plan', 2, 'plan', '--json');
  await printed(unitd, 'operation', 0, 'reload', '--json');
  await printed(unitd, 'operation', 0, 'reload', '--json');
  unitd.write(
    'worse.yaml',
    `command: ${child.exit} 9\nrestart: { policy: "no" }\nstartPost: [sleep infinity]`,
  );
  await printed(unitd, 'operation', 1, 'reload', '--json');
  for (const verb of ['stop', 'start', 'restart', 'reset', 'release']) {
    await printed(unitd, 'operation', 0, verb, 'fresh', 'web', '--json');
  }
  await printed(unitd, 'operation', 0, 'signal', 'fresh', 'CONT', '--json');
  await printed(unitd, 'operation', 1, 'start', 'bad', 'missing', 'wait', '--json', '--timeout', '10s');
  await printed(unitd, 'operation', 0, 'restart', 'web', '--no-wait', '--json');
});

test('refusals print problem details with their exit code', async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  await unitd.until({ web: 'running' });
  await printed(unitd, 'problem', 4, 'status', 'wbe', '--json');
  await printed(unitd, 'problem', 4, 'start', 'wbe', '--json');
  await printed(unitd, 'problem', 1, 'reload', '--plan', '000000000000', '--json');
  unitd.write('bad.yaml', 'comand: x\nnice: 99\n');
  await printed(unitd, 'problem', 78, 'plan', '--json');
  const refused = await printed(unitd, 'problem', 78, 'reload', '--json');
  assert.match(JSON.stringify(refused), /"line":2,"column":\d+,"field":"nice"/);
});

test('events --json prints lines that fit: states, exits, reloads, removals, usage and the end', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.announce} ${channel.path}\nrestart: { delay: 0s }`,
  });
  const { pid } = await channel.next('up');
  const events = unitd.spawnCli('events', '--json', '--snapshot');
  const of =
    (type: EventLine['type'], unit: string) =>
    (line: string): boolean => {
      const event: EventLine = JSON.parse(line);
      return event.type === type && (!('unit' in event) || event.unit === unit);
    };
  await events.line(of('state', 'web'), 'the snapshot');
  process.kill(pid, 'SIGKILL');
  await events.line(of('exit', 'web'), 'the exit');
  await channel.next('up', 1);
  unitd.write('other.yaml', 'command: sleep infinity');
  assert.equal((await unitd.cli('reload')).code, 0);
  await events.line(of('reload', ''), 'the reload');
  unitd.remove('other.yaml');
  assert.equal((await unitd.cli('reload')).code, 0);
  await events.line(of('removed', 'other'), 'the removal');
  await events.line(of('usage', 'web'), 'a sample of usage');
  await unitd.stop();
  await events.line((line) => line.includes('"phase":"stopping"'), 'the end');
  const sequence: number[] = [];
  for (const line of events.lines) {
    const event: EventLine = JSON.parse(line);
    assert.deepEqual(schemaComplaints('event', event), [], line);
    if (event.type !== 'state' || event.from !== null) sequence.push(event.seq);
  }
  assert.deepEqual(
    sequence,
    sequence.toSorted((a, b) => a - b),
  );
});

test('usage of a unit is measured over its whole tree, and says its source', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.doubleFork} ${channel.path}` });
  await channel.next('grandchild');
  const next = await unitd.follow();
  const sample = await next((line) => line.type === 'usage' && line.unit === 'web' && line.usage.tasks >= 2);
  assert(sample.type === 'usage' && sample.usage.memoryBytes > 0);
  const { usage, unit } = await unitd.unit('web');
  assert.deepEqual(sample.source, usage.source);
  assert.equal(usage.peakTasks >= 2 && (unit.usage?.memoryBytes ?? 0) > 0 && usage.samples.length > 0, true);
  assert.deepEqual(usage.source, (await unitd.status()).daemon.usageSource);
});
