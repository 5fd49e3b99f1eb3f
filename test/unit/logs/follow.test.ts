import assert from 'node:assert/strict';
import fs, { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { followLog } from '../../../src/logs/follow.ts';
import type { FollowQuery } from '../../../src/logs/follow.ts';
import { readLog } from '../../../src/logs/read.ts';
import { LogReader } from '../../../src/logs/reader.ts';
import { LogWriter } from '../../../src/logs/rotate.ts';
import type { LogSpec } from '../../../src/model/unit.ts';
import type { LogEntry } from '../../../src/wire/log-entry.ts';
import {
  SPEC,
  captured,
  collected,
  descriptorsOf,
  handClock,
  numbers,
  temporaryDirectory,
} from '../../fixtures/log-setup.ts';
import { cleanUp } from '../../support/cleanup.ts';

interface Followed {
  /** Waits for so many more entries. */
  next(count: number): Promise<string[]>;
  end(): Promise<boolean>;
}

function followed(t: TestContext, directory: string, query: Partial<FollowQuery> = {}): Followed {
  const abort = new AbortController();
  const iterator = followLog({
    directory,
    lines: null,
    sinceMs: null,
    stream: null,
    signal: abort.signal,
    last: new AbortController().signal,
    ...query,
  });
  cleanUp(t, async () => {
    abort.abort();
    await iterator.return(undefined);
  });
  return {
    next: async (count) => {
      const texts: string[] = [];
      while (texts.length < count) {
        const { value, done } = await iterator.next();
        if (done === true) break;
        texts.push(value.text);
      }
      return texts;
    },
    end: async () => {
      abort.abort();
      return (await iterator.next()).done === true;
    },
  };
}

function rawWriter(
  t: TestContext,
  directory: string,
  spec: Partial<LogSpec>,
): (text: string) => Promise<void> {
  const full: LogSpec = { ...SPEC, format: 'raw', ...spec };
  const writer = new LogWriter({ directory, spec: full, clock: handClock() });
  cleanUp(t, () => writer.close());
  return async (text) => assert.deepEqual(await writer.write(Buffer.from(text), 'raw'), { ok: true });
}

test('followLog: what is there, then what comes, until it is aborted', async (t) => {
  const { log, run } = captured(t);
  const follower = followed(t, log, { lines: 1 });
  await run('sh', '-c', 'echo one');
  assert.deepEqual(await follower.next(1), ['one']);
  await run('sh', '-c', 'echo two; echo three');
  assert.deepEqual(await follower.next(2), ['two', 'three']);
  assert.equal(await follower.end(), true);
});

test('followLog: ends behind what is in the log when nothing more comes', async (t) => {
  const { log, run, capture } = captured(t);
  const last = new AbortController();
  const follower = followed(t, log, { last: last.signal });
  await run('sh', '-c', 'echo one');
  assert.deepEqual(await follower.next(1), ['one']);
  const rest = follower.next(9);
  await run('sh', '-c', 'echo two; echo three');
  await capture.settle();
  last.abort();
  assert.deepEqual(await rest, ['two', 'three']);
  assert.deepEqual(await followed(t, log, { last: last.signal, lines: 1 }).next(9), ['three']);
});

test('followLog: begins with the last lines', async (t) => {
  const directory = join(temporaryDirectory(t), 'log');
  const write = rawWriter(t, directory, {});
  await write('1\n2\n3\n');
  const follower = followed(t, directory, { lines: 2 });
  assert.deepEqual(await follower.next(2), ['2', '3']);
  await write('4\n');
  assert.deepEqual(await follower.next(1), ['4']);
});

for (const compress of [false, true]) {
  test(`followLog: through three rotations between two looks, compress ${compress}`, async (t) => {
    const directory = join(temporaryDirectory(t), 'log');
    const write = rawWriter(t, directory, { maxSizeBytes: 6, compress });
    await write('1\n');
    const follower = followed(t, directory);
    assert.deepEqual(await follower.next(1), ['1']);
    await write(`${numbers(2, 9).join('\n')}\n`);
    await write('10\n');
    assert.deepEqual(await follower.next(9), numbers(2, 10));
  });

  test(`followLog: a hundred rotations under load, compress ${compress}: each line once and in order`, async (t) => {
    const { log, run, capture } = captured(t, { maxSizeBytes: 20_000, compress });
    const follower = followed(t, log);
    const [read] = await Promise.all([
      follower.next(40_000),
      run('seq', '1', '40000').then(() => capture.settle()),
    ]);
    assert.deepEqual(read, numbers(1, 40_000));
  });
}

test('followLog: goes on when the file that it is in has been removed as one too many', async (t) => {
  const directory = join(temporaryDirectory(t), 'log');
  const write = rawWriter(t, directory, { maxSizeBytes: 2, maxFiles: 1 });
  await write('1\n');
  const follower = followed(t, directory);
  assert.deepEqual(await follower.next(1), ['1']);
  await write('2\n3\n4\n');
  // Which of those between are still there when it looks is a matter of time; the newest is.
  const seen = await follower.next(1);
  while (seen.at(-1) !== '4') seen.push(...(await follower.next(1)));
  assert.deepEqual(
    seen,
    numbers(2, 4).filter((text) => seen.includes(text)),
  );
  await write('5\n');
  assert.deepEqual(await follower.next(1), ['5']);
});

function cri(second: number, text: string): string {
  return `2026-11-22T18:00:${String(second).padStart(2, '0')}.000000000Z stdout F ${text}\n`;
}

test('LogReader: since is of what is there, not of what comes after the clock was set back', async (t) => {
  const directory = temporaryDirectory(t);
  const current = join(directory, 'current');
  writeFileSync(current, cri(10, 'old') + cri(20, 'kept'));
  const sinceMs = Date.UTC(2026, 10, 22, 18, 0, 15);
  const reader = new LogReader({ directory, lines: null, sinceMs, stream: null });
  cleanUp(t, () => reader.close());
  const texts = async (entries: AsyncIterable<LogEntry>): Promise<string[]> =>
    (await collected(entries)).map(({ text }) => text);
  assert.deepEqual(await texts(reader.history(false)), ['kept']);
  appendFileSync(current, cri(5, 'set back') + cri(30, 'later'));
  assert.deepEqual(await texts(reader.news()), ['set back', 'later']);
});

test('followLog: goes on over a rotated file that cannot be read, and says so', async (t) => {
  const directory = temporaryDirectory(t);
  const current = join(directory, 'current');
  mkdirSync(join(directory, '20261122T180001.000Z-0001.cri'));
  writeFileSync(current, cri(2, 'a'));
  const follower = followed(t, directory);
  const notice = (name: string, why: string): string =>
    `unitd: lines are missing here: cannot read "${name}": ${why}`;
  assert.deepEqual(await follower.next(2), [
    notice('20261122T180001.000Z-0001.cri', 'it is not a regular file'),
    'a',
  ]);
  // Between two looks: a file that is made and rotated, and damaged when it is found.
  writeFileSync(join(directory, '20261122T180003.000Z-0003.cri.gz'), 'garbage\n');
  renameSync(current, join(directory, '20261122T180002.000Z-0002.cri'));
  writeFileSync(current, cri(4, 'b'));
  assert.deepEqual(await follower.next(2), [
    notice('20261122T180003.000Z-0003.cri', 'incorrect header check'),
    'b',
  ]);
});

test('followLog: says once that the current file cannot be read, and goes on when it can', async (t) => {
  const directory = temporaryDirectory(t);
  const current = join(directory, 'current');
  writeFileSync(join(directory, '20261122T180001.000Z-0001.cri'), cri(1, 'old') + cri(1, 'older'));
  symlinkSync(current, current);
  const follower = followed(t, directory, { lines: 2 });
  const notice = `unitd: lines are missing here: cannot read "${current}": ELOOP: too many symbolic links encountered`;
  assert.deepEqual(await follower.next(2), ['older', notice]);
  // Told of by the directory, and as bad as before.
  writeFileSync(join(directory, 'other'), '');
  writeFileSync(join(directory, '20261122T180002.000Z-0002.cri'), cri(2, 'rotated'));
  assert.deepEqual(await follower.next(1), ['rotated']);
  rmSync(current);
  writeFileSync(current, cri(3, 'a'));
  assert.deepEqual(await follower.next(1), ['a']);
  rmSync(current);
  mkdirSync(current);
  assert.deepEqual(await follower.next(1), [
    `unitd: lines are missing here: cannot read "${current}": it is not a regular file`,
  ]);
});

test('followLog: a directory that cannot be read at first is read by the query when it can', async (t) => {
  const directory = join(temporaryDirectory(t), 'log');
  writeFileSync(directory, '');
  const follower = followed(t, directory, { lines: 1 });
  const notice = `unitd: lines are missing here: cannot read "${directory}": ENOTDIR: not a directory`;
  assert.deepEqual(await follower.next(1), [notice]);
  const made = `${directory}.new`;
  mkdirSync(made);
  writeFileSync(join(made, 'current'), cri(1, 'a') + cri(2, 'b'));
  rmSync(directory);
  renameSync(made, directory);
  assert.deepEqual(await follower.next(1), ['b']);
});

test('followLog: a log that is made, removed and made again', async (t) => {
  const directory = join(temporaryDirectory(t), 'a', 'b');
  const follower = followed(t, directory);
  const write = rawWriter(t, directory, {});
  const first = follower.next(1);
  await write('1\n');
  assert.deepEqual(await first, ['1']);
  rmSync(directory, { recursive: true });
  await write('2\n');
  assert.deepEqual(await follower.next(1), ['2']);
});

test('followLog: aborted while nothing comes, and before it began', async (t) => {
  const directory = join(temporaryDirectory(t), 'log');
  assert.equal(await followed(t, directory).end(), true);
  const follower = followed(t, directory);
  const nothing = follower.next(1);
  const ended = follower.end();
  assert.deepEqual(await nothing, []);
  assert.equal(await ended, true);
});

test('readLog: sees each line once while files are rotated, compressed and removed under it', async (t) => {
  const { log, run, capture } = captured(t, { maxSizeBytes: 20_000, compress: true });
  await run('seq', '1', '100');
  await capture.settle();
  let writing = true;
  const written = run('seq', '101', '60000').then(() => (writing = false));
  let looks = 0;
  do {
    let expected = 1;
    for await (const { text } of readLog({ directory: log, lines: null, sinceMs: null, stream: null })) {
      assert.equal(text, String(expected));
      expected += 1;
    }
    assert.ok(expected > 100);
    looks += 1;
  } while (writing || looks < 2);
  await written;
});

test('LogReader: leaves no descriptor of a log whose directory cannot be listed, and reads it when it can', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'current'), 'a line\n');
  const reader = new LogReader({ directory, lines: null, sinceMs: null, stream: null });
  cleanUp(t, async () => await reader.close());
  const { readdir } = fs.promises;
  let listings = 0;
  const listing = t.mock.method(fs.promises, 'readdir', async (path: string) => {
    listings += 1;
    // The second, of a file that is open by then.
    if (listings % 2 === 1) return await readdir(path);
    throw Object.assign(new Error('EMFILE: too many open files, scandir'), { code: 'EMFILE', path });
  });
  syncBuiltinESMExports();
  const entries = await collected(reader.history(true));
  listing.mock.restore();
  syncBuiltinESMExports();
  assert.match(entries.map(({ text }) => text).join(), /^unitd: lines are missing here: .*EMFILE/);
  assert.equal(descriptorsOf(join(directory, 'current')), 0);
  assert.deepEqual(
    (await collected(reader.news())).map(({ text }) => text),
    ['a line'],
  );
});
