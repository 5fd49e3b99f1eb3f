// Verbs with more operands than the daemon takes connections, than node takes listeners, or than a request line
// has room for, against a control server without processes behind it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { OperationDocument, StatusDocument } from '../../src/wire/v1.ts';
import { temporaryDirectory } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { fakeControl } from '../support/fake-control.ts';
import type { FakeControl } from '../support/fake-control.ts';
import { follow, run } from '../support/launch.ts';
import type { Following, Ran } from '../support/launch.ts';
import { sampleUnit } from '../support/sample-documents.ts';
import { serveControl } from '../support/serve-control.ts';

interface Many {
  readonly control: FakeControl;
  readonly names: readonly string[];
  unitd(...args: string[]): Promise<Ran>;
  followed(...args: string[]): Following;
}

/** Units that are up, with names of that many characters. */
async function many(t: TestContext, count: number, characters: number): Promise<Many> {
  const directory = temporaryDirectory(t);
  const names = Array.from({ length: count }, (_, at) => `u${at}`.padEnd(characters, 'x'));
  const units = names.map((name) => sampleUnit(name, { state: 'running', ready: true, pid: 1 }));
  const control = fakeControl({ units: [...units, sampleUnit('other', { state: 'failed' })] });
  const path = join(directory, 'unitd.sock');
  const server = await serveControl({ path, control, onBug: (error) => assert.fail(String(error)) });
  cleanUp(t, async () => await server.close());
  const env = { PATH: process.env['PATH'], HOME: directory, TZ: 'UTC', UNITD_RUNTIME_DIR: directory };
  const launch = (args: readonly string[]) => ({ args, env, cwd: directory, asUser: undefined });
  return {
    control,
    names,
    unitd: async (...args) => await run(launch(args)),
    followed(...args) {
      const following = follow(launch(args), `unitd ${args[0]}`, 'stdout');
      cleanUp(t, async () => void (await following.kill('SIGKILL')));
      return following;
    },
  };
}

test('unitd start of a dozen units warns of nothing', async (t) => {
  const { unitd, names } = await many(t, 12, 4);
  const { code, stderr } = await unitd('start', ...names, '--json');
  assert.deepEqual([code, stderr], [0, '']);
});

test('unitd status and start of more units than the daemon takes connections answer for all', async (t) => {
  const { unitd, names } = await many(t, 700, 5);
  const status = await unitd('status', '--json', ...names);
  assert.deepEqual([status.code, status.stderr], [0, '']);
  const document: StatusDocument = JSON.parse(status.stdout);
  assert.deepEqual(
    document.units.map(({ name }) => name),
    names,
  );
  const stories = await unitd('status', ...names);
  assert.deepEqual([stories.code, stories.stderr], [0, '']);
  assert.equal(stories.stdout.match(/GET \/ 200/g)?.length, 700, 'with the last lines of each');
  const start = await unitd('start', '--json', ...names);
  const started: OperationDocument = JSON.parse(start.stdout);
  assert.deepEqual([start.code, started.units.length], [0, 700]);
});

test('unitd wait and events take more names than a request line does, and pass over other units', async (t) => {
  const { unitd, followed, control, names } = await many(t, 161, 103);
  const wait = await unitd('wait', ...names);
  assert.deepEqual([wait.code, wait.stderr], [0, '']);
  const [first = ''] = names;
  const options = names.flatMap((name) => ['--unit', name]);
  const events = followed('events', ...options, '--type', 'state,daemon');
  while (control.openSubscriptions() === 0) await new Promise((resolve) => setImmediate(resolve));
  control.move('other', { state: 'stopped' });
  control.emit({ type: 'daemon', phase: 'ready' });
  control.move(first, { state: 'stopped' });
  await events.line(first);
  assert.equal(events.lines.length, 1);
  const unknown = await unitd('events', ...options, '--unit', 'nosuch');
  assert.equal(unknown.code, 4);
  assert.match(unknown.stderr, /cannot find unit "nosuch"/);
});
