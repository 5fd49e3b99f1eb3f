// createReadiness: says once for each arm() that a pipe can be read, however many there are, and leaves nothing.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createReadiness } from '../../src/os/readiness.ts';
import { temporaryDirectory } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { Arrivals } from '../support/lines.ts';

const openFds = (): number => readdirSync('/proc/self/fd').length;

function openPipes(t: TestContext, count: number): readonly number[] {
  const directory = temporaryDirectory(t);
  const paths = Array.from({ length: count }, (_, index) => join(directory, String(index)));
  execFileSync('mkfifo', paths);
  const fds = paths.map((path) => openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
  cleanUp(t, () => fds.forEach((fd) => closeSync(fd)));
  return fds;
}

test('createReadiness: 500 pipes are each told once, again only after arm(), and no descriptor stays', async (t) => {
  const fds = openPipes(t, 500);
  const before = openFds();
  const readiness = createReadiness();
  const told = new Arrivals<number>('the readiness');
  const watched = fds.map((fd) => readiness.watch(fd, () => told.add(fd)));
  for (const fd of fds) writeSync(fd, 'one');
  await told.first(() => told.seen.length === fds.length);
  assert.deepEqual(new Set(told.seen), new Set(fds));

  // Written to again, and nobody is told: the last one, which is armed, comes alone.
  for (const fd of fds) writeSync(fd, 'two');
  watched.at(-1)?.arm();
  await told.first(() => told.seen.length > fds.length);
  assert.deepEqual(told.seen.slice(fds.length), fds.slice(-1));
  for (const one of watched) one.close();
  readiness.close();
  // The thread's descriptors go when it has been told.
  while (openFds() > before) await nextTurn();
  assert.equal(openFds(), before);
});

test('createReadiness: what was there before watch() and before arm() is told; what is closed is not', async (t) => {
  const [first = -1, second = -1] = openPipes(t, 2);
  const readiness = createReadiness();
  cleanUp(t, () => readiness.close());
  const told = new Arrivals<string>('the readiness');
  for (const fd of [first, second]) writeSync(fd, 'early');
  const one = readiness.watch(first, () => told.add('first'));
  await told.first((word) => word === 'first');
  one.arm();
  await told.first(() => told.seen.length === 2);
  readSync(first, Buffer.alloc(5));
  one.arm();
  one.close();
  writeSync(first, 'late');
  readiness.watch(second, () => told.add('second'));
  await told.first((word) => word === 'second');
  assert.deepEqual(told.seen, ['first', 'first', 'second']);
});
