// How a service comes back: at once, after growing pauses, anew after a healthy time, or not any more.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { HistoryEntry, OperationDocument, UnitStatus } from '../../src/wire/v1.ts';
import { child, openChannel, temporaryDirectory } from '../support/child.ts';
import { startUnitd } from '../support/unitd.ts';

const HOUR_MS = 3_600_000;

/** Milliseconds from the end of the last run to the next start. */
function pauseOf(unit: UnitStatus): number {
  return Date.parse(unit.nextStartAt ?? '') - Date.parse(unit.lastExit?.at ?? '');
}

/** The end and the pause after it are read from two clocks, and written down in whole milliseconds. */
function assertNear(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1000, `${actual} ms, expected ${expected} ms`);
}

function gapMs(history: readonly HistoryEntry[], from: number): number {
  return Date.parse(history[from + 1]?.at ?? '') - Date.parse(history[from]?.at ?? '');
}

test('restart.delay 0 brings a killed service back at once, each time as a new process', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `
      command: ${child.announce} ${channel.path}
      restart: { delay: 0s }`,
  });
  const pids = new Set<number>();
  for (let start = 0; start < 5; start += 1) {
    const { pid } = await channel.next('up', start);
    pids.add(pid);
    await unitd.until((look) => look('web')?.to === 'running' && look('web')?.pid === pid);
    assert.equal((await unitd.unit('web')).unit.restarts, start);
    process.kill(pid, 'SIGKILL');
  }
  await channel.next('up', 5);
  assert.equal(pids.size, 5);
  const { history } = await unitd.unit('web');
  assert.deepEqual(
    history.map(({ signal, attempt, requested }) => ({ signal, attempt, requested })),
    [0, 1, 2, 3, 4].map((attempt) => ({ signal: 'SIGKILL', attempt, requested: false })),
  );
});

test('restart.delay grows by factor with each attempt, up to maxDelay', async (t) => {
  const unitd = await startUnitd(t, {
    'growing.yaml': `
      command: ${child.exit} 1
      restart: { delay: 10ms, factor: 4, jitter: 0, limit: 4 }`,
    'first.yaml': `
      command: ${child.exit} 1
      restart: { delay: 30m, maxDelay: 2h, jitter: 0 }`,
    'capped.yaml': `
      command: ${child.exit} 1
      restart: { delay: 100ms, factor: 1000, maxDelay: 50s, jitter: 0 }`,
    'drawn.yaml': `
      command: ${child.exit} 1
      restart: { delay: 1h, maxDelay: 1h, jitter: 0.5 }`,
  });
  await unitd.until(
    (look) => look('capped')?.to === 'backoff' && /attempt 3/.test(look('capped')?.reason ?? ''),
  );
  await unitd.until({ growing: 'failed', first: 'backoff', drawn: 'backoff' });

  const { history, unit } = await unitd.unit('growing');
  assert.deepEqual(
    history.map(({ attempt }) => attempt),
    [0, 1, 2, 3, 4],
  );
  assert.equal(unit.restarts, 4);
  for (const [index, delayMs] of [10, 40, 160, 640].entries()) {
    assert.ok(gapMs(history, index) >= delayMs - 2, `${gapMs(history, index)} ms after attempt ${index}`);
  }
  assertNear(pauseOf((await unitd.unit('first')).unit), HOUR_MS / 2);
  assertNear(pauseOf((await unitd.unit('capped')).unit), 50_000);
  const drawn = pauseOf((await unitd.unit('drawn')).unit);
  assert.ok(drawn > HOUR_MS * 0.49 && drawn < HOUR_MS * 1.51, `${drawn} ms`);
});

test('restart.resetAfter: a run that was up so long is followed at once, and the count begins again', async (t) => {
  const directory = temporaryDirectory(t);
  const starts = join(directory, 'starts');
  // The first three starts fail before they are up; from then on each run is ended by runtimeMax, which is late enough.
  // What begins again is the exponent of the pause: the limit counts on, and says when to look.
  const unitd = await startUnitd(t, {
    'web.yaml': `
      startPre:
        - [/bin/sh, -c, 'echo start >>"$1"; [ "$(wc -l <"$1")" -gt 3 ]', sh, ${starts}]
      command: sleep infinity
      runtimeMax: 20ms
      restart: { delay: 1ms, factor: 1, jitter: 0, resetAfter: 20ms, limit: 4, interval: 1h }`,
  });
  await unitd.until({ web: 'failed' });
  const { history } = await unitd.unit('web');
  assert.deepEqual(
    history.map(({ cause, attempt }) => ({ cause, attempt })),
    [
      { cause: 'start-pre', attempt: 0 },
      { cause: 'start-pre', attempt: 1 },
      { cause: 'start-pre', attempt: 2 },
      { cause: 'runtime-max', attempt: 3 },
      { cause: 'runtime-max', attempt: 0 },
    ],
  );
  assert.ok(history.slice(3).every(({ uptimeMs }) => uptimeMs >= 20));
});

test('restart.resetAfter: no pause, however long delay is, follows a healthy run', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `
      command: ${child.announce} ${channel.path}
      restart: { delay: 1h, maxDelay: 1h, resetAfter: 0s }`,
  });
  process.kill((await channel.next('up')).pid, 'SIGKILL');
  await channel.next('up', 1);
  assert.equal((await unitd.unit('web')).unit.restarts, 1);
});

test('restart.limit gives up, says so, and reset lets the unit try anew', async (t) => {
  const starts = join(temporaryDirectory(t), 'starts');
  const failing = `
      command: [/bin/sh, -c, 'echo "$UNITD_UNIT" >>${starts}; exit 7']
      restart: { delay: 0s, limit: 2, interval: 1h }`;
  const unitd = await startUnitd(t, { 'web.yaml': failing });
  await unitd.until({ web: 'failed' });
  const startCount = (): number => readFileSync(starts, 'utf8').split('\n').length - 1;
  assert.equal(startCount(), 3);
  const failed = (await unitd.unit('web')).unit;
  assert.equal(failed.restarts, 2);
  assert.equal(failed.nextStartAt, null);
  assert.match(failed.reason, /^exited with code 7; gave up after 2 restarts/);

  const events = await unitd.follow();
  const again = events((line) => line.type === 'state' && line.unit === 'web' && line.to === 'failed');
  // It ends at once: on a busy machine nobody may see it up.
  await unitd.cli('reset', 'web');
  await again;
  assert.equal(startCount(), 6);
  assert.equal((await unitd.unit('web')).unit.restarts, 2, 'counted from 0 again');
});

for (const [verb, restarts] of [
  ['start', 2],
  ['reset', 0],
] as const) {
  test(`restart.limit: ${verb} of a unit that has given up and comes up now is done; restarts: ${restarts}`, async (t) => {
    const channel = openChannel(t);
    const starts = join(temporaryDirectory(t), 'starts');
    const unitd = await startUnitd(t, {
      'web.yaml': `
        command: ${child.failTimes} 3 ${starts} ${channel.path}
        restart: { delay: 0s, limit: 2, interval: 1h }`,
    });
    await unitd.until({ web: 'failed' });
    const { code, stdout } = await unitd.cli(verb, 'web', '--json');
    assert.equal(code, 0);
    const document: OperationDocument = JSON.parse(stdout);
    assert.deepEqual(
      document.units.map(({ name, state, outcome }) => [name, state, outcome]),
      [['web', 'running', 'done']],
    );
    const { pid } = await channel.next('up');
    const { unit } = await unitd.unit('web');
    assert.deepEqual([unit.pid, unit.restarts], [pid, restarts]);
  });
}

test('a unit in backoff: stop ends the wait, start does not wait for it', async (t) => {
  const channel = openChannel(t);
  const starts = join(temporaryDirectory(t), 'starts');
  const unitd = await startUnitd(t, {
    'web.yaml': `
      command: ${child.failTimes} 2 ${starts} ${channel.path}
      restart: { delay: 1h, maxDelay: 1h }`,
  });
  await unitd.until({ web: 'backoff' });
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  const stopped = (await unitd.unit('web')).unit;
  assert.deepEqual(
    [stopped.state, stopped.wanted, stopped.held, stopped.nextStartAt],
    ['stopped', 'down', true, null],
  );
  const events = await unitd.follow();
  const failedAgain = events((line) => line.type === 'state' && line.unit === 'web' && line.to === 'backoff');
  await unitd.cli('start', 'web');
  await failedAgain;
  assert.equal((await unitd.cli('start', 'web')).code, 0);
  await channel.next('up');
});

test('restart changed in backoff holds for the pause under way, also of a daemon that was killed in it', async (t) => {
  const unit = (settings: string): string => `
    command: ${child.exit} 1
    restart: { ${settings}, maxDelay: 2h, jitter: 0 }`;
  const unitd = await startUnitd(t, { 'web.yaml': unit('delay: 1h') });
  await unitd.until({ web: 'backoff' });
  await unitd.kill('SIGKILL');
  await unitd.start();
  await unitd.until({ web: 'backoff' });
  unitd.write('web.yaml', unit('delay: 30m'));
  assert.equal((await unitd.cli('reload')).code, 0);
  assertNear(pauseOf((await unitd.unit('web')).unit), HOUR_MS / 2);
  unitd.write('web.yaml', unit('policy: "no"'));
  assert.equal((await unitd.cli('reload')).code, 0);
  const { state, restarts } = (await unitd.unit('web')).unit;
  assert.deepEqual({ state, restarts }, { state: 'failed', restarts: 0 });
});
