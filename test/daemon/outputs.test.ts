// Outputs over real named pipes, written to by the test itself in a child's place.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Outputs } from '../../src/daemon/outputs.ts';
import type { Writer } from '../../src/daemon/outputs.ts';
import { createReadiness } from '../../src/os/readiness.ts';
import { cleanUp } from '../support/cleanup.ts';
import { createFakeClock } from '../support/fakes/clock.ts';
import type { FakeClock } from '../support/fakes/clock.ts';
import { unitSpec } from '../unit/core/unit-spec.ts';

interface Scratch {
  readonly outputs: Outputs;
  readonly clock: FakeClock;
  readonly troubles: string[];
  pipe(name: string): string;
  /** What the unit's log holds, in format raw. */
  log(unit: string): string;
}

const LOGS = {
  format: 'raw',
  maxSizeBytes: 1_000_000,
  maxFiles: 1,
  maxAgeMs: null,
  compress: false,
} as const;

function scratch(t: TestContext): Scratch {
  const path = mkdtempSync(join(tmpdir(), 'unitd-outputs-'));
  cleanUp(t, () => rmSync(path, { recursive: true, force: true }));
  for (const name of ['fifo', 'log']) mkdirSync(join(path, name));
  const troubles: string[] = [];
  const clock = createFakeClock();
  const readiness = createReadiness();
  cleanUp(t, () => readiness.close());
  const outputs = new Outputs({
    fifoDirectory: join(path, 'fifo'),
    logDirectory: join(path, 'log'),
    bootId: 'this boot',
    clock,
    readiness,
    onProblem: (unit, problem) => problem !== null && troubles.push(`${unit}: ${problem}`),
    onTrouble: (unit, message) => troubles.push(`${unit}: ${message}`),
  });
  cleanUp(t, async () => await outputs.close(true));
  return {
    outputs,
    clock,
    troubles,
    pipe: (name) => join(path, 'fifo', name),
    log: (unit) => readFileSync(join(path, 'log', unit, 'current'), 'utf8'),
  };
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

test('openFor: a unit has one output; what is written to it is in its log after close', async (t) => {
  const { outputs, log, pipe, troubles } = scratch(t);
  const web = unitSpec('web', { logs: LOGS });
  const output = outputs.openFor(web);
  assert.equal(outputs.openFor(web), output);
  writeSync(output.stdoutFd, 'to stdout\n');
  await outputs.close(false);
  assert.equal(log('web'), 'to stdout\n');
  assert.equal(existsSync(pipe('web.stdout')), true);
  assert.deepEqual(troubles, []);
});

test('openFor: pipes that cannot be made throw with the path, and leave no descriptor open', (t) => {
  const { outputs, pipe } = scratch(t);
  mkdirSync(pipe('web.stderr'));
  const web = unitSpec('web', { logs: LOGS });
  assert.throws(() => outputs.openFor(web), /web\.stderr/);
  const before = openDescriptors();
  for (let count = 0; count < 20; count += 1) assert.throws(() => outputs.openFor(web));
  assert.equal(openDescriptors(), before);
});

test('readOn: pipes that cannot be had are told of once, and tried again until they can', async (t) => {
  const { outputs, clock, log, pipe, troubles } = scratch(t);
  const spec = unitSpec('web', { logs: LOGS });
  mkdirSync(pipe('web.stdout'));
  outputs.readOn('web', () => ({ spec, isOver: true }));
  clock.advance(1000);
  assert.equal(troubles.length, 1);
  assert.match(troubles[0] ?? '', /^web: cannot read output of unit "web": /);
  rmSync(pipe('web.stdout'), { recursive: true });
  clock.advance(1000);
  writeSync(outputs.openFor(spec).stdoutFd, 'still there\n');
  await outputs.close(false);
  assert.equal(log('web'), 'still there\n');
  assert.equal(clock.nextDueMs, null);
});

test('readOn: is given up for a unit that is forgotten, one that is not there any more, and at the end', async (t) => {
  const { outputs, clock, pipe, troubles } = scratch(t);
  const spec = unitSpec('web', { logs: LOGS });
  mkdirSync(pipe('web.stdout'));
  let writer: Writer | null = { spec, isOver: false };
  const readOn = (): void => outputs.readOn('web', () => writer);
  readOn();
  outputs.forget('web');
  assert.equal(clock.nextDueMs, null);
  readOn();
  writer = null;
  clock.advance(1000);
  assert.equal(clock.nextDueMs, null);
  writer = { spec, isOver: false };
  readOn();
  await outputs.close(false);
  assert.equal(clock.nextDueMs, null);
  assert.equal(troubles.length, 3);
});

test('forget: descriptors are closed, pipes removed, and what was written is kept', async (t) => {
  const { outputs, log, pipe } = scratch(t);
  const before = openDescriptors();
  const output = outputs.openFor(unitSpec('web', { logs: LOGS }));
  writeSync(output.stdoutFd, 'last words\n');
  outputs.forget('web');
  await outputs.close(true);
  assert.equal(log('web'), 'last words\n');
  assert.deepEqual(readdirSync(pipe('.')), []);
  assert.equal(openDescriptors(), before);
});

test('close: where nothing runs any more, pipes go too that a killed daemon has left', async (t) => {
  for (const forget of [false, true]) {
    const { outputs, pipe } = scratch(t);
    assert.equal(spawnSync('mkfifo', [pipe('gone.stdout')]).status, 0);
    await outputs.close(forget);
    assert.equal(existsSync(pipe('gone.stdout')), !forget);
  }
});

test('forget: a unit that comes back at once has pipes of its own, which stay', async (t) => {
  const { outputs, log, pipe } = scratch(t);
  const web = unitSpec('web', { logs: LOGS });
  writeSync(outputs.openFor(web).stdoutFd, 'old\n');
  const old = statSync(pipe('web.stdout')).ino;
  outputs.forget('web');
  const output = outputs.openFor(web);
  const renewed = statSync(pipe('web.stdout')).ino;
  writeSync(output.stdoutFd, 'new\n');
  await outputs.close(false);
  assert.notEqual(renewed, old);
  assert.equal(statSync(pipe('web.stdout')).ino, renewed);
  assert.deepEqual(log('web').split('\n').sort(), ['', 'new', 'old']);
});
