import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readLog } from '../../../src/logs/read.ts';
import type { LogQuery } from '../../../src/logs/reader.ts';
import { collected, numbers, temporaryDirectory } from '../../fixtures/log-setup.ts';

/** A log directory of these files; those named `.gz` are compressed. */
function logOf(directory: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(directory, name), name.endsWith('.gz') ? gzipSync(text) : text);
  }
  return directory;
}

async function texts(directory: string, query: Partial<LogQuery> = {}): Promise<string[]> {
  const all = { directory, lines: null, sinceMs: null, stream: null, ...query };
  return (await collected(readLog(all))).map(({ text }) => text);
}

/** A cri line of 18:SS on stdout, or on stderr with `!`, a piece with `+`. */
function cri(...lines: readonly (readonly [second: number, text: string, flags?: string])[]): string {
  return lines
    .map(([second, text, flags = '']) => {
      const time = `2026-11-22T18:00:${String(second).padStart(2, '0')}.000000000Z`;
      return `${time} ${flags.includes('!') ? 'stderr' : 'stdout'} ${flags.includes('+') ? 'P' : 'F'} ${text}\n`;
    })
    .join('');
}

const FIRST = '20261122T180010.000Z-0001.cri.gz';
const SECOND = '20261122T180020.000Z-0002.cri';
const THREE_FILES = {
  [FIRST]: cri([1, 'a'], [2, 'b', '!'], [3, 'c']),
  [SECOND]: cri([11, 'd', '!'], [12, 'e'], [13, 'f']),
  current: cri([21, 'g'], [22, 'h', '!'], [23, 'i']),
};

const rows: readonly (readonly [title: string, query: Partial<LogQuery>, expected: string])[] = [
  ['all of it, over compressed, rotated and current files', {}, 'abcdefghi'],
  ['no lines', { lines: 0 }, ''],
  ['the last line', { lines: 1 }, 'i'],
  ['the last lines of the file before too', { lines: 4 }, 'fghi'],
  ['the last lines of a compressed file too', { lines: 7 }, 'cdefghi'],
  ['more lines than there are', { lines: 100 }, 'abcdefghi'],
  ['one stream', { stream: 'stderr' }, 'bdh'],
  ['the last lines of one stream', { stream: 'stderr', lines: 2 }, 'dh'],
  ['the last lines of one stream, into a compressed file', { stream: 'stderr', lines: 3 }, 'bdh'],
  ['what is not older', { sinceMs: Date.parse('2026-11-22T18:00:12Z') }, 'efghi'],
  [
    'what is not older, from a compressed file on',
    { sinceMs: Date.parse('2026-11-22T18:00:03Z') },
    'cdefghi',
  ],
  ['the last lines of what is not older', { sinceMs: Date.parse('2026-11-22T18:00:12Z'), lines: 2 }, 'hi'],
  ['nothing that is newer than all', { sinceMs: Date.parse('2026-11-22T19:00:00Z') }, ''],
];
for (const [title, query, expected] of rows) {
  test(`readLog: ${title}`, async (t) => {
    const directory = logOf(temporaryDirectory(t), THREE_FILES);
    assert.equal((await texts(directory, query)).join(''), expected);
  });
}

test('readLog: entries have the time and stream of their line', async (t) => {
  const directory = logOf(temporaryDirectory(t), { current: cri([5, 'x', '!']) });
  assert.deepEqual(await collected(readLog({ directory, lines: null, sinceMs: null, stream: null })), [
    { time: '2026-11-22T18:00:05.000000000Z', stream: 'stderr', text: 'x' },
  ]);
});

test('readLog: a directory that does not exist is an empty log', async (t) => {
  assert.deepEqual(await texts(join(temporaryDirectory(t), 'none')), []);
});

test('readLog: pieces of a line are joined, across files and with the other stream between them', async (t) => {
  const directory = logOf(temporaryDirectory(t), {
    [SECOND]: cri([1, 'x'], [2, 'long ', '+'], [2, 'err', '!'], [3, 'line ', '+']),
    current: cri([4, 'other ', '!+'], [4, 'ended'], [5, 'one', '!']),
  });
  assert.deepEqual(await texts(directory), ['x', 'err', 'long line ended', 'other one']);
  for (const lines of [1, 2, 3]) {
    assert.deepEqual(
      await texts(directory, { lines }),
      ['err', 'long line ended', 'other one'].slice(-lines),
    );
  }
});

test('readLog: a long line among the last ones has its beginning, however far that is', async (t) => {
  const piece = 'x'.repeat(16_384);
  const pieces = numbers(1, 40).map((second) => [Number(second), piece, '+'] as const);
  const directory = logOf(join(temporaryDirectory(t), 'web'), {
    [SECOND]: cri([0, 'before'], ...pieces.slice(0, 20)),
    current: cri([21, 'other', '!'], ...pieces.slice(20), [41, 'end'], [42, 'after']),
  });
  const long = `${piece.repeat(40)}end`;
  for (const lines of [1, 2, 3, 4]) {
    assert.deepEqual(
      (await texts(directory, { lines })).map((text) => text.length),
      ['before', 'other', long, 'after'].slice(-lines).map((text) => text.length),
    );
  }
  // It is of the time of its beginning.
  assert.deepEqual(await texts(directory, { sinceMs: Date.parse('2026-11-22T18:00:25Z') }), ['after']);
});

test('readLog: a line whose last piece has not come is shown as far as it is', async (t) => {
  const directory = logOf(temporaryDirectory(t), { current: cri([1, 'x'], [2, 'begun', '+']) });
  assert.deepEqual(await texts(directory), ['x', 'begun']);
});

test('readLog: a formatted line that is being written is left out, an unended raw one is not', async (t) => {
  const directory = temporaryDirectory(t);
  assert.deepEqual(await texts(logOf(join(directory, 'cri'), { current: `${cri([1, 'x'])}2026-11-22T18` })), [
    'x',
  ]);
  assert.deepEqual(await texts(logOf(join(directory, 'raw'), { current: 'x\ny' })), ['x', 'y']);
});

test('readLog: each file is read in its own format', async (t) => {
  const time = '2026-11-22T18:51:51.123456789Z';
  const directory = logOf(temporaryDirectory(t), {
    '20261122T180000.000Z-0001.raw': 'plain\n',
    '20261122T180001.000Z-0002.json.gz':
      `{"time":"${time}","stream":"stderr","text":"//4=","encoding":"base64"}\n` +
      `{"time":"${time}","stream":"stdout","text":"a\\n","partial":true}\n{"time":"${time}","stream":"stdout","text":"b"}\n`,
    // A raw log may hold what looks like another format.
    '20261122T180002.000Z-0003.raw': cri([1, 'not ours']),
    current: cri([2, 'last']),
  });
  assert.deepEqual(await collected(readLog({ directory, lines: null, sinceMs: null, stream: null })), [
    { time: null, stream: null, text: 'plain' },
    { time, stream: 'stderr', text: '\ufffd\ufffd' },
    { time, stream: 'stdout', text: 'a\nb' },
    { time: null, stream: null, text: cri([1, 'not ours']).trimEnd() },
    { time: '2026-11-22T18:00:02.000000000Z', stream: 'stdout', text: 'last' },
  ]);
});

test('readLog: since takes raw files whole, by the time of their last line', async (t) => {
  const directory = logOf(temporaryDirectory(t), {
    '20261122T180000.000Z-0001.raw': 'old\n',
    '20261122T190000.000Z-0002.raw': 'young\n',
    current: 'new\n',
  });
  utimesSync(join(directory, '20261122T180000.000Z-0001.raw'), 1000, 1000);
  utimesSync(join(directory, '20261122T190000.000Z-0002.raw'), 2000, 2000);
  utimesSync(join(directory, 'current'), 3000, 3000);
  assert.deepEqual(await texts(directory, { sinceMs: 1_500_000 }), ['young', 'new']);
  assert.deepEqual(await texts(directory, { sinceMs: 3_500_000 }), []);
});

test('readLog: names that are no rotated logs, and unfinished compressions, are passed over', async (t) => {
  const directory = logOf(temporaryDirectory(t), {
    'notes.txt': 'x\n',
    [`${SECOND}.gz.part`]: 'x\n',
    '20261122T180010.000Z-0001.cri.bak': 'x\n',
    current: cri([1, 'y']),
  });
  assert.deepEqual(await texts(directory), ['y']);
});

test('readLog: a file that is there in both forms is read once', async (t) => {
  const directory = logOf(temporaryDirectory(t), {
    [SECOND]: cri([1, 'x']),
    [`${SECOND}.gz`]: cri([1, 'x']),
  });
  assert.deepEqual(await texts(directory), ['x']);
});

const WHOLE = gzipSync(cri([11, 'd'.repeat(1000)], [12, 'e']));
const damages: readonly (readonly [
  title: string,
  name: string,
  damage: (path: string) => void,
  why: string,
])[] = [
  [
    'cut short',
    `${SECOND}.gz`,
    (path) => writeFileSync(path, WHOLE.subarray(0, -9)),
    'unexpected end of file',
  ],
  ['empty', `${SECOND}.gz`, (path) => writeFileSync(path, ''), 'unexpected end of file'],
  [
    'not compressed at all',
    `${SECOND}.gz`,
    (path) => writeFileSync(path, 'garbage\n'),
    'incorrect header check',
  ],
  ['a compressed directory', `${SECOND}.gz`, (path) => mkdirSync(path), 'it is not a regular file'],
  ['a directory', SECOND, (path) => mkdirSync(path), 'it is not a regular file'],
  [
    'a FIFO that nobody writes to',
    SECOND,
    (path) => execFileSync('mkfifo', [path]),
    'it is not a regular file',
  ],
];
for (const [title, name, damage, why] of damages) {
  test(`readLog: a rotated file that is ${title} is a notice among the lines of the others`, async (t) => {
    const { [FIRST]: first, current } = THREE_FILES;
    const directory = logOf(temporaryDirectory(t), { [FIRST]: first, current });
    damage(join(directory, name));
    const notice = `unitd: lines are missing here: cannot read "${SECOND}": ${why}`;
    const since = (second: number): number => Date.UTC(2026, 10, 22, 18, 0, second);
    const around = async (query: Partial<LogQuery>): Promise<string[]> =>
      // What was read before the damage may be there or not.
      (await texts(directory, query)).filter((text) => !/^[de]+$/.test(text));
    assert.deepEqual(await around({}), ['a', 'b', 'c', notice, 'g', 'h', 'i']);
    assert.deepEqual(await around({ lines: 2 }), ['h', 'i']);
    assert.deepEqual(await around({ lines: 4 }), [notice, 'g', 'h', 'i']);
    assert.deepEqual(await around({ lines: 100 }), ['a', 'b', 'c', notice, 'g', 'h', 'i']);
    assert.deepEqual(await around({ sinceMs: since(3) }), ['c', notice, 'g', 'h', 'i']);
    assert.deepEqual(await around({ sinceMs: since(21) }), ['g', 'h', 'i']);
    assert.deepEqual(await around({ stream: 'stderr' }), ['b', notice, 'h']);
  });
}

for (const [title, damage, why] of [
  ['a directory', (path: string) => mkdirSync(path), 'it is not a regular file'],
  [
    'a FIFO that nobody writes to',
    (path: string) => execFileSync('mkfifo', [path]),
    'it is not a regular file',
  ],
  [
    'a link to itself',
    (path: string) => symlinkSync(path, path),
    'ELOOP: too many symbolic links encountered',
  ],
] as const) {
  test(`readLog: of a current file that is ${title} a notice comes last`, async (t) => {
    const { [FIRST]: first } = THREE_FILES;
    const directory = logOf(temporaryDirectory(t), { [FIRST]: first });
    const current = join(directory, 'current');
    damage(current);
    const notice = `unitd: lines are missing here: cannot read "${current}": ${why}`;
    assert.deepEqual(await texts(directory), ['a', 'b', 'c', notice]);
    assert.deepEqual(await texts(directory, { lines: 2 }), ['c', notice]);
  });
}

test('readLog: of a directory that is none a notice is all', async (t) => {
  const path = join(temporaryDirectory(t), 'log');
  writeFileSync(path, '');
  const notice = `unitd: lines are missing here: cannot read "${path}": ENOTDIR: not a directory`;
  assert.deepEqual(await texts(path), [notice]);
});

test('readLog: what a damaged file has begun ends there', async (t) => {
  const directory = logOf(temporaryDirectory(t), {
    [FIRST]: cri([1, 'a'], [2, 'begun ', '+']),
    [`${SECOND}.gz`]: '',
    current: cri([21, 'end'], [22, 'b']),
  });
  writeFileSync(join(directory, `${SECOND}.gz`), 'garbage\n');
  assert.deepEqual(await texts(directory), [
    'a',
    'begun ',
    `unitd: lines are missing here: cannot read "${SECOND}": incorrect header check`,
    'end',
    'b',
  ]);
});

test('readLog: the last lines of a long file do not cost its reading', async (t) => {
  const directory = logOf(temporaryDirectory(t), {
    current: numbers(1, 60)
      .map((second) => cri([Number(second) - 1, 'x'.repeat(100_000)]))
      .join(''),
  });
  const before = await bytesRead();
  assert.equal((await texts(directory, { lines: 2 })).length, 2);
  const cost = (await bytesRead()) - before;
  assert.ok(cost < 2_500_000, `${cost} bytes read for 200 kB of a log of 6 MB`);
});

async function bytesRead(): Promise<number> {
  const { readFile } = await import('node:fs/promises');
  return Number(/rchar: (\d+)/.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
}

test('readLog: the last lines of a log are as many as were asked for, also where these are too many to be held', async (t) => {
  const lines = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, index) => cri([1, String(from + index)])).join('');
  const directory = logOf(temporaryDirectory(t), {
    [FIRST]: lines(0, 9000),
    [SECOND]: lines(9000, 14_000),
    current: lines(14_000, 20_000),
  });
  for (const count of [10_001, 12_345, 30_000]) {
    const expected = Array.from({ length: 20_000 }, (_, index) => String(index)).slice(-count);
    assert.deepEqual(await texts(directory, { lines: count }), expected);
  }
});
