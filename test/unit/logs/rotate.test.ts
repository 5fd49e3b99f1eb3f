import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { CURRENT } from '../../../src/logs/names.ts';
import { LogWriter } from '../../../src/logs/rotate.ts';
import { openSegment } from '../../../src/logs/segment.ts';
import type { LogSpec } from '../../../src/model/unit.ts';
import type { Clock } from '../../../src/os/ports.ts';
import { ownLimit, RESOURCES, setOwnLimit } from '../../../src/os/libc/limit.ts';
import {
  SPEC,
  compressed,
  entries,
  filesOf,
  handClock,
  numbers,
  temporaryDirectory,
} from '../../fixtures/log-setup.ts';
import { cleanUp } from '../../support/cleanup.ts';
import { createFakeClock } from '../../support/fakes/clock.ts';
import { smallDisk } from '../../support/small-disk.ts';

const CHILD = fileURLToPath(new URL('../../fixtures/log-writing-child.js', import.meta.url));
const asRoot = { skip: process.geteuid?.() === 0 ? false : 'needs root' };
const DAY_MS = 86_400_000;

function writerOf(
  directory: string,
  spec: Partial<LogSpec>,
): { writer: LogWriter; clock: ReturnType<typeof handClock> } {
  const clock = handClock();
  return { writer: new LogWriter({ directory, spec: { ...SPEC, ...spec }, clock }), clock };
}

test('LogWriter: kill -9 in the middle of rotations and compressions loses nothing written and doubles nothing', async (t) => {
  const directory = temporaryDirectory(t);
  let next = 1;
  for (let round = 0; round < 6; round += 1) {
    const child = spawn(process.execPath, [CHILD, directory, String(next)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    cleanUp(t, () => void child.kill('SIGKILL'));
    const exited = new Promise((resolve) => child.once('exit', resolve));
    let acknowledged = next - 1;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Number(line);
      // Another place in the cycle of rotations each time.
      if (acknowledged >= next + 3000 + round * 700) child.kill('SIGKILL');
    }
    await exited;
    const { writer } = writerOf(directory, { format: 'raw', maxSizeBytes: 5000, compress: true });
    assert.deepEqual(await writer.write(Buffer.from('again\n'), 'raw'), { ok: true });
    await compressed(directory);
    await writer.close();
    assert.deepEqual(
      readdirSync(directory).filter((name) => !/^(current|\d{8}T\d{6}\.\d{3}Z-\d{4}\.raw\.gz)$/.test(name)),
      [],
    );
    const lines = filesOf(directory)
      .map(({ bytes }) => bytes.toString())
      .join('')
      .split('\n')
      .filter((line) => line !== 'again' && line !== '');
    assert.ok(lines.length >= acknowledged);
    assert.deepEqual(lines, numbers(1, lines.length));
    next = lines.length + 1;
  }
});

test('LogWriter: finishes what a killed process left between rotation and compression', async (t) => {
  const directory = temporaryDirectory(t);
  const put = (name: string, bytes: string | Buffer): void => writeFileSync(join(directory, name), bytes);
  put('20261101T000000.000Z-0001.raw', 'one\n');
  put('20261101T000000.000Z-0001.raw.gz', gzipSync('one\n'));
  put('20261102T000000.000Z-0002.raw', 'two\n');
  put('20261102T000000.000Z-0002.raw.gz.part', 'half of a gzip');
  put('20261103T000000.000Z-0003.raw', '');
  const { writer } = writerOf(directory, { format: 'raw', compress: true, maxSizeBytes: 6 });
  assert.deepEqual(await writer.write(Buffer.from('three\nfour\n'), 'raw'), { ok: true });
  await compressed(directory);
  await writer.close();
  const files = filesOf(directory);
  assert.deepEqual(
    files.map(({ bytes }) => bytes.toString()),
    ['one\n', 'two\n', 'three\n', 'four\n'],
  );
  assert.match(files[2]?.name ?? '', /^\d{8}T\d{6}\.\d{3}Z-0004\.raw\.gz$/);
});

for (const [what, put] of [
  [
    'a dangling link',
    (directory) => symlinkSync('/nonexistent', join(directory, '20261101T000000.000Z-0001.raw')),
  ],
  ['a directory named like an unfinished file', (directory) => mkdirSync(join(directory, 'x.gz.part'))],
  [
    'a directory named like a file that is compressed',
    (directory) => {
      mkdirSync(join(directory, '20261101T000000.000Z-0001.raw'));
      writeFileSync(join(directory, '20261101T000000.000Z-0001.raw.gz'), '');
    },
  ],
] satisfies readonly (readonly [string, (directory: string) => void])[]) {
  test(`LogWriter: ${what} among its files stops no logging`, async (t) => {
    const directory = temporaryDirectory(t);
    put(directory);
    const { writer } = writerOf(directory, { format: 'raw' });
    assert.deepEqual(await writer.write(Buffer.from('a line\n'), 'raw'), { ok: true });
    await writer.close();
    assert.equal(readFileSync(join(directory, 'current'), 'utf8'), 'a line\n');
  });
}

test('LogWriter: follows no link that somebody else may have put into its directory', asRoot, async (t) => {
  const folder = temporaryDirectory(t);
  const directory = join(folder, 'web');
  const secret = join(folder, 'secret');
  mkdirSync(directory);
  writeFileSync(secret, 'root only\n');
  symlinkSync(secret, join(directory, CURRENT));
  for (const [commit, trouble] of [
    [() => chownSync(directory, 65534, 0), 'it belongs to uid 65534, expected uid 0 or root'],
    [
      () => (chownSync(directory, 0, 0), chmodSync(directory, 0o777)),
      'everybody may write in it, expected a directory that others cannot write in',
    ],
  ] as const) {
    commit();
    const { writer } = writerOf(directory, { format: 'raw' });
    const reason = `cannot use directory "${directory}": ${trouble}`;
    assert.deepEqual(await writer.write(Buffer.from('evil\n'), 'raw'), { ok: false, written: 0, reason });
    await writer.close();
    assert.equal(readFileSync(secret, 'utf8'), 'root only\n');
    await assert.rejects(openSegment(directory, CURRENT), { message: trouble, path: directory });
  }
});

test('LogWriter: follows no link of another user to a directory of root’s', asRoot, async (t) => {
  const folder = temporaryDirectory(t);
  const directory = join(folder, 'web');
  symlinkSync(temporaryDirectory(t), directory);
  lchownSync(directory, 65534, 0);
  const { writer } = writerOf(directory, { format: 'raw' });
  const reason = `cannot use directory "${directory}": it belongs to uid 65534, expected uid 0 or root`;
  assert.deepEqual(await writer.write(Buffer.from('evil\n'), 'raw'), { ok: false, written: 0, reason });
  lchownSync(directory, 0, 0);
  assert.deepEqual(await writer.write(Buffer.from('good\n'), 'raw'), { ok: true });
  await writer.close();
  assert.equal(readFileSync(join(directory, CURRENT), 'utf8'), 'good\n');
});

test('LogWriter: a cri line torn by the death of its writer does not swallow the next one', async (t) => {
  const directory = temporaryDirectory(t);
  const whole = '2026-11-22T18:51:51.123456789Z stdout F whole\n';
  writeFileSync(join(directory, 'current'), `${whole}2026-11-22T18:51:5`);
  const { writer } = writerOf(directory, {});
  await writer.write(Buffer.from('2026-11-22T18:51:52.123456789Z stdout F next\n'), 'cri');
  await writer.close();
  assert.deepEqual(
    (await entries(directory)).map(({ text }) => text),
    ['whole', '2026-11-22T18:51:5', 'next'],
  );
});

test('LogWriter: a file that was full when its writer was killed is rotated and compressed when the next one opens', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'current'), 'full\n');
  const { writer } = writerOf(directory, { format: 'raw', maxSizeBytes: 5, compress: true });
  await writer.write(Buffer.from('new\n'), 'raw');
  await compressed(directory);
  await writer.close();
  const files = filesOf(directory);
  assert.deepEqual(
    files.map(({ bytes }) => bytes.toString()),
    ['full\n', 'new\n'],
  );
  assert.match(files[0]?.name ?? '', /-0001\.raw\.gz$/);
});

test('LogWriter: keeps maxFiles rotated files, the newest, and fewer at once when the spec says so', async (t) => {
  const directory = temporaryDirectory(t);
  const { writer } = writerOf(directory, { format: 'raw', maxSizeBytes: 2, maxFiles: 3 });
  await writer.write(Buffer.from('1\n2\n3\n4\n5\n6\n7\n'), 'raw');
  await writer.close();
  assert.deepEqual(
    filesOf(directory).map(({ bytes }) => bytes.toString()),
    ['5\n', '6\n', '7\n', ''],
  );
  const again = writerOf(directory, { format: 'raw', maxSizeBytes: 100, maxFiles: 3 }).writer;
  await again.write(Buffer.from('8\n'), 'raw');
  again.update({ ...SPEC, format: 'raw', maxFiles: 1 });
  await again.close();
  assert.deepEqual(
    filesOf(directory).map(({ bytes }) => bytes.toString()),
    ['7\n', '8\n'],
  );
});

test('LogWriter: a changed spec applies to the files of a unit that has written nothing yet, and makes none', async (t) => {
  const directory = temporaryDirectory(t);
  const log = join(directory, 'log');
  const { writer } = writerOf(log, { format: 'raw' });
  writer.update({ ...SPEC, format: 'raw', maxFiles: 2 });
  await writer.close();
  assert.deepEqual(readdirSync(directory), []);
  mkdirSync(log);
  for (const name of ['1', '2', '3'].map((number) => `2026110${number}T000000.000Z-000${number}.raw`))
    writeFileSync(join(log, name), 'a line\n');
  const again = writerOf(log, { format: 'raw' }).writer;
  const spec = { ...SPEC, format: 'raw' as const, maxFiles: 1, compress: true };
  again.update(spec);
  await again.close();
  assert.deepEqual(readdirSync(log), ['20261103T000000.000Z-0003.raw']);
  const third = writerOf(log, spec).writer;
  third.update({ ...spec, maxFiles: 2 });
  await third.write(Buffer.from('new\n'), 'raw');
  await compressed(log);
  await third.close();
  assert.deepEqual(readdirSync(log).toSorted(), ['20261103T000000.000Z-0003.raw.gz', 'current']);
});

test('LogWriter: from close() on nothing grows too old, which would be rotated after the end', async (t) => {
  const clock = createFakeClock();
  const spec = { ...SPEC, maxAgeMs: DAY_MS };
  const writer = new LogWriter({ directory: temporaryDirectory(t), spec, clock });
  await writer.write(Buffer.from('1\n'), 'raw');
  assert.equal(clock.armedCount, 1);
  const closing = writer.close();
  assert.equal(clock.armedCount, 0);
  await closing;
  assert.equal(clock.armedCount, 0);
});

test('LogWriter: a smaller maxSize rotates a file that has passed it before the next line', async (t) => {
  const directory = temporaryDirectory(t);
  const { writer } = writerOf(directory, { format: 'raw' });
  await writer.write(Buffer.from('1\n2\n'), 'raw');
  writer.update({ ...SPEC, format: 'raw', maxSizeBytes: 3 });
  await writer.write(Buffer.from('3\n'), 'raw');
  await writer.close();
  assert.deepEqual(
    filesOf(directory).map(({ bytes }) => bytes.toString()),
    ['1\n2\n', '3\n'],
  );
});

test('LogWriter: a line longer than maxSize is not cut, one longer than twice of it may be', async (t) => {
  const directory = temporaryDirectory(t);
  const { writer } = writerOf(directory, { format: 'raw', maxSizeBytes: 100 });
  // The pieces in which capture hands on a line whose end has not come.
  await writer.write(Buffer.from('a'.repeat(120)), 'raw');
  await writer.write(Buffer.from('a'.repeat(30)), 'raw');
  await writer.write(Buffer.from('a\nb\n'), 'raw');
  await writer.write(Buffer.from('c'.repeat(300)), 'raw');
  await writer.write(Buffer.from('c\n'), 'raw');
  await writer.close();
  assert.deepEqual(
    filesOf(directory).map(({ bytes }) => bytes.toString()),
    [`${'a'.repeat(151)}\n`, `b\n${'c'.repeat(300)}`, 'c\n'],
  );
});

test('LogWriter: where the limit on the size of files is below maxSize, files are rotated at that, and only what fits into none is refused', async (t) => {
  const before = ownLimit(RESOURCES.fsize);
  cleanUp(t, () => void setOwnLimit(RESOURCES.fsize, before));
  const directory = temporaryDirectory(t);
  const { writer } = writerOf(directory, { format: 'raw' });
  assert.equal(setOwnLimit(RESOURCES.fsize, { soft: 5000, hard: before.hard }), 0);
  const lines = (first: number, last: number): Buffer => Buffer.from(`${numbers(first, last).join('\n')}\n`);
  assert.deepEqual(await writer.write(lines(1, 4000), 'raw'), { ok: true });
  const result = await writer.write(Buffer.from(`${'x'.repeat(6000)}\n`), 'raw');
  assert.deepEqual(result, { ok: false, written: 0, reason: 'EFBIG: file too large' });
  assert.deepEqual(await writer.write(lines(4001, 4002), 'raw'), { ok: true });
  await writer.close();
  const files = filesOf(directory).map(({ bytes }) => bytes.toString());
  assert.deepEqual(files.join('').split('\n').slice(0, -1), numbers(1, 4002));
  assert.ok(files.length > 3 && files.every((text) => text.endsWith('\n')));
});

test('LogWriter: a read-only disk without the directory of the log is called read-only', async (t) => {
  const disk = smallDisk(t, 64 * 1024);
  if (disk === null) return t.skip('cannot mount a tmpfs');
  assert.equal(spawnSync('mount', ['-o', 'remount,ro', disk]).status, 0);
  const { writer } = writerOf(join(disk, 'web'), {});
  const result = await writer.write(Buffer.from('x\n'), 'raw');
  assert.deepEqual(result, { ok: false, written: 0, reason: 'EROFS: read-only file system' });
  await writer.close();
});

test('LogWriter: removes rotated files whose last line is older than maxAge, when it opens and when the time has come', async (t) => {
  const directory = temporaryDirectory(t);
  const put = (name: string, ageMs: number): void => {
    writeFileSync(join(directory, name), name);
    const seconds = (Date.now() - ageMs) / 1000;
    utimesSync(join(directory, name), seconds, seconds);
  };
  put('20261001T000000.000Z-0001.raw', 40 * DAY_MS);
  put('20261020T000000.000Z-0002.raw', 20 * DAY_MS);
  const { writer, clock } = writerOf(directory, { format: 'raw', maxAgeMs: 30 * DAY_MS });
  await writer.write(Buffer.from('now\n'), 'raw');
  await writer.close();
  assert.deepEqual(readdirSync(directory).toSorted(), ['20261020T000000.000Z-0002.raw', 'current']);
  assert.equal(clock.armed.size, 0);

  // The clock is set, or the machine sleeps for days: the monotonic clock, which deadlines go by, knows of neither.
  rmSync(join(directory, CURRENT));
  const spec = { ...SPEC, format: 'raw', maxAgeMs: 30 * DAY_MS } as const;
  const slept = createFakeClock(0, Date.now());
  let arms = 0;
  let isArmed: () => void;
  const armed = new Promise<void>((resolve) => (isArmed = resolve));
  const arm: Clock['arm'] = (atMs, callback) => {
    arms += 1;
    // First for the line that is written, then for the files that are there.
    if (arms === 2) isArmed();
    return slept.arm(atMs, callback);
  };
  const again = new LogWriter({ directory, spec, clock: { ...slept, arm } });
  await again.write(Buffer.from('then\n'), 'raw');
  await armed;
  slept.setWall(slept.wallMs() + 11 * DAY_MS);
  slept.advance(3_600_000);
  await again.close();
  assert.deepEqual(readdirSync(directory), ['current']);
});

test('LogWriter: a current file whose first line is older than maxAge is rotated, and goes when its last line is too', async (t) => {
  const directory = temporaryDirectory(t);
  const line = (ageMs: number): string =>
    `${new Date(Date.now() - ageMs).toISOString().slice(0, -1)}000000Z stdout F x\n`;
  writeFileSync(join(directory, 'current'), line(31 * DAY_MS) + line(1000));
  const { writer } = writerOf(directory, { maxAgeMs: 30 * DAY_MS });
  await writer.write(Buffer.from(line(0)), 'cri');
  await writer.close();
  assert.deepEqual(
    filesOf(directory).map(({ bytes }) => bytes.toString().split('\n').length - 1),
    [2, 1],
  );
});

test('LogWriter: a line that comes when all before it have grown too old goes in its time too', async (t) => {
  const directory = temporaryDirectory(t);
  const clock = createFakeClock(1_000_000, Date.now());
  const writer = new LogWriter({ directory, spec: { ...SPEC, format: 'raw', maxAgeMs: DAY_MS }, clock });
  cleanUp(t, async () => await writer.close());
  const isEmpty = (): boolean =>
    readdirSync(directory).join() === 'current' &&
    statSync(join(directory, 'current'), { throwIfNoEntry: false })?.size === 0;
  for (const line of ['first\n', 'second\n']) {
    await writer.write(Buffer.from(line), 'raw');
    assert.equal(clock.armedCount, 1);
    clock.advance(DAY_MS + 60_000);
    while (!isEmpty()) await access(directory);
  }
});

const STAMP = `${new Date(Date.now() - 2 * DAY_MS).toISOString().slice(0, -1)}000000Z`;
for (const [format, begun, ended] of [
  ['cri', `${STAMP} stdout P begun\n`, `${STAMP} stdout F ended\n`],
  [
    'json',
    `{"time":"${STAMP}","stream":"stdout","text":"begun","partial":true}\n`,
    `{"time":"${STAMP}","stream":"stdout","text":"ended"}\n`,
  ],
  ['raw', 'begun', 'ended\n'],
] as const) {
  test(`LogWriter ${format}: a file that grows too old within a line is rotated when the line has ended`, async (t) => {
    const directory = temporaryDirectory(t);
    let agoMs = 2 * DAY_MS;
    const clock = { ...handClock(), wallMs: () => Date.now() - agoMs };
    const writer = new LogWriter({ directory, spec: { ...SPEC, format, maxAgeMs: DAY_MS }, clock });
    await writer.write(Buffer.from(begun), format);
    while (clock.armed.size === 0) await access(directory);
    agoMs = DAY_MS / 2;
    clock.fire();
    await writer.write(Buffer.from(begun), format);
    assert.deepEqual(readdirSync(directory), ['current']);
    await writer.write(Buffer.from(ended), format);
    await writer.write(Buffer.from('next\n'), format);
    await writer.close();
    assert.deepEqual(
      filesOf(directory).map(({ bytes }) => bytes.toString()),
      [begun + begun + ended, 'next\n'],
    );
  });
}

test('LogWriter: a file that is found too old, and within a line, is rotated when the line has ended', async (t) => {
  const directory = temporaryDirectory(t);
  const [begun, ended] = [`${STAMP} stdout P begun\n`, `${STAMP} stdout F ended\n`];
  writeFileSync(join(directory, 'current'), begun);
  const { writer } = writerOf(directory, { maxAgeMs: DAY_MS });
  await writer.write(Buffer.from(ended), 'cri');
  await writer.close();
  assert.deepEqual(
    filesOf(directory).map(({ bytes }) => bytes.toString()),
    [begun + ended, ''],
  );
});

test('LogWriter: a name in use is passed over and the clock going back does not turn the order around', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, '20991231T235959.999Z-0007.raw'));
  writeFileSync(join(directory, '20991231T235959.999Z-0006.raw'), 'future\n');
  const { writer } = writerOf(directory, { format: 'raw', maxSizeBytes: 4 });
  await writer.write(Buffer.from('now\n'), 'raw');
  await writer.close();
  assert.equal(readFileSync(join(directory, '20991231T235959.999Z-0008.raw'), 'utf8'), 'now\n');
});

test('LogWriter: of lines that come one by one none is doubled when somebody moves the file away', async (t) => {
  const directory = temporaryDirectory(t);
  const clock = createFakeClock();
  const writer = new LogWriter({ directory, spec: { ...SPEC, format: 'raw' }, clock });
  const [current, moved] = [join(directory, 'current'), join(temporaryDirectory(t), 'moved')];
  await writer.write(Buffer.from('before\n'), 'raw');
  renameSync(current, moved);
  clock.advance(100);
  await writer.write(Buffer.from('after\n'), 'raw');
  await writer.close();
  assert.deepEqual([readFileSync(moved, 'utf8'), readFileSync(current, 'utf8')], ['before\n', 'after\n']);
});

for (const { sooner, before, after } of [
  { sooner: true, before: 'first\n', after: 'again\n' },
  { sooner: false, before: 'tick\n', after: 'tick\ntick\n' },
]) {
  const how = sooner ? 'as many bytes right' : 'bytes that it had before, some time';
  test(`LogWriter: ${how} after somebody has emptied the file are in it once`, async (t) => {
    const directory = temporaryDirectory(t);
    const clock = createFakeClock();
    const writer = new LogWriter({ directory, spec: { ...SPEC, format: 'raw' }, clock });
    await writer.write(Buffer.from(before), 'raw');
    writeFileSync(join(directory, CURRENT), '');
    if (!sooner) clock.advance(100);
    await writer.write(Buffer.from(after), 'raw');
    await writer.close();
    assert.equal(readFileSync(join(directory, CURRENT), 'utf8'), after);
  });
}
