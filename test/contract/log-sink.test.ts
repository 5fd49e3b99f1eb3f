// openLogSink() on what a daemon's stderr may be: whoever reads it, or does not, its writer never waits.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openLogSink } from '../../src/os/log-sink.ts';
import { temporaryDirectory } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';

const LINE = `${'x'.repeat(1023)}\n`;
const MIB = 1024;

/** A pipe with a reader that may or may not read: the descriptor is blocking, as a shell hands it over. */
function pipe(t: TestContext): number {
  const path = join(temporaryDirectory(t), 'pipe');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const fd = openSync(path, constants.O_RDWR);
  cleanUp(t, () => closeSync(fd));
  return fd;
}

/** The next bytes of the pipe, which the sink writes when its timer says so. */
async function read(fd: number, bytes: number): Promise<string> {
  const reader = openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY | constants.O_NONBLOCK);
  const buffer = Buffer.alloc(bytes);
  for (let at = 0; at < bytes;) {
    try {
      at += readSync(reader, buffer, at, bytes - at, null);
    } catch {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  closeSync(reader);
  return buffer.toString();
}

test('openLogSink() on a pipe that nobody reads keeps a MiB, drops the rest by whole lines, and goes on later', async (t) => {
  const fd = pipe(t);
  const sink = openLogSink(fd);
  assert.equal(sink.isTerminal, false);
  for (let line = 0; line < 3 * MIB; line += 1) sink.write(LINE);
  assert.equal(sink.takeDropped(), 0, 'there is no room to say so');
  const held = 64 + MIB;
  assert.equal(await read(fd, held * LINE.length), LINE.repeat(held));
  assert.equal(sink.takeDropped(), 3 * MIB - held);
  assert.equal(sink.takeDropped(), 0);
  sink.write(LINE);
  sink.close();
  assert.equal(await read(fd, LINE.length), LINE);
});

test('openLogSink() that is closed writes to nobody who has its descriptor now', (t) => {
  const sink = openLogSink(pipe(t));
  sink.close();
  const path = join(temporaryDirectory(t), 'other');
  const others = Array.from({ length: 20 }, () => openSync(path, 'a'));
  cleanUp(t, () => others.forEach((fd) => closeSync(fd)));
  sink.write(LINE);
  assert.equal(readFileSync(path, 'utf8'), '');
});

test('openLogSink() on a pipe leaves the descriptor that it was given blocking', (t) => {
  const fd = pipe(t);
  openLogSink(fd).close();
  const flags = /^flags:\t(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '';
  assert.equal(Number.parseInt(flags, 8) & constants.O_NONBLOCK, 0);
});

test('openLogSink() on a pipe whose reader is gone, and on a full disk, says nothing', (t) => {
  const path = join(temporaryDirectory(t), 'pipe');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(path, constants.O_WRONLY);
  const full = openSync('/dev/full', 'w');
  cleanUp(t, () => [fd, full].forEach((opened) => closeSync(opened)));
  const sinks = [openLogSink(fd), openLogSink(full)];
  closeSync(reader);
  for (const sink of sinks) {
    sink.write(LINE);
    sink.close();
    assert.equal(sink.takeDropped(), 0);
  }
});

test('openLogSink() on a file goes on at its end, as the shell that opened it has it', (t) => {
  const path = join(temporaryDirectory(t), 'log');
  writeFileSync(path, 'before\n');
  const fd = openSync(path, 'r+');
  cleanUp(t, () => closeSync(fd));
  readSync(fd, Buffer.alloc(7));
  const sink = openLogSink(fd);
  sink.write(LINE);
  sink.close();
  assert.equal(readFileSync(path, 'utf8'), `before\n${LINE}`);
});
