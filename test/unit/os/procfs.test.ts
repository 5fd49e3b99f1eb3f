import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { cleanUp } from '../../support/cleanup.ts';
import { refuseOpens } from '../../support/refused-opens.ts';
import {
  allProcesses,
  initialEnvironmentOf,
  isAlive,
  parseStat,
  processStat,
  ticksSinceBoot,
  variableIn,
} from '../../../src/os/procfs.ts';

const TAIL = '17 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 987654 1 2';

test('parseStat() reads past a name that looks like the rest of the line', () => {
  assert.deepEqual(parseStat(`99 (a) R 1 (b c)) S 12 15 ${TAIL}`), {
    pid: 99,
    state: 'S',
    parentPid: 12,
    group: 15,
    session: 17,
    threads: 3,
    startTicks: 987654,
    cpuTicks: 11,
    reapedTicks: 15,
    residentPages: 2,
  });
});

test('parseStat() is null for a line that is cut', () => {
  assert.equal(parseStat('99 (sleep) S 12 15'), null);
  assert.equal(parseStat(''), null);
});

test('isAlive() is false for nobody, zombies and the dead, not where only the first thread has ended', () => {
  const isAliveAs = (state: string, threads: number): boolean =>
    isAlive(parseStat(`99 (x) ${state} 12 15 ${TAIL.replace(' 20 0 3 ', ` 20 0 ${threads} `)}`));
  assert.equal(isAlive(null), false);
  assert.deepEqual(
    ['S', 'Z', 'X'].map((state) => [isAliveAs(state, 1), isAliveAs(state, 3)]),
    [
      [true, true],
      [false, true],
      [false, false],
    ],
  );
});

test('processStat() and allProcesses() find this process', () => {
  const own = processStat(process.pid);
  assert.equal(own?.parentPid, process.ppid);
  assert.ok(
    allProcesses().some(({ pid, startTicks }) => pid === process.pid && startTicks === own?.startTicks),
  );
  assert.equal(processStat(2 ** 22 + 1), null);
});

test('variableIn() finds in initialEnvironmentOf() what a process was started with, by its whole name', () => {
  const environment = initialEnvironmentOf(process.pid);
  assert.equal(environment.isNameless, false);
  const [name, value] =
    Object.entries(process.env).find(([, text]) => text !== '' && /^[\x20-\x7e]*$/.test(text ?? '')) ?? [];
  assert.ok(name !== undefined);
  assert.equal(variableIn(environment, name), value);
  assert.equal(variableIn(environment, `${name}_NOT_THERE`), null);
  assert.equal(variableIn(environment, name.slice(1)), process.env[name.slice(1)] ?? null);
});

test('ticksSinceBoot() counts as start times do, also where /proc/uptime is a container’s', (t) => {
  const started = (): number => {
    const child = spawn('sleep', ['infinity']);
    cleanUp(t, () => void child.kill('SIGKILL'));
    return processStat(child.pid ?? 0)?.startTicks ?? assert.fail('it is not there');
  };
  refuseOpens(t, /^\/proc\/uptime$/, 'ENOENT');
  const before = ticksSinceBoot();
  const startTicks = started();
  const after = ticksSinceBoot();
  assert.ok(before <= startTicks && startTicks <= after, `${before} ${startTicks} ${after}`);
});
