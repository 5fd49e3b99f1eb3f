// The built command line against a control server without processes behind it: what is sent, what is printed, and
// what the exit code says.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { atOnce } from '../../src/core/steps.ts';
import { API_VERSION } from '../../src/wire/v1.ts';
import type { OperationDocument, StatusDocument } from '../../src/wire/v1.ts';
import { temporaryDirectory } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { fakeControl, ok, refused } from '../support/fake-control.ts';
import type { FakeControl, FakeControlOptions } from '../support/fake-control.ts';
import { cannotRunAs, follow as followed, PROGRAM, run } from '../support/launch.ts';
import type { Following, Ran } from '../support/launch.ts';
import { SAMPLE_PLAN, SAMPLE_PROBLEM, SAMPLE_UNITS, sampleUnit } from '../support/sample-documents.ts';
import { serveControl } from '../support/serve-control.ts';

interface Bench {
  readonly control: FakeControl;
  readonly socket: string;
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  unitd(...args: string[]): Promise<Ran>;
  follow(stream: 'stdout' | 'stderr', ...args: string[]): Following;
  /** Ends the server and, on the same socket, starts another one. */
  serveAgain(): Promise<void>;
}

async function bench(t: TestContext, options: FakeControlOptions = {}): Promise<Bench> {
  const directory = temporaryDirectory(t);
  const socket = join(directory, 'unitd.sock');
  const control = fakeControl(options);
  const serve = async (): Promise<() => Promise<void>> => {
    const onBug = (error: unknown): void => assert.fail(String(error));
    const server = await serveControl({ path: socket, control, onBug });
    return async () => await server.close();
  };
  let close = await serve();
  cleanUp(t, async () => await close());
  const env = { PATH: process.env['PATH'], HOME: directory, TZ: 'UTC', UNITD_RUNTIME_DIR: directory };
  const launch = (args: readonly string[]) => ({ args, env, cwd: directory, asUser: undefined });
  return {
    control,
    socket,
    directory,
    env,
    unitd: async (...args) => await run(launch(args)),
    follow(stream, ...args) {
      const following = followed(launch(args), `unitd ${args.join(' ')}`, stream);
      cleanUp(t, async () => void (await following.kill('SIGKILL')));
      return following;
    },
    async serveAgain() {
      await close();
      close = await serve();
    },
  };
}

const UP = [
  sampleUnit('web', { state: 'running', ready: true, pid: 1 }),
  sampleUnit('job', { type: 'oneshot', state: 'completed', ready: true }),
];

test('unitd status exits 0 when every wanted unit is up, and 3 when one is not', async (t) => {
  const up = await bench(t, { units: [...UP, sampleUnit('off', { wanted: 'down' })] });
  assert.equal((await up.unitd('status')).code, 0);
  const mixed = await bench(t);
  const { code, stdout, stderr } = await mixed.unitd('status');
  assert.equal(code, 3);
  assert.match(stdout, /^7 units: 2 up, 1 stopped, 2 waiting, 1 backoff, 1 failed$/m);
  assert.ok(!stdout.includes('\u001b'));
  assert.equal(stderr, '');
});

test('unitd status --json prints the document of the daemon and nothing else', async (t) => {
  const { unitd, control } = await bench(t);
  const { stdout, stderr } = await unitd('status', '--json');
  assert.deepEqual(JSON.parse(stdout), atOnce(control.status()));
  assert.equal(stderr, '');
});

test('unitd status UNIT tells its whole story, with its last lines of log', async (t) => {
  const { unitd, control } = await bench(t);
  const { code, stdout } = await unitd('status', 'web');
  assert.equal(code, 0);
  for (const part of [
    /^● web {2}Front end$/m,
    /412 \/usr\/bin\/node/,
    /└─ 413/,
    /peak +12%/,
    /killed by SIGTERM/,
    /GET \/ 200/,
  ]) {
    assert.match(stdout, part);
  }
  assert.deepEqual(
    control.calls.map(({ method }) => method),
    ['unit', 'logs'],
  );
});

test('unitd status UNIT... answers for several, and exits 4 if one is unknown', async (t) => {
  const { unitd } = await bench(t);
  const { code, stdout, stderr } = await unitd('status', 'web', 'wbe', 'migrate');
  assert.equal(code, 4);
  assert.match(stdout, /^● web[^]*^✓ migrate/m);
  assert.match(stderr, /cannot find unit "wbe"[^]*did you mean web\?/);
});

test('unitd status --json UNIT prints the status of these units, with their stories', async (t) => {
  const { unitd } = await bench(t);
  const { stdout, code } = await unitd('status', '--json', 'db', 'web');
  assert.equal(code, 3);
  const document: StatusDocument & { details: readonly { file: string }[] } = JSON.parse(stdout);
  assert.deepEqual(
    document.units.map(({ name }) => name),
    ['db', 'web'],
  );
  assert.equal(document.details[1]?.file, '/etc/unitd/units.d/web.yaml');
});

test('unitd plan exits 2 with changes and 0 without, and --json prints the document', async (t) => {
  const { unitd, control } = await bench(t);
  const changed = await unitd('plan');
  assert.equal(changed.code, 2);
  assert.match(
    changed.stdout,
    /^plan 5f2c9b1d0a7e: 1 to start, 1 to restart, 1 to update, 1 to stop, 4 unchanged$/m,
  );
  assert.match(changed.stderr, /warning: cannot read field/);
  assert.equal((await unitd('reload', '--dry-run')).stdout, changed.stdout);
  const document = JSON.parse((await unitd('plan', '--json')).stdout);
  assert.deepEqual(document.plan, SAMPLE_PLAN);
  control.script({
    plan: ok({ apiVersion: API_VERSION, plan: { id: 'x', units: [], unchanged: 3 }, problems: [] }),
  });
  const nothing = await unitd('plan');
  assert.deepEqual([nothing.code, nothing.stdout], [0, 'plan x: nothing to do, 3 unchanged\n']);
});

test('unitd plan with invalid files prints each problem as a compiler does, a count, and exits 78', async (t) => {
  const problems = [SAMPLE_PROBLEM, { ...SAMPLE_PROBLEM, line: 9 }];
  const { unitd } = await bench(t, {
    plan: refused(422, 'invalid-files', 'Invalid', 'cannot read the unit files', { problems }),
  });
  const { code, stdout, stderr } = await unitd('plan');
  assert.deepEqual([code, stdout], [78, '']);
  assert.match(stderr, /^\/etc\/unitd\/units\.d\/web\.yaml:4:3: cannot read field/m);
  assert.match(stderr, /web\.yaml:9:3: /);
  assert.match(stderr, /2 errors/);
  assert.equal(JSON.parse((await unitd('plan', '--json')).stdout).problems.length, 2);
});

test('unitd reload passes plan, partial and the wait on, and prints the plan that it applied', async (t) => {
  const { unitd, control } = await bench(t);
  const { code, stdout, stderr } = await unitd(
    'reload',
    '--plan',
    '5f2c9b1d0a7e',
    '--partial',
    '--timeout',
    '1m30s',
  );
  assert.equal(code, 0);
  assert.match(stdout, /^± web +restart +command changed$/m);
  assert.match(stderr, /● web running/);
  assert.deepEqual(control.calls.at(-1)?.arguments, [
    { wait: true, timeoutMs: 90_000, partial: true, plan: '5f2c9b1d0a7e' },
  ]);
});

test('unitd reload of a plan that no longer holds exits 1 and says where to see the one that does', async (t) => {
  const { unitd } = await bench(t, {
    reload: () =>
      refused(409, 'stale-plan', 'Stale', 'cannot apply plan "old": the world has moved', {
        plan: SAMPLE_PLAN,
      }),
  });
  const { code, stderr } = await unitd('reload', '--plan', 'old');
  assert.equal(code, 1);
  assert.equal(stderr, 'unitd: cannot apply plan "old": the world has moved\n  see: unitd plan\n');
  const partial = await unitd('reload', '--plan', 'old', '--partial');
  assert.match(partial.stderr, /\n {2}see: unitd plan --partial\n$/);
});

test('unitd start asks for all units at once and waits for each', async (t) => {
  let running = 0;
  const all = gate();
  const { unitd, control } = await bench(t, {
    // Nobody is answered before all three have asked.
    operate: async (name) => {
      running += 1;
      if (running === 3) all.resolve();
      await all.promise;
      return ok(operation('start', name, 'done'));
    },
  });
  const { code, stdout, stderr } = await unitd('start', 'web', 'db', 'api', 'web');
  assert.deepEqual([code, stdout], [0, '']);
  for (const name of ['web', 'db ', 'api']) assert.ok(stderr.includes(`● ${name} running`), stderr);
  assert.equal(control.calls.filter(({ method }) => method === 'operate').length, 3);
});

test('unitd stop exits 1 when a unit did not get there, and 4 when there is no such unit', async (t) => {
  const { unitd } = await bench(t, {
    operate: (name, verb) => ok(operation(verb, name, name === 'web' ? 'failed' : 'done')),
  });
  const bad = await unitd('stop', 'web', 'db');
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /✗ web stop failed, running: because/);
  const unknown = await unitd('stop', 'nope', 'db');
  assert.equal(unknown.code, 4);
  assert.match(unknown.stderr, /cannot find unit "nope"/);
  assert.match(unknown.stderr, /db running/);
});

test('unitd start of what is up, or reset of what is well, says that, and no reason that says it again', async (t) => {
  const { unitd } = await bench(t, {
    operate: (name, verb) => {
      const document = operation(verb, name, 'unchanged');
      const reason = name === 'web' ? 'up' : 'up again: exited with code 1';
      return ok({ ...document, ok: true, units: document.units.map((unit) => ({ ...unit, reason })) });
    },
  });
  assert.equal((await unitd('start', 'web')).stderr, '● web running already\n');
  assert.equal((await unitd('reset', 'web')).stderr, '● web running, nothing to forget\n');
  assert.equal((await unitd('start', 'db')).stderr, '● db running already: up again: exited with code 1\n');
});

test('unitd restart --json prints one document for all units', async (t) => {
  const { unitd } = await bench(t, { operate: (name, verb) => ok(operation(verb, name, 'done')) });
  const { stdout, stderr } = await unitd('restart', 'web', 'db', '--json', '--no-wait');
  const document: OperationDocument = JSON.parse(stdout);
  assert.deepEqual(
    [document.verb, document.ok, document.units.map(({ name }) => name)],
    ['restart', true, ['web', 'db']],
  );
  assert.equal(stderr, '');
});

test('unitd signal passes signal and whom on', async (t) => {
  const { unitd, control } = await bench(t);
  assert.equal((await unitd('signal', 'web', 'HUP', '--whom', 'all')).code, 0);
  assert.deepEqual(control.calls.at(-1)?.arguments, ['web', 'signal', { signal: 'HUP', whom: 'all' }]);
});

test('unitd stop lets go of the wait on Ctrl-C, says that the work goes on, and ends by the signal', async (t) => {
  const begun = gate();
  const hungUp = gate();
  const { follow } = await bench(t, {
    operate: async (name, verb, _request, _progress, hangup) => {
      hangup.addEventListener('abort', () => hungUp.resolve());
      begun.resolve();
      await hungUp.promise;
      return ok(operation(verb, name, 'pending'));
    },
  });
  const stop = follow('stderr', 'stop', 'web');
  await begun.promise;
  assert.deepEqual(await stop.kill('SIGINT'), { code: null, signal: 'SIGINT' });
  assert.match(await stop.line('detached'), /goes on in the daemon/);
  await hungUp.promise;
});

test('unitd logs prints the bare text of one unit, and names the units when there are several', async (t) => {
  const { unitd, control } = await bench(t);
  assert.equal((await unitd('logs', 'web')).stdout, 'listening on 8080\nwarning: cache is cold\nGET / 200\n');
  assert.deepEqual(control.calls.at(-1)?.arguments, [
    'web',
    { lines: 50, sinceWall: null, stream: null, follow: false },
  ]);
  assert.equal(
    (await unitd('logs', 'web', 'db', '-n', '3')).stdout,
    'db  │ warning: cache is cold\nweb │ GET / 200\ndb  │ GET / 200\n',
  );
  const json = (await unitd('logs', 'web', '-n', '1', '--json')).stdout;
  assert.equal(JSON.parse(json).text, 'GET / 200');
  assert.equal((await unitd('logs', 'nope')).code, 4);
  assert.equal((await unitd('logs', 'web', '--since', 'noon')).code, 64);
});

test('unitd logs -f follows through a restart of the daemon and repeats no line', async (t) => {
  const kept = [
    { unit: 'web', time: '2026-11-22T09:00:00.000000000Z', stream: 'stdout', text: 'first' } as const,
  ];
  const { follow, control, serveAgain } = await bench(t, { logs: () => kept });
  const logs = follow('stdout', 'logs', '-f', 'web');
  await logs.line('first');
  control.log({ unit: 'web', time: '2026-11-22T09:00:01.000000000Z', stream: 'stdout', text: 'second' });
  await logs.line('second');
  await serveAgain();
  // The client comes back by itself; this line is there for whoever reads from then on.
  const asked = new Promise<void>((resolve) => {
    const look = (): void => {
      if (control.openLogReaders() > 0) resolve();
      else setImmediate(look);
    };
    look();
  });
  await asked;
  control.log({ unit: 'web', time: '2026-11-22T09:00:02.000000000Z', stream: 'stdout', text: 'third' });
  await logs.line('third');
  assert.deepEqual(logs.lines, ['first', 'second', 'third']);
});

test('unitd wait ends when the unit is up, and at once with 3 when it has failed', async (t) => {
  const { unitd, follow, control } = await bench(t);
  assert.equal((await unitd('wait', 'web', 'migrate')).code, 0);
  assert.equal((await unitd('wait', 'mailer', '--for', 'stopped')).code, 0);
  const failed = await unitd('wait', 'reports', 'web');
  assert.equal(failed.code, 3);
  assert.match(failed.stderr, /unit "reports" has failed[^]*gave up after 5 restarts/);
  assert.equal((await unitd('wait', 'nope')).code, 4);

  const waiting = follow('stdout', 'wait', 'db', '--json');
  await subscribed(control);
  control.move('db', { state: 'starting', reason: 'starting' });
  control.move('db', { state: 'running', ready: true, reason: 'running' });
  assert.deepEqual(await waiting.ended, { code: 0, signal: null });
  assert.equal(JSON.parse(waiting.lines.join('\n')).met, true);
});

test('a service that has completed is not up: status counts it as that, wait ends with 3', async (t) => {
  const once = sampleUnit('once', { state: 'completed', reason: 'exited with code 0' });
  const { unitd } = await bench(t, { units: [once, sampleUnit('web', { state: 'running', ready: true })] });
  const status = await unitd('status');
  assert.equal(status.code, 0);
  assert.match(status.stdout, /^2 units: 1 up, 1 completed$/m);
  const waited = await unitd('wait', 'once', '--json');
  assert.equal(waited.code, 3);
  assert.match(waited.stderr, /not ready: unit "once" has completed, [^]*once completed: exited with code 0/);
  const { met, units } = JSON.parse(waited.stdout);
  assert.deepEqual([met, units[0].ready], [false, false]);
  assert.equal((await unitd('wait', 'once', '--for', 'completed')).code, 0);
});

test('unitd wait gives up with 3 when its time is up, and not before it has seen where the units are', async (t) => {
  const { unitd } = await bench(t);
  const { code, stderr } = await unitd('wait', 'db', 'web', '--timeout', '0s');
  assert.equal(code, 3);
  assert.match(stderr, /^unitd: not ready: time is up\n {2}db backoff: .*\n$/);
  assert.equal((await unitd('wait', 'web', 'migrate', '--timeout', '0s')).code, 0);
});

for (const [args, code, told] of [
  [['wait', 'web'], 3, /^unitd: not ready: time is up$/m],
  [
    ['start', 'web'],
    1,
    /cannot see the daemon start unit "web": time is up, expected an answer within 1ms$/m,
  ],
  [['stop', 'web', 'db'], 1, /the daemon stop unit "web" and 1 more: time is up/],
  [['reload'], 1, /the daemon reload: time is up/],
  [['reexec'], 1, /cannot see the version on disk take over: time is up/],
] as const) {
  test(`unitd ${args.join(' ')} --timeout ends in time where the daemon does not answer`, async (t) => {
    const directory = temporaryDirectory(t);
    const socket = join(directory, 'unitd.sock');
    // As the kernel does for a daemon that is stopped, it takes connections in.
    const server = createServer((connection) => void connection.resume()).listen(socket);
    cleanUp(t, () => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const env = { PATH: process.env['PATH'], UNITD_RUNTIME_DIR: directory };
    const ran = await run({ args: [...args, '--timeout', '1ms'], env, cwd: directory, asUser: undefined });
    assert.deepEqual([ran.code, ran.stdout], [code, '']);
    assert.match(ran.stderr, told);
  });
}

test('unitd reload whose time is up before the files are loaded exits 1 and says so', async (t) => {
  const { unitd } = await bench(t, {
    reload: () =>
      ok({ apiVersion: API_VERSION, verb: 'reload', ok: false, units: [], plan: null, problems: [] }),
  });
  const { code, stdout, stderr } = await unitd('reload', '--timeout', '1m');
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /^unitd: cannot see the daemon reload: time is up, expected an answer within 1m$/m);
});

test('unitd wait --timeout waits for longer than any timer of node', async (t) => {
  const { unitd, follow, control } = await bench(t);
  const { code, stderr } = await unitd('wait', 'web', '--timeout', '30d');
  assert.deepEqual([code, stderr], [0, ''], 'no warning of an overflow');
  const waiting = follow('stdout', 'wait', 'db', '--timeout', '30d');
  await subscribed(control);
  control.move('db', { state: 'running', ready: true, reason: 'running' });
  assert.deepEqual(await waiting.ended, { code: 0, signal: null });
});

test('unitd events into a pipe is one JSON object a line, of the units and types asked for', async (t) => {
  const { follow, control } = await bench(t);
  const events = follow('stdout', 'events', '--unit', 'db', '--type', 'state,removed');
  await subscribed(control);
  control.move('web', { state: 'stopped' });
  control.move('db', { state: 'running' });
  assert.equal(JSON.parse(await events.line('db')).to, 'running');
  assert.equal(events.lines.length, 1);
});

test('unitd deps draws the tree, and show prints YAML', async (t) => {
  const { unitd } = await bench(t);
  assert.equal(
    (await unitd('deps', 'api')).stdout,
    '◌ api waiting: waiting for requirement "db", which is backing off\n' +
      '└─ ↻ db (requires) backoff: exited with code 1; restart 4 in 8 s\n',
  );
  assert.match(
    (await unitd('deps', '--reverse', 'db')).stdout,
    /└─ ◌ api \(requires\)[^]*└─ ◌ everything \(requires\)/,
  );
  assert.deepEqual(
    JSON.parse((await unitd('deps', 'api', '--json')).stdout).units.map(({ name }: { name: string }) => name),
    ['api', 'db'],
  );
  assert.equal((await unitd('deps', 'nope')).code, 4);
  assert.match(
    (await unitd('show', 'web')).stdout,
    /^# .*web\.yaml.*\ndescription: Front end\ntype: service\n/,
  );
});

test('unitd says how to start the daemon when none listens, with exit code 69', async (t) => {
  const directory = temporaryDirectory(t);
  const env = { PATH: process.env['PATH'], UNITD_RUNTIME_DIR: directory };
  const missing = await run({ args: ['status'], env, cwd: directory, asUser: undefined });
  assert.equal(missing.code, 69);
  assert.match(missing.stderr, /unitd\.sock": no such socket[^]*unitd daemon --detach/);
  for (const verb of [['plan'], ['stop', 'web'], ['logs', 'web'], ['wait', 'web'], ['events'], ['deps']]) {
    assert.equal(
      (await run({ args: verb, env, cwd: directory, asUser: undefined })).code,
      69,
      verb.join(' '),
    );
  }
});

const NO_HTTP = '220 mail.example.org ESMTP\r\n';
const OTHER_JSON =
  'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"jobs": [1]}';

for (const [answer, verb, told] of [
  [NO_HTTP, ['status'], /cannot understand .*: it does not speak HTTP, expected a unitd daemon\n$/],
  [NO_HTTP, ['logs', 'web'], /cannot understand .*: it does not speak HTTP, expected a unitd daemon\n$/],
  [NO_HTTP, ['stop', 'web'], /cannot understand .*: it does not speak HTTP, expected a unitd daemon\n$/],
  [OTHER_JSON, ['status'], /cannot understand .*: it answered with HTTP status 200 and no document, /],
  [OTHER_JSON, ['show', 'web'], /cannot understand .*: it answered with HTTP status 200 and no document, /],
  [OTHER_JSON, ['reload'], /cannot reach .*: it ended before it answered, expected an answer\n/],
] as const) {
  const said = answer.split(/[ \r]/, 1)[0];
  test(`unitd ${verb.join(' ')} exits 69 when what listens is no unitd and says ${said}`, async (t) => {
    const socket = join(temporaryDirectory(t), 'other.sock');
    const server = createServer((connection) => {
      connection.on('error', () => {});
      connection.once('data', () => connection.end(answer));
    });
    cleanUp(t, () => void server.close());
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    const args = [...verb, '--socket', socket];
    const ran = await run({ args, env: process.env, cwd: '/', asUser: undefined });
    assert.deepEqual([ran.code, ran.stdout], [69, '']);
    assert.match(ran.stderr, told);
  });
}

test('unitd exits 77 when it may not use the socket', { skip: cannotRunAs('nobody') }, async (t) => {
  const { socket, directory, env } = await bench(t);
  chmodSync(directory, 0o711);
  const { code, stderr } = await run({
    args: ['status', '--socket', socket],
    env,
    cwd: '/',
    asUser: 'nobody',
  });
  assert.equal(code, 77);
  assert.match(stderr, /not permitted/);
});

test('unitd status into a reader that has left ends quietly', async (t) => {
  const units = Array.from({ length: 3000 }, (_, at) => sampleUnit(`unit-${at}`, { ...SAMPLE_UNITS[6] }));
  const { env, directory } = await bench(t, { units });
  const child = spawn(process.execPath, [PROGRAM, 'status'], {
    cwd: directory,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (text) => (stderr += text));
  child.stdout.destroy();
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.deepEqual([code, stderr], [0, '']);
});

for (const args of [
  ['statsu'],
  ['status', '--jsno'],
  ['signal', 'web'],
  ['start', 'web', '--timeout', 'soon'],
  ['events', '--type', 'state,nonsense'],
  ['help', 'nonsense'],
  ['daemon', '--usage-interval', 'often'],
]) {
  test(`unitd ${args.join(' ')} is a usage error: exit code 64 and nothing on stdout`, async (t) => {
    const { unitd, control } = await bench(t);
    const { code, stdout, stderr } = await unitd(...args);
    assert.deepEqual([code, stdout], [64, '']);
    assert.match(stderr, /^unitd: cannot .*: .*, (?:expected|did you mean) .*\n {2}see: unitd help.*\n$/);
    assert.deepEqual(control.calls, []);
  });
}

test('unitd status FILE asks whether the unit of that file was meant', async (t) => {
  const { unitd } = await bench(t);
  for (const name of ['web.yaml', 'units.d/web.yml', './web', 'web.service', 'WEB']) {
    const { code, stderr } = await unitd('status', name);
    assert.equal(code, 4);
    assert.match(stderr, /\n {2}did you mean web\?\n/);
  }
});

test('unitd check is silent about good files and names place and count of what is wrong, with exit code 78', async (t) => {
  const directory = temporaryDirectory(t);
  const units = join(directory, 'units.d');
  mkdirSync(units, { mode: 0o755 });
  const write = (name: string, text: string): string => {
    const path = join(units, name);
    writeFileSync(path, text, { mode: 0o644 });
    return path;
  };
  const check = async (...args: string[]): Promise<Ran> =>
    await run({ args: ['check', ...args], env: process.env, cwd: directory, asUser: undefined });

  const web = write('web.yaml', 'command: /bin/sleep 1\nrequires: [db]\n');
  const alone = await check(web);
  assert.deepEqual([alone.code, alone.stdout], [0, '']);
  assert.match(alone.stderr, /web\.yaml:2:\d+: warning: .*db/);
  assert.equal((await check(units)).code, 78);
  write('db.yaml', 'command: /bin/sleep 2\n');
  assert.deepEqual(await check(units), { code: 0, stdout: '', stderr: '' });

  const temporary = join(directory, '.source.yaml');
  writeFileSync(temporary, 'command: /bin/sleep 1\nnise: 3\n', { mode: 0o644 });
  const bad = await check(temporary);
  assert.equal(bad.code, 78);
  assert.match(bad.stderr, /\.source\.yaml:2:1: .*nise[^]*1 error in 1 unit file/);
  const json = JSON.parse((await check(temporary, '--json')).stdout);
  assert.deepEqual([json.ok, json.files, json.problems[0].code], [false, 1, 'unknown-field']);
});

test('unitd schema prints a JSON Schema, and refuses a name that is none', async (t) => {
  const { unitd } = await bench(t);
  assert.equal(JSON.parse((await unitd('schema')).stdout).title, 'unitd unit');
  assert.equal((await unitd('schema', 'nonsense')).code, 64);
});

function operation(
  verb: OperationDocument['verb'],
  name: string,
  outcome: OperationDocument['units'][number]['outcome'],
): OperationDocument {
  const units = [{ name, state: 'running', ready: true, outcome, reason: 'because' } as const];
  return { apiVersion: API_VERSION, verb, ok: outcome === 'done', units, plan: null, problems: [] };
}

function gate(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let open = (): void => {};
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, resolve: () => open() };
}

/** Resolves when somebody has begun to listen to events. */
async function subscribed(control: FakeControl): Promise<void> {
  while (control.openSubscriptions() === 0) await new Promise((resolve) => setImmediate(resolve));
}
