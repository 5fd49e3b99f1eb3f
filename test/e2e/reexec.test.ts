// unitd reexec: another version in the daemon's own process. Pids, exit codes, counts, pauses, words, output and waiting
// clients come through; nothing is left over however often it happens.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import type { EventLine } from '../../src/wire/v1.ts';
import { child, openChannel, openGate, temporaryDirectory } from '../support/child.ts';
import { WAIT_LIMIT_MS } from '../support/lines.ts';
import { processFact } from '../support/processes.ts';
import { startUnitd, type Unitd } from '../support/unitd.ts';
import { USERS } from '../support/users.ts';
import { TAKING_OVER, versionsOf } from '../support/versions.ts';

/** An entry that says `loading PID` when it takes over, and waits for the gate before it loads the program. */
const waitsAt = (channel: string, gate: string): string => `
const { openSync, readSync, writeFileSync } = require('node:fs');
if (${TAKING_OVER}) {
  writeFileSync(${JSON.stringify(channel)}, \`loading \${process.pid}\\n\`);
  readSync(openSync(${JSON.stringify(gate)}, 'r'), Buffer.alloc(64));
}`;

/** An entry that notes what it takes over: the letter's descriptor is the last word of the variable. */
const notesLetterIn = (file: string): string => `
if (${TAKING_OVER}) {
  const { appendFileSync, readFileSync } = require('node:fs');
  const fd = process.env.UNITD_HANDOVER.split(':')[2];
  appendFileSync(${JSON.stringify(file)}, readFileSync('/proc/self/fd/' + fd, 'utf8') + '\\n');
}`;

const ROUNDS = Number(process.env['UNITD_TEST_ROUNDS'] ?? 10);

/** Resolves when the process is a zombie: its parent has not looked yet. */
async function dead(pid: number): Promise<void> {
  while (processFact(pid)?.state !== 'Z') await new Promise((resolve) => setImmediate(resolve));
}

/** What a reexec must not change, of daemon and units. */
async function facts(unitd: Unitd): Promise<unknown> {
  const { daemon, units } = await unitd.status();
  const { pid, startedAt } = daemon;
  return { pid, startedAt, units: units.map((unit) => ({ ...unit, usage: null })) };
}

/** What the verb does, without the time that it takes to load it. */
async function replaced(unitd: Unitd): Promise<void> {
  const before = (await unitd.status()).daemon.replacedAt;
  const status = await new Promise((resolve, reject) => {
    const asked = request({ socketPath: unitd.socket, path: '/v1/reexec', method: 'POST', agent: false });
    asked.on('response', (answer) => resolve(answer.resume().statusCode)).on('error', reject);
    asked.end();
  });
  assert.equal(status, 200);
  // A connection that the old version had taken, but not looked at, is cut.
  const now = async (): Promise<string | null> =>
    await unitd.status().then(
      ({ daemon }) => daemon.replacedAt,
      () => before,
    );
  const deadline = performance.now() + WAIT_LIMIT_MS;
  while ((await now()) === before) assert.ok(performance.now() < deadline, 'the new version does not answer');
}

for (const { as, skip, options } of USERS) {
  test(
    `as ${as}: the new version runs in the old process, and units neither notice nor are forgotten`,
    { skip },
    async (t) => {
      const channel = openChannel(t);
      const gate = openGate(t);
      const versions = versionsOf(t);
      versions.install('7.0.0').use();
      const unitd = await startUnitd(
        t,
        {
          'job.yaml': `command: ${child.gate} ${channel.path} ${gate.path} 7\nrestart: { policy: on-abort }`,
          'web.yaml': `command: ${child.announce} ${channel.path}\nrestart: { delay: 10ms }`,
          'tree.yaml': `command: ${child.doubleFork} ${channel.path}\nstop: { timeout: 1h }`,
          'held.yaml': 'command: sleep infinity',
          'spare.yaml': 'command: sleep infinity\nenabled: false',
          'later.yaml': `command: ${child.exit} 3\nrestart: { delay: 1h, maxDelay: 1h }`,
          'done.yaml': 'type: oneshot\ncommand: "true"',
        },
        { ...options, program: versions.program },
      );
      await channel.next('waiting');
      process.kill((await channel.next('up')).pid, 'SIGKILL');
      const { pid: web } = await channel.next('up', 1);
      const tree = await Promise.all([channel.next('main'), channel.next('grandchild')]);
      await unitd.until({
        job: 'running',
        web: 'running',
        later: 'backoff',
        done: 'completed',
        held: 'running',
      });
      assert.equal((await unitd.cli('stop', 'held')).code, 0);
      assert.equal((await unitd.cli('start', 'spare')).code, 0);
      const before = await facts(unitd);
      assert.equal((await unitd.status()).daemon.replacedAt, null);

      versions.install('8.0.0').use();
      const ran = await unitd.cli('reexec');
      assert.deepEqual(
        [ran.code, ran.stdout],
        [0, `pid ${unitd.pid}: version 8.0.0 in place of 7.0.0\n`],
        ran.stderr,
      );
      const { daemon } = await unitd.status();
      assert.equal(daemon.version, '8.0.0');
      assert.ok(daemon.replacedAt !== null && daemon.replacedAt > daemon.startedAt);
      // A backoff's end is told on the wall clock, which is a fraction off the one that counts.
      const rounded = (value: unknown): string =>
        JSON.stringify(value).replaceAll(/("nextStartAt":"[^"]*):\d\d\.\d+Z/g, '$1');
      assert.equal(rounded(await facts(unitd)), rounded(before));

      await unitd.followAnew();
      const next = await unitd.follow();
      gate.open();
      await unitd.until({ job: 'failed' });
      assert.equal((await unitd.unit('job')).unit.lastExit?.code, 7);
      process.kill(web, 'SIGSEGV');
      const ended = await next((line) => line.type === 'exit' && line.unit === 'web');
      assert.ok(ended.type === 'exit');
      assert.equal(ended.exit.signal, 'SIGSEGV');
      const { pid: again } = await channel.next('up', 2);
      await unitd.until((look) => look('web')?.to === 'running' && look('web')?.pid === again);
      assert.doesNotMatch(readFileSync(`/proc/${again}/environ`, 'latin1'), /UNITD_HANDOVER/);
      // Its loader may have a library open at this moment; what leaked would stay.
      const descriptors = (): readonly string[] => readdirSync(`/proc/${again}/fd`).sort();
      while (descriptors().length > 3) await unitd.status();
      assert.deepEqual(descriptors(), ['0', '1', '2']);
      assert.equal((await unitd.unit('web')).unit.restarts, 2);
      // An hour: only the news that the last process has ended can end this stop in time.
      assert.equal((await unitd.cli('stop', 'tree')).code, 0);
      assert.deepEqual(
        tree.map(({ pid }) => processFact(pid)),
        [null, null],
      );
    },
  );

  test(
    `as ${as}: what ends while the new version is being loaded has its exit code, its last words and its restart`,
    { skip },
    async (t) => {
      const channel = openChannel(t);
      const [loading, job, says] = [openGate(t), openGate(t), openGate(t)];
      const versions = versionsOf(t);
      versions.install('7.0.0').use();
      const unitd = await startUnitd(
        t,
        {
          'job.yaml': `command: ${child.gate} ${channel.path} ${job.path} 7\nrestart: { policy: on-abort }`,
          'web.yaml': `command: ${child.announce} ${channel.path}\nrestart: { delay: 10ms }`,
          'says.yaml': `
          command: [/bin/sh, -c, "echo \\"says $$$$\\" >${channel.path}; read -r _ <${says.path}; echo last words"]
          restart: { policy: no }`,
        },
        { ...options, program: versions.program },
      );
      const pids = [await channel.next('waiting'), await channel.next('up'), await channel.next('says')].map(
        ({ pid }) => pid,
      );
      await unitd.until({ job: 'running', web: 'running', says: 'running' });
      const feed = unitd.spawnCli('events', '--snapshot', '--type', 'state,exit,daemon');
      // The snapshot is what comes first: from here on nothing is missed.
      await feed.line('"unit":"web"');
      await unitd.cli('restart', 'web');
      const { pid: web } = await channel.next('up', 1);
      versions.install('8.0.0', waitsAt(channel.path, loading.path)).use();
      const reexec = unitd.spawnCli('reexec', '--json');
      await channel.next('loading');
      job.open();
      says.open();
      process.kill(web, 'SIGKILL');
      await Promise.all([dead(pids[0] ?? 0), dead(pids[2] ?? 0), dead(web)]);
      const waiting = unitd.spawnCli('status', 'job');
      const second = await unitd.cli('daemon');
      assert.deepEqual(
        [second.code, second.stderr.includes(`the daemon with pid ${unitd.pid}`)],
        [1, true],
        second.stderr,
      );
      loading.open();
      assert.deepEqual(await reexec.ended, { code: 0, signal: null });
      assert.deepEqual(JSON.parse(reexec.lines.join('')), {
        apiVersion: 'unitd/v1',
        verb: 'reexec',
        pid: unitd.pid,
        oldVersion: '7.0.0',
        newVersion: '8.0.0',
      });
      await unitd.followAnew();
      await unitd.until({ job: 'failed', says: 'completed' });
      const { pid: again } = await channel.next('up', 2);
      await unitd.until((look) => look('web')?.pid === again);
      const units = await Promise.all(
        ['job', 'web', 'says'].map(async (name) => (await unitd.unit(name)).unit),
      );
      assert.deepEqual(
        units.map(({ lastExit, restarts }) => [lastExit?.code, lastExit?.signal, restarts]),
        [
          [7, null, 0],
          [null, 'SIGKILL', 1],
          [0, null, 0],
        ],
      );
      assert.match(await unitd.untilLog('says', 'last words\n'), / stdout F last words\n$/);
      await waiting.ended;
      for (const unit of ['job', 'web', 'says']) {
        await feed.line((line) => {
          const event: EventLine = JSON.parse(line);
          return event.type === 'exit' && event.unit === unit && !event.exit.requested;
        });
      }
      const numbers = feed.lines
        .map((line): EventLine => JSON.parse(line))
        .filter((event) => event.type !== 'state' || event.from !== null)
        .map(({ seq }) => seq);
      assert.deepEqual(
        numbers,
        [...new Set(numbers)].sort((a, b) => a - b),
        'each event once, in their order',
      );
    },
  );
}

test('every version knows since when this process has been the only daemon, and finds its trees from there', async (t) => {
  const [channel, letters] = [openChannel(t), join(temporaryDirectory(t), 'letters')];
  const versions = versionsOf(t);
  versions.install('7.0.0', notesLetterIn(letters)).use();
  const files = { 'web.yaml': `command: ${child.announce} ${channel.path}` };
  const unitd = await startUnitd(t, files, { program: versions.program, args: ['--fence', 'session'] });
  const { pid } = await channel.next('up');
  for (let round = 0; round < 2; round += 1) await replaced(unitd);
  const since = readFileSync(letters, 'utf8')
    .trim()
    .split('\n')
    .map((letter): number => JSON.parse(letter).spawnsSinceTicks);
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const startTicks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  assert.equal(since.length, 2);
  assert.equal(since[0], since[1]);
  assert.ok((since[0] ?? Infinity) < startTicks, `${since[0]} is not before ${startTicks}`);
});

test('clients that wait for something go on waiting, and lose nothing', async (t) => {
  const channel = openChannel(t);
  const [start, loading] = [openGate(t), openGate(t)];
  const versions = versionsOf(t);
  versions.install('7.0.0').use();
  const slow = `
    command: sleep infinity
    startPre: [${child.gate} ${channel.path} ${start.path}]`;
  const unitd = await startUnitd(
    t,
    {
      'slow.yaml': `${slow}\n    enabled: false`,
      'talk.yaml': 'command: [/bin/sh, -c, "i=0; while :; do i=$((i+1)); echo line $i.; sleep 0.01; done"]',
    },
    { program: versions.program },
  );
  await unitd.untilLog('talk', 'line 1.');
  const logs = unitd.spawnCli('logs', '-f', '-n', 'all', 'talk');
  await logs.line('line 1.');
  const started = unitd.spawnCli('start', 'slow', '--json', '--timeout', '10m');
  await channel.next('waiting');
  const waiting = unitd.spawnCli('wait', 'slow');
  unitd.write('other.yaml', slow);
  const reloaded = unitd.spawnCli('reload', '--json');
  await channel.next('waiting', 1);
  const plain = new Promise<readonly [number | undefined, string | undefined]>((resolve, reject) => {
    const asked = request({
      socketPath: unitd.socket,
      path: '/v1/units/slow/start',
      method: 'POST',
      agent: false,
    });
    asked.on('response', (answer) => {
      answer.resume();
      resolve([answer.statusCode, answer.headers.location]);
    });
    asked.on('error', reject);
    asked.end();
  });
  // Answered behind the other one on the way in, so that is being waited for too.
  await unitd.cli('status');
  versions.install('8.0.0', waitsAt(channel.path, loading.path)).use();
  const reexec = unitd.spawnCli('reexec');
  await channel.next('loading');
  const early = unitd.spawnCli('status', '--json');
  loading.open();
  assert.equal((await reexec.ended).code, 0);
  await early.ended;
  assert.equal(JSON.parse(early.lines.join('\n')).daemon.version, '8.0.0');
  const [status, location] = await plain;
  assert.equal(status, 303);
  assert.match(location ?? '', /^\/v1\/operations\/[0-9a-f-]{36}$/);
  const rest = unitd.get<unknown>(location ?? '');
  start.open();
  start.open();
  assert.deepEqual(
    [(await started.ended).code, (await reloaded.ended).code, (await waiting.ended).code],
    [0, 0, 0],
  );
  const rows = [started, reloaded].map(({ lines }) => JSON.parse(lines.join('\n')));
  assert.deepEqual(
    rows.map(({ verb, ok, units }) => [
      verb,
      ok,
      units.map((unit: { name: string; outcome: string }) => [unit.name, unit.outcome]),
    ]),
    [
      ['start', true, [['slow', 'done']]],
      ['reload', true, [['other', 'done']]],
    ],
  );
  assert.match(rows[1].plan.id, /^[0-9a-f]{12}$/);
  assert.match(JSON.stringify(await rest), /"verb":"start","ok":true/);
  const seen = logs.lines.length;
  await logs.line((line) => Number(/\d+/.exec(line)?.[0]) > seen + 20);
  const numbers = logs.lines.map((line) => Number(/^line (\d+)\.$/.exec(line)?.[1]));
  assert.deepEqual(
    numbers,
    numbers.map((_number, index) => index + 1),
    'every line once',
  );
});

test(`${ROUNDS} in a row leave no descriptor, thread, pipe or zombie behind, and no unit restarts`, async (t) => {
  const unitd = await startUnitd(t, {
    'web.yaml': 'command: sleep infinity',
    'db.yaml': 'command: sleep infinity',
    'ended.yaml': 'type: oneshot\ncommand: echo done',
  });
  assert.equal((await unitd.cli('wait', 'web', 'db', 'ended')).code, 0);
  assert.equal((await unitd.cli('reexec')).code, 0);
  const kinds = (): readonly string[] =>
    readdirSync(`/proc/${unitd.pid}/fd`)
      .map((fd) => {
        try {
          return readlinkSync(`/proc/${unitd.pid}/fd/${fd}`).replace(/\d+/g, 'N');
        } catch {
          return 'gone';
        }
      })
      // Open while a state file is being written.
      .filter((target) => target !== unitd.state)
      .sort();
  // The connection of a client that has gone is closed a moment later: the least of some looks is what stays.
  const settled = async (): Promise<readonly [readonly string[], number]> => {
    let least = kinds();
    for (let look = 0; look < 50; look += 1) {
      await unitd.status();
      const now = kinds();
      if (now.length < least.length) least = now;
    }
    return [least, readdirSync(`/proc/${unitd.pid}/task`).length];
  };
  const fifos = (): readonly string[] => readdirSync(join(unitd.runtime, 'fifo')).sort();
  const before = [...(await settled()), fifos(), await facts(unitd)];
  for (let times = 0; times < ROUNDS; times++) await replaced(unitd);
  assert.deepEqual([...(await settled()), fifos(), await facts(unitd)], before);
  assert.deepEqual(
    unitd.processes().filter(({ state }) => state === 'Z'),
    [],
  );
});

test('what was applied holds on: files that have changed since are for a plan and a reload', async (t) => {
  const starts = join(temporaryDirectory(t), 'starts');
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.countStarts} ${starts}`,
    'bad.yaml': 'command: sleep infinity',
  });
  await unitd.until({ web: 'running', bad: 'running' });
  unitd.write('bad.yaml', 'comand: sleep infinity');
  assert.equal((await unitd.cli('reload', '--partial')).code, 0);
  unitd.write('web.yaml', `command: ${child.countStarts} ${starts}\nenvironment: { NEW: "1" }`);
  unitd.write('added.yaml', 'command: sleep infinity');
  const before = await facts(unitd);
  const { problems } = (await unitd.status()).daemon;
  assert.equal((await unitd.cli('reexec')).code, 0);
  assert.deepEqual(await facts(unitd), before);
  const { daemon } = await unitd.status();
  assert.deepEqual([daemon.degraded, daemon.problems], [true, problems]);
  const plan = await unitd.cli('plan', '--partial');
  assert.equal(plan.code, 2, plan.stderr);
  assert.match(plan.stdout, /added +start[^]*web +restart/);
  assert.equal((await unitd.cli('reload', '--partial')).code, 0);
  await unitd.followAnew();
  await unitd.until({ added: 'running', web: 'running' });
});
