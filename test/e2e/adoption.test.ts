// What a daemon leaves when it is killed, the next one takes back: processes, counts, deadlines, words, and whatever
// happened while nobody looked.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { crc32 } from 'node:zlib';
import { child, openChannel, openGate, temporaryDirectory } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { TELLS_EXITS } from '../support/kernel.ts';
import { isAlive } from '../support/processes.ts';
import { startUnitd, type Unitd } from '../support/unitd.ts';
import { USERS } from '../support/users.ts';

async function killAndStart(
  unitd: Unitd,
  meanwhile: () => void | Promise<void> = () => undefined,
): Promise<void> {
  await unitd.kill('SIGKILL');
  await meanwhile();
  await unitd.start();
}

/** Resolves when the process is gone: nobody but its parent hears of it, so /proc is looked at. */
async function ended(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setImmediate(resolve));
}

/** Rewrites the journal's records; each keeps a CRC that fits. */
function editJournal(unitd: Unitd, edit: (json: string) => string): void {
  const path = join(unitd.runtime, 'journal');
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const edited = lines.map((line) => edit(line.slice(line.indexOf(' ') + 1)));
  writeFileSync(path, edited.map((json) => `${crc32(json).toString(16)} ${json}\n`).join(''));
}

async function pidsOf(unitd: Unitd): Promise<Readonly<Record<string, number | null>>> {
  return Object.fromEntries((await unitd.status()).units.map(({ name, pid }) => [name, pid]));
}

for (const { as, skip, options } of USERS) {
  test(
    `as ${as}: processes outlive the daemon, and the next one learns how they end`,
    { skip },
    async (t) => {
      const channel = openChannel(t);
      const gate = openGate(t);
      const unitd = await startUnitd(
        t,
        {
          'job.yaml': `command: ${child.gate} ${channel.path} ${gate.path} 7\nrestart: { policy: on-abort }`,
          'web.yaml': `command: ${child.announce} ${channel.path}\nrestart: { delay: 10ms }`,
          'db.yaml': 'command: sleep infinity',
          'api.yaml': 'command: sleep infinity\nrequires: [db]',
        },
        options,
      );
      await channel.next('waiting');
      process.kill((await channel.next('up')).pid, 'SIGKILL');
      await channel.next('up', 1);
      await unitd.until({ job: 'running', web: 'running', db: 'running', api: 'running' });
      const before = (await unitd.status()).units;
      assert.deepEqual(
        before.map(({ name, restarts }) => [name, restarts]),
        [
          ['api', 0],
          ['db', 0],
          ['job', 0],
          ['web', 1],
        ],
      );

      await killAndStart(unitd);
      // Figures of usage begin anew with each daemon.
      const facts = (units: typeof before): unknown => units.map((unit) => ({ ...unit, usage: null }));
      assert.deepEqual(facts((await unitd.status()).units), facts(before));

      gate.open();
      await unitd.until({ job: 'failed' });
      const { lastExit } = (await unitd.unit('job')).unit;
      assert.ok(
        lastExit?.code === 7 || (!TELLS_EXITS && lastExit?.cause === 'unknown'),
        JSON.stringify(lastExit),
      );

      const { pid } = await channel.next('up', 1);
      process.kill(pid, 'SIGSEGV');
      await unitd.until((look) => look('web')?.to === 'running' && look('web')?.pid !== pid);
      const { unit: web } = await unitd.unit('web');
      assert.equal(web.restarts, 2);
      assert.ok(web.lastExit?.signal === 'SIGSEGV' || (!TELLS_EXITS && web.lastExit?.cause === 'unknown'));
    },
  );

  test(`as ${as}: stop of an adopted unit ends its whole tree, and says so at once`, { skip }, async (t) => {
    const channel = openChannel(t);
    // An hour: only the news that the last process has ended can end this stop in time.
    const unitd = await startUnitd(
      t,
      { 'web.yaml': `command: ${child.doubleFork} ${channel.path}\nstop: { timeout: 1h }` },
      options,
    );
    const [main, grandchild] = await Promise.all([channel.next('main'), channel.next('grandchild')]);
    await killAndStart(unitd);
    const { processes } = await unitd.unit('web');
    assert.deepEqual(
      processes.map(({ pid }) => pid).sort((a, b) => a - b),
      [main.pid, grandchild.pid].sort((a, b) => a - b),
    );
    const ran = await unitd.cli('stop', 'web');
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual([isAlive(main.pid), isAlive(grandchild.pid)], [false, false]);
    const cause = (await unitd.unit('web')).unit.lastExit?.cause;
    assert.ok(cause === 'signal' || (!TELLS_EXITS && cause === 'unknown'), cause);
  });
}

test('an adopted unit whose main process ended in the gap: an end unknown, and its restart policy', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'always.yaml': `command: ${child.announce} ${channel.path} always\nrestart: { delay: 10ms }`,
    'clean.yaml': `command: ${child.announce} ${channel.path} clean\nrestart: { policy: on-success }`,
  });
  const pids = [(await channel.next('always')).pid, (await channel.next('clean')).pid];
  await unitd.until({ always: 'running', clean: 'running' });
  await killAndStart(unitd, async () => {
    for (const pid of pids) {
      process.kill(pid, 'SIGKILL');
      await ended(pid);
    }
  });
  const again = await channel.next('always', 1);
  await unitd.until({ always: 'running', clean: 'failed' });
  const { unit: always } = await unitd.unit('always');
  assert.deepEqual([always.pid, always.restarts, always.lastExit?.cause], [again.pid, 1, 'unknown']);
  const { unit: clean } = await unitd.unit('clean');
  assert.equal(clean.reason, 'ended, nobody knows how');
});

test('a grandchild that outlives a main process which ended in the gap is stopped before the restart', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.doubleFork} ${channel.path}\nstop: { timeout: 1h }\nrestart: { delay: 10ms }`,
  });
  const [main, grandchild] = await Promise.all([channel.next('main'), channel.next('grandchild')]);
  // So that its pid is written down: of a leader that died before that, its offspring cannot be told.
  assert.equal((await unitd.cli('wait', 'web')).code, 0);
  await killAndStart(unitd, async () => {
    process.kill(main.pid, 'SIGKILL');
    await ended(main.pid);
  });
  await channel.next('main', 1);
  assert.equal(isAlive(grandchild.pid), false);
});

test('files changed, removed and added in the gap are applied by the next daemon, and what is unchanged stays', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'same.yaml': `command: ${child.announce} ${channel.path} same`,
    'logs.yaml': `command: ${child.announce} ${channel.path} logs`,
    'changed.yaml': `command: ${child.announce} ${channel.path} before`,
    'off.yaml': `command: ${child.announce} ${channel.path} off`,
    'gone.yaml': `command: ${child.announce} ${channel.path} gone`,
  });
  const words = ['same', 'logs', 'before', 'off', 'gone'];
  const [same, logs, before, off, gone] = await Promise.all(
    words.map(async (word) => (await channel.next(word)).pid),
  );
  assert.ok(before !== undefined && off !== undefined && gone !== undefined);
  await unitd.until({
    same: 'running',
    logs: 'running',
    changed: 'running',
    off: 'running',
    gone: 'running',
  });
  await killAndStart(unitd, () => {
    unitd.write('logs.yaml', `command: ${child.announce} ${channel.path} logs\nlogs: { format: raw }`);
    unitd.write('changed.yaml', `command: ${child.announce} ${channel.path} after`);
    unitd.write('off.yaml', `command: ${child.announce} ${channel.path} off\nenabled: false`);
    unitd.remove('gone.yaml');
    unitd.write('added.yaml', `command: ${child.announce} ${channel.path} added`);
  });
  const [after, added] = [(await channel.next('after')).pid, (await channel.next('added')).pid];
  await unitd.until(
    (look) =>
      look('changed')?.pid === after &&
      look('added')?.pid === added &&
      look('off')?.to === 'stopped' &&
      look('gone') === undefined,
  );
  assert.deepEqual(await pidsOf(unitd), { added, changed: after, logs, off: null, same });
  assert.deepEqual([before, off, gone].map(isAlive), [false, false, false]);
  assert.deepEqual(
    (await unitd.status()).units.map(({ restarts }) => restarts),
    [0, 0, 0, 0, 0],
  );
});

test('a unit that has given up stays failed when other files changed in the gap', async (t) => {
  const starts = join(temporaryDirectory(t), 'starts');
  const unitd = await startUnitd(t, {
    'bad.yaml': `command: ${child.note} 1 ${starts} start\nrestart: { policy: no }`,
    'web.yaml': 'command: sleep infinity',
  });
  await unitd.until({ bad: 'failed', web: 'running' });
  await killAndStart(unitd, () => unitd.write('web.yaml', 'command: sleep infinity\ndescription: Other'));
  await unitd.until({ bad: 'failed', web: 'running' });
  assert.equal(readFileSync(starts, 'utf8'), 'start\n');
});

test('a backoff goes on where it stood', async (t) => {
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.exit} 3\nrestart: { delay: 1h, maxDelay: 1h }`,
    'soon.yaml': `command: ${child.exit} 3\nrestart: { delay: 100ms, factor: 1, limit: 2 }`,
  });
  await unitd.until({ web: 'backoff' });
  const before = (await unitd.unit('web')).unit;
  await killAndStart(unitd);
  const after = (await unitd.unit('web')).unit;
  assert.ok(before.nextStartAt !== null && after.nextStartAt !== null);
  const driftMs = Date.parse(after.nextStartAt) - Date.parse(before.nextStartAt);
  assert.ok(Math.abs(driftMs) <= 100, `moved by ${driftMs} ms`);
  assert.deepEqual(
    [after.state, after.restarts, after.lastExit],
    ['backoff', before.restarts, before.lastExit],
  );
  await unitd.until({ soon: 'failed' });
  assert.equal((await unitd.unit('soon')).unit.restarts, 2);
});

/** A unit that is deaf to its stop signal, which it has got. */
async function stopUnderWay(
  t: TestContext,
  timeout: string,
): Promise<{ readonly unitd: Unitd; readonly pid: number }> {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.ignoreTerm} ${channel.path}\nstop: { timeout: ${timeout} }`,
  });
  const { pid } = await channel.next('up');
  await unitd.until({ web: 'running' });
  const next = await unitd.follow();
  const stopping = next((line) => line.type === 'state' && line.to === 'stopping');
  await unitd.cli('stop', 'web', '--no-wait');
  await stopping;
  return { unitd, pid };
}

test('a stop under way goes on, to the final signal at its deadline, and the unit stays held', async (t) => {
  const { unitd, pid } = await stopUnderWay(t, '5s');
  await killAndStart(unitd);
  await unitd.until({ web: 'stopped' });
  assert.equal(isAlive(pid), false);
  const { unit } = await unitd.unit('web');
  assert.deepEqual([unit.held, unit.restarts, unit.lastExit?.cause], [true, 0, 'stop-timeout']);
});

test('a final signal that was under way goes on to whoever had not been met', async (t) => {
  const { unitd, pid } = await stopUnderWay(t, '60s');
  await killAndStart(unitd, () => {
    editJournal(unitd, (json) => json.replace('"step":"signal"', '"step":"final"'));
  });
  await unitd.until({ web: 'stopped' });
  assert.equal(isAlive(pid), false);
});

test('a unit whose file was removed, and whose stop was under way, is ended by the next daemon', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.ignoreTerm} ${channel.path}\nstop: { timeout: 5s }`,
    'other.yaml': 'command: sleep infinity',
  });
  const { pid } = await channel.next('up');
  await unitd.until({ web: 'running', other: 'running' });
  unitd.remove('web.yaml');
  const before = await unitd.follow();
  const stopping = before((line) => line.type === 'state' && line.unit === 'web' && line.to === 'stopping');
  await unitd.cli('reload', '--no-wait');
  await stopping;
  await killAndStart(unitd);
  const next = await unitd.follow();
  const isThere = (await unitd.status()).units.some(({ name }) => name === 'web');
  if (isThere) await next((line) => line.type === 'removed' && line.unit === 'web');
  assert.equal(isAlive(pid), false);
  assert.equal((await unitd.unit('other')).unit.restarts, 0);
});

test('what was completed is not run again, and what was held stays held', async (t) => {
  const starts = join(temporaryDirectory(t), 'starts');
  const unitd = await startUnitd(t, {
    'setup.yaml': `type: oneshot\ncommand: ${child.note} 0 ${starts} start`,
    'web.yaml': 'command: sleep infinity\nrequires: [setup]',
    'held.yaml': 'command: sleep infinity',
    'spare.yaml': 'command: sleep infinity\nenabled: false',
  });
  await unitd.until({ setup: 'completed', web: 'running', held: 'running' });
  assert.equal((await unitd.cli('stop', 'held')).code, 0);
  assert.equal((await unitd.cli('start', 'spare')).code, 0);
  const before = await pidsOf(unitd);
  await killAndStart(unitd);
  await unitd.until({ setup: 'completed', web: 'running', held: 'stopped', spare: 'running' });
  assert.deepEqual(await pidsOf(unitd), before);
  assert.deepEqual(
    (await unitd.status()).units.map(({ held }) => held),
    [true, false, true, false],
  );
  assert.equal(readFileSync(starts, 'utf8'), 'start\n');
});

test('a oneshot that ends in the gap, unseen, has failed and is not run again', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'setup.yaml': `type: oneshot\ncommand: ${child.gate} ${channel.path} ${gate.path}`,
  });
  const { pid } = await channel.next('waiting');
  await unitd.until({ setup: 'starting' });
  await killAndStart(unitd, async () => {
    gate.open();
    await ended(pid);
  });
  await unitd.until({ setup: 'failed' });
  assert.equal((await unitd.unit('setup')).unit.lastExit?.cause, 'unknown');
  assert.equal(channel.said.length, 1);
});

test('usage of an adopted tree is measured, with what it forked', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(
    t,
    { 'web.yaml': `command: ${child.doubleFork} ${channel.path}` },
    { args: ['--usage-interval', '100ms'] },
  );
  await Promise.all([channel.next('main'), channel.next('grandchild')]);
  await unitd.until({ web: 'running' });
  await killAndStart(unitd);
  const events = await unitd.follow();
  const event = await events((line) => line.type === 'usage' && line.unit === 'web');
  assert.ok(event.type === 'usage');
  assert.equal(event.usage.tasks, 2);
});

test('output that was written in the gap is in the log', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: [/bin/sh, -c, "echo first; read -r _ <${gate.path}; echo second; exec ${child.announce} ${channel.path}"]`,
  });
  await unitd.untilLog('web', 'first');
  await killAndStart(unitd, async () => {
    gate.open();
    await channel.next('up');
  });
  await unitd.untilLog('web', 'second');
  assert.equal(
    unitd
      .log('web')
      .match(/first|second/g)
      ?.join(),
    'first,second',
  );
});

test('a process that has the pid but not the start time is neither adopted nor signalled', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.announce} ${channel.path}\nrestart: { delay: 10ms }`,
  });
  const { pid } = await channel.next('up');
  await unitd.until({ web: 'running' });
  const stranger = spawn('sleep', ['infinity']);
  cleanUp(t, () => void stranger.kill('SIGKILL'));
  await killAndStart(unitd, async () => {
    process.kill(pid, 'SIGKILL');
    await ended(pid);
    editJournal(unitd, (json) => json.replaceAll(`"pid":${pid},`, `"pid":${stranger.pid},`));
  });
  const again = await channel.next('up', 1);
  await unitd.until((look) => look('web')?.pid === again.pid);
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.deepEqual([stranger.exitCode, stranger.signalCode], [null, null]);
  assert.equal((await unitd.unit('web')).unit.restarts, 1);
});

test('a journal of another boot is not believed', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.announce} ${channel.path}` });
  const { pid } = await channel.next('up');
  await unitd.until({ web: 'running' });
  await killAndStart(unitd, () => {
    const own = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    editJournal(unitd, (json) => json.replaceAll(own, '01234567-89ab-cdef-0123-456789abcdef'));
  });
  const again = await channel.next('up', 1);
  await unitd.until((look) => look('web')?.pid === again.pid);
  assert.equal(isAlive(pid), true, 'what nobody knows of is left alone');
  process.kill(pid, 'SIGKILL');
});

test('a record that was being written when the daemon died is passed over', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.announce} ${channel.path}` });
  const { pid } = await channel.next('up');
  await unitd.until({ web: 'running' });
  await killAndStart(unitd, () => {
    const path = join(unitd.runtime, 'journal');
    const last = readFileSync(path, 'utf8').trimEnd().split('\n').at(-1) ?? '';
    appendFileSync(path, last.replace('"running"', '"stopped"').slice(0, -10));
  });
  assert.equal((await unitd.unit('web')).unit.pid, pid);
});

test('a clean stop leaves no journal, and ends although an adopted process was left to itself', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(
    t,
    { 'web.yaml': `command: ${child.announce} ${channel.path}\nstop: { killMode: none, timeout: 100ms }` },
    { leavesProcesses: true },
  );
  const { pid } = await channel.next('up');
  await unitd.until({ web: 'running' });
  await killAndStart(unitd);
  assert.equal(existsSync(join(unitd.runtime, 'journal')), true);
  assert.deepEqual(await unitd.stop(), { code: 0, signal: null });
  assert.equal(existsSync(join(unitd.runtime, 'journal')), false);
  assert.equal(isAlive(pid), true);
  process.kill(pid, 'SIGKILL');
});
