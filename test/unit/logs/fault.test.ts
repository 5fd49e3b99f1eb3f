import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Source, readNow } from '../../../src/logs/source.ts';
import {
  captured,
  entries,
  numbers,
  pipes,
  readinessFor,
  temporaryDirectory,
} from '../../fixtures/log-setup.ts';
import { cleanUp } from '../../support/cleanup.ts';
import { smallDisk } from '../../support/small-disk.ts';
import type { Captured } from '../../fixtures/log-setup.ts';

/** Fires the retry and waits until the log can be written again. */
async function recovered({ clock, nextProblem }: Captured): Promise<void> {
  const problem = nextProblem();
  clock.fire();
  assert.equal(await problem, null);
}

async function texts(log: string): Promise<string[]> {
  return (await entries(log)).map(({ text }) => text);
}

for (const format of ['cri', 'raw', 'json'] as const) {
  test(`capture ${format}: a log that cannot be made is counted, said once, and made when it can be`, async (t) => {
    const root = join(temporaryDirectory(t), 'log');
    writeFileSync(root, 'not a directory');
    const unit = captured(t, { format }, join(root, 'web'));
    const problem = unit.nextProblem();
    await unit.run('seq', '1', '100');
    await unit.capture.settle();
    assert.match(
      (await problem) ?? '',
      /^cannot write log of unit "web": E(NOTDIR|EXIST): .*, output is dropped until it can be written$/,
    );
    await unit.run('printf', 'more\nand cut');
    await unit.capture.settle();
    assert.deepEqual(
      { ...unit.capture.stats(), problem: null },
      { bytes: 0, lines: 0, droppedLines: 102, droppedBytes: 304, problem: null },
    );
    rmSync(root);
    await recovered(unit);
    await unit.run('echo', 'after');
    await unit.capture.settle();
    const [notice, ...rest] = await texts(join(root, 'web'));
    assert.match(notice ?? '', /^unitd: 102 lines \(304 bytes\) dropped: E(NOTDIR|EXIST): /);
    assert.deepEqual(rest, ['after']);
    assert.equal(unit.capture.stats().problem, null);
    assert.equal(unit.problems.length, 2);
  });
}

test('capture: the rest of a line whose beginning was dropped is dropped too', async (t) => {
  const root = join(temporaryDirectory(t), 'log');
  writeFileSync(root, 'not a directory');
  const unit = captured(t, {}, join(root, 'web'));
  const problem = unit.nextProblem();
  await unit.run('printf', 'one\nbegun');
  await problem;
  // Another line on the other stream, to know that the first is read.
  rmSync(root);
  await recovered(unit);
  await unit.run('printf', ' ended\ntwo\n');
  await unit.capture.settle();
  const [notice, ...rest] = await texts(unit.log);
  assert.match(notice ?? '', /^unitd: 2 lines \(9 bytes\) dropped/);
  assert.deepEqual(rest, ['two']);
  assert.deepEqual(unit.capture.stats(), {
    bytes: 4,
    lines: 1,
    droppedLines: 2,
    droppedBytes: 16,
    problem: null,
  });
});

function mounted(t: TestContext, size: string): string | null {
  if (process.getuid?.() !== 0) return null;
  const directory = temporaryDirectory(t);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'unitd-test', directory], {
      stdio: 'ignore',
    });
  } catch {
    return null;
  }
  cleanUp(t, () => void execFileSync('umount', ['-l', directory]));
  return directory;
}

for (const format of ['cri', 'raw', 'json'] as const) {
  test(`capture ${format}: on a full disk no byte is unaccounted, no line torn, and capture resumes`, async (t) => {
    const disk = mounted(t, '64k');
    if (disk === null) {
      t.skip('needs root and mount(2)');
      return;
    }
    const unit = captured(t, { format }, join(disk, 'web'));
    const problem = unit.nextProblem();
    await unit.run('seq', '1', '50000');
    await unit.capture.settle();
    assert.match((await problem) ?? '', /ENOSPC: no space left on device/);
    const full = unit.capture.stats();
    assert.equal(full.bytes + full.droppedBytes, 288_894);
    assert.equal(full.lines + full.droppedLines, 50_000);
    assert.ok(full.lines > 0);
    const kept = await texts(unit.log);
    assert.deepEqual(kept, numbers(1, full.lines));
    assert.equal(readFileSync(join(unit.log, 'current')).at(-1), 10);

    execFileSync('mount', ['-o', 'remount,size=8m', disk]);
    await recovered(unit);
    await unit.run('seq', '50001', '50010');
    await unit.capture.settle();
    const [notice, ...rest] = (await texts(unit.log)).slice(kept.length);
    assert.equal(
      notice,
      `unitd: ${full.droppedLines} lines (${full.droppedBytes} bytes) dropped: ENOSPC: no space left on device`,
    );
    assert.deepEqual(rest, numbers(50_001, 50_010));
  });
}

test('capture: a disk that is full at a rotation loses no line that was counted as written', async (t) => {
  const disk = mounted(t, '128k');
  if (disk === null) {
    t.skip('needs root and mount(2)');
    return;
  }
  const unit = captured(t, { maxSizeBytes: 20_000, compress: true }, join(disk, 'web'));
  const problem = unit.nextProblem();
  await unit.run('sh', '-c', 'seq 1 20000; head -c 200000 /dev/urandom | base64');
  await unit.capture.settle();
  await problem;
  const { lines, droppedLines } = unit.capture.stats();
  execFileSync('mount', ['-o', 'remount,size=8m', disk]);
  await recovered(unit);
  const all = await texts(unit.log);
  assert.equal(all.length, lines + 1);
  assert.match(all.at(-1) ?? '', new RegExp(`^unitd: ${droppedLines} lines `));
});

test('capture: still no space at the next try: tries again, later', async (t) => {
  const root = join(temporaryDirectory(t), 'log');
  writeFileSync(root, 'not a directory');
  const unit = captured(t, {}, join(root, 'web'));
  const problem = unit.nextProblem();
  await unit.run('echo', 'lost');
  await problem;
  unit.clock.fire();
  await unit.capture.settle();
  assert.equal(unit.clock.armed.size, 1);
  rmSync(root);
  await recovered(unit);
  assert.equal(unit.clock.armed.size, 0);
});

test('capture: a stream that cannot be read is a problem for good, also when an outage of the disk ends', async (t) => {
  const root = join(temporaryDirectory(t), 'log');
  writeFileSync(root, 'not a directory');
  const unit = captured(t, {}, join(root, 'web'), undefined, true);
  const unread = 'cannot read stdout of unit "web": EBADF: bad file descriptor, output is not logged';
  await unit.run('echo', 'unread');
  await unit.capture.settle();
  assert.deepEqual(unit.problems, [unread]);
  const problem = unit.nextProblem();
  await unit.run('sh', '-c', 'echo lost >&2');
  const unwritten = await problem;
  assert.match(unwritten ?? '', /^cannot write log of unit "web": E/);
  assert.equal(unit.capture.stats().problem, `${unread}; ${unwritten}`);
  rmSync(root);
  await recovered(unit);
  assert.equal(unit.capture.stats().problem, unread);
  await unit.run('sh', '-c', 'echo unread; echo after >&2');
  await unit.capture.settle();
  assert.equal((await texts(unit.log)).at(-1), 'after');
  assert.deepEqual(unit.problems, [unread, unwritten, null]);
});

const meddlings: readonly (readonly [title: string, meddle: (log: string) => void, kept: string[]])[] = [
  ['current is unlinked', (log) => unlinkSync(join(log, 'current')), ['second']],
  ['current is replaced', (log) => replaced(join(log, 'current')), ['second']],
  ['the directory is removed', (log) => rmSync(log, { recursive: true }), ['second']],
  ['current is emptied', (log) => writeFileSync(join(log, 'current'), ''), ['second']],
];
function replaced(path: string): void {
  writeFileSync(`${path}.new`, '');
  renameSync(`${path}.new`, path);
}
for (const [title, meddle, kept] of meddlings) {
  test(`capture: goes on without a loss when ${title}`, async (t) => {
    const { capture, log, run, problems } = captured(t);
    await run('echo', 'first');
    await capture.settle();
    meddle(log);
    await run('echo', 'second');
    await capture.settle();
    assert.deepEqual(await texts(log), kept);
    assert.deepEqual(problems, []);
  });
}

test('capture: a directory in the place of current is a problem that says so', async (t) => {
  const log = join(temporaryDirectory(t), 'web');
  mkdirSync(join(log, 'current'), { recursive: true });
  const unit = captured(t, {}, log);
  const problem = unit.nextProblem();
  await unit.run('echo', 'lost');
  assert.match((await problem) ?? '', /"\/.*current" is not a regular file/);
  rmSync(join(log, 'current'), { recursive: true });
  await recovered(unit);
});

test('capture: where nothing can be kept beside the pipes, it is said once, and every line is logged all the same', async (t) => {
  const spool = join(temporaryDirectory(t), 'web.spool');
  mkdirSync(spool);
  const { capture, log, run, risks, problems } = captured(t, { maxSizeBytes: 20_000 }, undefined, spool);
  await run('seq', '1', '10000');
  await capture.settle();
  assert.deepEqual(await texts(log), numbers(1, 10_000));
  assert.deepEqual(problems, []);
  assert.equal(risks.length, 1);
  assert.match(
    risks[0] ?? '',
    /^cannot keep unwritten output in ".*web\.spool": EISDIR: .*, a kill of the daemon loses it$/,
  );
});

test('capture: a runtime directory that fills up stops no log', async (t) => {
  const disk = smallDisk(t, 256 * 1024);
  if (disk === null) return t.skip('cannot mount a tmpfs');
  const spool = join(disk, 'web.spool');
  const { capture, log, run, risks, problems } = captured(t, { maxSizeBytes: 20_000 }, undefined, spool);
  await run('echo', 'before');
  await capture.settle();
  assert.throws(() => writeFileSync(join(disk, 'ballast'), Buffer.alloc(300 * 1024)), /ENOSPC/);
  await run('seq', '1', '10000');
  await capture.settle();
  assert.deepEqual(await texts(log), ['before', ...numbers(1, 10_000)]);
  assert.deepEqual(problems, []);
  assert.match(risks.join(), /ENOSPC/);
  assert.equal(existsSync(spool), false, 'what is no longer true does not stay');
});

test('Source: hands on no chunk after one that was refused until resume(), and then all the rest', async (t) => {
  const ends = pipes(t, temporaryDirectory(t));
  let mayRead = true;
  let bytes = 0;
  let ended: () => void = () => {};
  const all = new Promise<void>((resolve) => (ended = resolve));
  const readiness = readinessFor(t);
  const take = (fd: number) => (into: Buffer) => readNow(fd, into);
  const source = new Source({
    fd: ends.stdoutFd,
    readiness,
    take: take(ends.stdoutFd),
    onFault: (reason) => assert.fail(reason),
    onChunk: (chunk) => {
      assert.ok(mayRead, 'a chunk came while reading was paused');
      mayRead = false;
      bytes += chunk.length;
      if (bytes === 1_000_000) ended();
      // After whatever this turn of the loop still would have read.
      setImmediate(() => {
        mayRead = true;
        source.resume();
      });
      return false;
    },
  });
  cleanUp(t, () => source.close());
  const other = new Source({
    fd: ends.stderrFd,
    readiness,
    take: take(ends.stderrFd),
    onChunk: () => true,
    onFault: (reason) => assert.fail(reason),
  });
  cleanUp(t, () => other.close());
  source.resume();
  other.resume();
  await ends.run('head', '-c', '1000000', '/dev/zero');
  await all;
  assert.equal(bytes, 1_000_000);
});
