import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Capture } from '../../../src/logs/capture.ts';
import { cleanUp } from '../../support/cleanup.ts';
import {
  SPEC,
  captured,
  compressed,
  entries,
  filesOf,
  handClock,
  numbers,
  pipes,
  readinessFor,
  temporaryDirectory,
} from '../../fixtures/log-setup.ts';

test('capture: lines of both streams are in the log with time and stream, the last one without its newline too', async (t) => {
  const { capture, log, run } = captured(t);
  await run('sh', '-c', 'echo one; echo two; echo bad >&2; printf end');
  await capture.settle();
  const read = await entries(log);
  assert.deepEqual(
    read.filter(({ stream }) => stream === 'stdout').map(({ text }) => text),
    ['one', 'two', 'end'],
  );
  assert.deepEqual(
    read.filter(({ stream }) => stream === 'stderr').map(({ text }) => text),
    ['bad'],
  );
  for (const { time } of read) assert.match(time ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  assert.deepEqual(capture.stats(), { bytes: 15, lines: 4, droppedLines: 0, droppedBytes: 0, problem: null });
});

test('capture: an idle unit makes no directory and arms nothing; the first output makes 0750 and 0640', async (t) => {
  const mask = process.umask(0);
  cleanUp(t, () => void process.umask(mask));
  const { capture, clock, log, run } = captured(t);
  await capture.settle();
  assert.equal(existsSync(log), false);
  assert.equal(clock.armed.size, 0);
  await run('echo', 'now');
  await capture.settle();
  assert.equal(statSync(log).mode & 0o777, 0o750);
  assert.equal(statSync(join(log, 'current')).mode & 0o777, 0o640);
});

test('capture: settle may be followed by another run of the unit', async (t) => {
  const { capture, log, run } = captured(t);
  await run('printf', 'first');
  await capture.settle();
  await run('echo', 'second');
  await capture.settle();
  assert.deepEqual(
    (await entries(log)).map(({ text }) => text),
    ['first', 'second'],
  );
});

test('capture: settle ends the line of the run that is over, and not one that the next has begun before its turn', async (t) => {
  const { capture, log, stdoutFd } = captured(t);
  writeSync(stdoutFd, 'fir');
  const first = capture.settle();
  writeSync(stdoutFd, 'sec');
  await first;
  writeSync(stdoutFd, 'ond\nthird');
  const second = capture.settle();
  const third = capture.settle();
  writeSync(stdoutFd, 'fourth\n');
  await Promise.all([second, third]);
  assert.deepEqual(
    (await entries(log)).map(({ text }) => text),
    ['fir', 'second', 'third', 'fourth'],
  );
});

test('capture: raw has the unended line of a stream behind what the other has to say yet', async (t) => {
  const { capture, log, stdoutFd, stderrFd } = captured(t, { format: 'raw' });
  writeSync(stdoutFd, 'cut');
  writeSync(stderrFd, 'one\ntwo\n');
  await capture.settle();
  assert.equal(readFileSync(join(log, 'current'), 'latin1'), 'one\ntwo\ncut');
});

test('capture: what a run that is over has left in its pipes is in the spool at once', async (t) => {
  const { capture, spool, stdoutFd, stderrFd, log } = captured(t);
  await capture.settle();
  const line = 'x'.repeat(50_000);
  writeSync(stdoutFd, `${line}\n`);
  writeSync(stderrFd, line);
  const settled = capture.settle();
  const kept = readFileSync(spool, 'latin1');
  assert.equal(kept.split(line).length, 3, 'of both streams');
  await settled;
  assert.deepEqual(
    (await entries(log)).map(({ text }) => text),
    [line, line],
  );
});

test('capture: ends of any number of runs, which no disk was quick enough for, are all kept', async (t) => {
  const { capture, log, stdoutFd } = captured(t);
  const count = 30_000;
  const ends: Promise<void>[] = [];
  for (let run = 0; run < count; run += 1) {
    writeSync(stdoutFd, 'x');
    ends.push(capture.settle());
  }
  await Promise.all(ends);
  assert.equal(capture.stats().lines, count);
  assert.deepEqual(new Set((await entries(log)).map(({ text }) => text)), new Set(['x']));
});

const BINARY = `
  const bytes = Buffer.alloc(300000);
  let seed = 7;
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = (seed = (seed * 1103515245 + 12345) & 0x7fffffff) >> 16;
  bytes.fill('L', 50000, 150000);
  for (let at = 0; at < bytes.length; ) at += require('fs').writeSync(1, bytes, at, Math.min(7777, bytes.length - at));
  require('fs').writeFileSync(process.argv[1], bytes);
`;
for (const format of ['cri', 'raw', 'json'] as const) {
  test(`capture ${format}: any bytes and lines of 100 kB come back as they were, through rotations`, async (t) => {
    const { capture, log, run } = captured(t, { format, maxSizeBytes: 60_000, compress: true });
    const copy = join(temporaryDirectory(t), 'copy');
    await run(process.execPath, '-e', BINARY, copy);
    await capture.close(true);
    const written = readFileSync(copy);
    const stored = Buffer.concat(filesOf(log).map(({ bytes }) => bytes));
    assert.deepEqual(format === 'raw' ? stored : outputIn(format, stored), written);
    assert.equal(capture.stats().bytes, written.length);
    assert.ok(filesOf(log).length > 2);
  });
}

/** Undoes the format by hand, so that the test does not rest on the reader. */
function outputIn(format: 'cri' | 'json', stored: Buffer): Buffer {
  const parts = stored
    .toString('latin1')
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => {
      if (format === 'cri') {
        return [Buffer.from(line.slice(40), 'latin1'), Buffer.from(line[38] === 'F' ? '\n' : '')];
      }
      const { text, encoding, partial } = JSON.parse(Buffer.from(line, 'latin1').toString());
      return [Buffer.from(text, encoding ?? 'utf8'), Buffer.from(partial === true ? '' : '\n')];
    });
  const all = Buffer.concat(parts);
  // A close() that forgets leaves a line that has not ended as a piece; nothing was added to it.
  return all;
}

for (const compress of [false, true]) {
  test(`capture: rotation under load, compress ${compress}: every line once, in order, whole, in files of the size`, async (t) => {
    const { capture, log, run } = captured(t, { maxSizeBytes: 200_000, compress });
    await run('seq', '1', '100000');
    await capture.settle();
    if (compress) await compressed(log);
    await capture.close(false);
    const files = filesOf(log);
    const lines = files.flatMap(({ bytes }) => bytes.toString().split('\n').slice(0, -1));
    assert.deepEqual(
      lines.map((line) => line.slice(40)),
      numbers(1, 100_000),
    );
    const rotated = files.filter(({ name }) => name !== 'current');
    assert.ok(rotated.length >= 20);
    for (const { name, bytes } of rotated) {
      assert.match(
        name,
        compress ? /^\d{8}T\d{6}\.\d{3}Z-\d{4}\.cri\.gz$/ : /^\d{8}T\d{6}\.\d{3}Z-\d{4}\.cri$/,
      );
      assert.ok(bytes.length >= 200_000 && bytes.length < 200_060, `${name} has ${bytes.length} bytes`);
      assert.equal(bytes.at(-1), 10);
    }
  });
}

test('capture: a changed spec applies under load without losing or moving a line', async (t) => {
  const { capture, log, run } = captured(t);
  const writing = run('sh', '-c', 'for n in 1 2 3 4; do seq ${n}0001 $((n + 1))0000; done');
  for (const change of [
    { maxSizeBytes: 50_000 },
    { maxSizeBytes: 50_000, format: 'json' as const },
    { maxSizeBytes: 90_000, format: 'raw' as const, compress: true },
    { format: 'cri' as const },
  ]) {
    await new Promise((resolve) => setImmediate(resolve));
    capture.update({ ...SPEC, ...change });
  }
  await writing;
  await capture.settle();
  assert.deepEqual(
    (await entries(log)).map(({ text }) => text),
    numbers(10_001, 50_000),
  );
});

test('capture: a file has lines of one format only; a change of format rotates it', async (t) => {
  const { capture, log, run } = captured(t);
  await run('echo', 'a');
  await capture.settle();
  capture.update({ ...SPEC, format: 'raw' });
  await run('echo', 'b');
  await capture.settle();
  const [first, second] = filesOf(log);
  assert.match(first?.name ?? '', /\.cri$/);
  assert.match(first?.bytes.toString() ?? '', / stdout F a\n$/);
  assert.deepEqual([second?.name, second?.bytes.toString()], ['current', 'b\n']);
});

test('capture: a line that is not over at close() is written by the next capture of the same pipe, and ends with its run', async (t) => {
  const directory = temporaryDirectory(t);
  const log = join(directory, 'log');
  const ends = pipes(t, directory);
  const again = pipes(t, temporaryDirectory(t));
  const readiness = readinessFor(t);
  const make = (stdoutFd: number, stderrFd: number): Capture =>
    new Capture({
      unit: 'web',
      directory: log,
      spec: SPEC,
      stdoutFd,
      stderrFd,
      readiness,
      spoolPath: join(directory, 'web.spool'),
      bootId: 'this boot',
      clock: handClock(),
      earlier: null,
      onProblem: () => {},
      onRisk: () => {},
    });
  const first = make(ends.stdoutFd, ends.stderrFd);
  await ends.run('printf', 'begun, ');
  await first.close(false);
  assert.equal(existsSync(join(log, 'current')), false, 'it waits in the spool');
  const second = make(again.stdoutFd, again.stderrFd);
  await again.run('printf', 'ended\\nbegun once more');
  await second.close(false);
  const [left, right] = [pipes(t, temporaryDirectory(t)), pipes(t, temporaryDirectory(t))];
  const third = make(left.stdoutFd, right.stderrFd);
  await third.settle();
  await left.run('echo', 'of the next run');
  await third.settle();
  await third.close(false);
  assert.deepEqual(
    (await entries(log)).map(({ text }) => text),
    ['begun, ended', 'begun once more', 'of the next run'],
  );
});

test('capture: close() twice, and settle() after it, do nothing', async (t) => {
  const { capture } = captured(t);
  await capture.close(false);
  await capture.close(false);
  await capture.settle();
});
